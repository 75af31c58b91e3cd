//! `wecom-kf callback decrypt`: a captured request, from an access log or a file.

use std::io::{Read, stdin};
use std::path::{Path, PathBuf};

use serde_json::json;
use wecom_kf::Bilingual;
use wecom_kf::callback::Event;
use wecom_kf_callback::{MAX_BODY, Query};

use super::{Show, shown};
use crate::app::App;
use crate::failure::{Exit, Failure, Problem};

#[derive(Debug, clap::Args)]
pub(crate) struct Decrypt {
    /// The URL or the query of the request, or its line of an access log, with msg_signature, timestamp and nonce
    request: String,
    /// The file with the body of a POST; by default standard input
    #[arg(long, value_name = "FILE")]
    body: Option<PathBuf>,
    /// Shows the token in the event; asks first
    #[arg(long)]
    reveal: bool,
    /// Shows the XML of other events, which may contain what customers wrote
    #[arg(long)]
    show_text: bool,
}

impl Decrypt {
    pub(super) async fn run(self, app: &App) -> Result<(), Failure> {
        let callback = app.settings()?.callback()?;
        let query = Query::parse(query_in(&self.request))?;
        if query.echostr().is_some() {
            let echo = callback.verify_url(&query)?;
            return app.out.json(&json!({ "kind": "url_verification", "echo": echo }));
        }
        let body = body(self.body.as_deref())?;
        let event: Event = callback.event(&query, &body)?;
        let what = Bilingual::fixed(
            "Shows the token of the event, with which messages can be read for ten minutes",
            "显示事件中的 token，十分钟内可用它读取消息",
        );
        let token = self.reveal && app.agree(&what)?;
        app.out.json(&shown(&event, Show { token, text: self.show_text })?)
    }
}

/// Returns the query in a URL, in a line of an access log, or alone.
fn query_in(request: &str) -> &str {
    let mut words = request.split([' ', '\t', '"', '\'']);
    let word = words.find(|word| word.contains("msg_signature=")).unwrap_or(request);
    let query = word.split_once('?').map_or(word, |(_, query)| query);
    query.split('#').next().unwrap_or_default()
}

fn body(path: Option<&Path>) -> Result<Vec<u8>, Failure> {
    let mut body = Vec::new();
    // One byte more than is accepted, so that the library says that it is too long.
    let limit = MAX_BODY as u64 + 1;
    let read = match path.filter(|path| *path != Path::new("-")) {
        None => stdin().lock().take(limit).read_to_end(&mut body),
        Some(path) => std::fs::File::open(path).and_then(|file| file.take(limit).read_to_end(&mut body)),
    };
    read.map_err(|error| {
        Problem::new(
            Bilingual::fixed("the body cannot be read", "无法读取请求体"),
            (
                "Check the path of --body, or pass the body on standard input.",
                "检查 --body 的路径，或从标准输入传入请求体。",
            ),
        )
        .because(error)
        .exit(Exit::Usage)
    })?;
    Ok(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_query_is_found_in_what_people_have() {
        let query = "msg_signature=1&timestamp=2&nonce=3";
        for request in [
            query.to_owned(),
            format!("?{query}"),
            format!("https://bot.example/callback?{query}#top"),
            format!("203.0.113.7 - - [20/Nov/2026] \"POST /callback?{query} HTTP/1.1\" 200 0"),
        ] {
            assert_eq!(query_in(&request), query, "{request}");
        }
        assert_eq!(query_in("no request"), "no request");
    }
}
