//! `wecom-kf callback sign`: a request as WeCom would send it, to try a receiver.

use std::io::{Read, stdin};
use std::path::{Path, PathBuf};

use serde::Serialize;
use wecom_kf::reqwest::Url;
use wecom_kf::{Bilingual, Variable};

use crate::app::App;
use crate::failure::{Exit, Failure, Problem};
use crate::request::{Stamp, announcement, digits, random};

#[derive(Debug, clap::Args)]
pub(crate) struct Sign {
    /// The URL of the receiver
    url: String,
    /// Makes the GET by which WeCom verifies the URL, instead of an event
    #[arg(long, conflicts_with_all = ["token", "xml"])]
    verify: bool,
    /// The token in the event, which the bot passes to sync_msg
    #[arg(long, default_value = "SIGNED-BY-WECOM-KF", conflicts_with = "xml")]
    token: String,
    /// A file with the XML of another event; - is standard input
    #[arg(long, value_name = "FILE")]
    xml: Option<PathBuf>,
}

/// A request. The keys do not change.
#[derive(Serialize)]
struct Request {
    method: &'static str,
    url: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<String>,
    /// The answer that the receiver must give.
    #[serde(skip_serializing_if = "Option::is_none")]
    expected: Option<String>,
}

impl Sign {
    pub(super) fn run(self, app: &App) -> Result<(), Failure> {
        let settings = app.settings()?;
        let callback = settings.callback()?;
        let url = Url::parse(&self.url).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
        let url = url.ok_or_else(|| {
            Problem::new(
                Bilingual::fixed("the address of the receiver is no URL", "接收端地址不是 URL"),
                ("Write it like http://127.0.0.1:8080/callback.", "写成 http://127.0.0.1:8080/callback 的形式。"),
            )
            .exit(Exit::Usage)
        })?;
        let Stamp { timestamp, nonce } = Stamp::now()?;
        let request = if self.verify {
            let echo = digits(19)?;
            let query = callback.seal_url(&echo, &timestamp, &nonce, random()?);
            Request { method: "GET", url: with_query(url, &query), body: None, expected: Some(echo) }
        } else {
            let xml = match &self.xml {
                Some(path) => text_of(path)?,
                None => {
                    let account = settings.has(Variable::OpenKfid).then(|| settings.open_kfid()).transpose()?;
                    let account = account.as_ref().map(AsRef::as_ref);
                    announcement(&settings.corp_id()?, account, &self.token, &timestamp)
                }
            };
            let sealed = callback.seal(&xml, &timestamp, &nonce, random()?);
            Request { method: "POST", url: with_query(url, &sealed.query), body: Some(sealed.body), expected: None }
        };
        if app.out.is_json() {
            return app.out.json(&request);
        }
        if let Some(expected) = &request.expected {
            app.out.note(&Bilingual::new(
                format!("the receiver must answer {expected}, and nothing else"),
                format!("接收端必须只返回 {expected}"),
            ));
        }
        app.out.line(&curl(&request))
    }
}

fn with_query(mut url: Url, query: &str) -> String {
    let query = match url.query() {
        Some(own) if !own.is_empty() => format!("{own}&{query}"),
        _ => query.to_owned(),
    };
    url.set_query(Some(&query));
    url.into()
}

fn curl(request: &Request) -> String {
    let url = quoted(&request.url);
    match &request.body {
        Some(body) => format!("curl -H 'Content-Type: text/xml' --data-binary {} {url}", quoted(body)),
        None => format!("curl {url}"),
    }
}

/// Quotes a text for a shell. The ciphertext is base64, so there is no control character.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

fn text_of(path: &Path) -> Result<String, Failure> {
    let mut text = String::new();
    let read = match path == Path::new("-") {
        true => stdin().lock().read_to_string(&mut text).map(|_| text),
        false => std::fs::read_to_string(path),
    };
    read.map_err(|error| {
        Problem::new(
            Bilingual::fixed("the XML cannot be read", "无法读取 XML"),
            ("Check the path of --xml. The file must be UTF-8.", "检查 --xml 的路径，文件须为 UTF-8。"),
        )
        .because(error)
        .exit(Exit::Usage)
        .into()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quote_does_not_end_the_quoting() {
        assert_eq!(quoted("a'b; rm"), r"'a'\''b; rm'");
    }
}
