//! `wecom-kf callback serve`: a receiver that prints what arrives, and why it refuses a request.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, RawQuery, State};
use axum::http::{Method, StatusCode};
use serde::Serialize;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use wecom_kf::callback::{self, Callback, Event, MAX_BODY, Router, WAITING_EVENTS};
use wecom_kf::{Bilingual, Lang};
use wecom_kf_callback::{Error as Refused, Query};

use super::{Show, shown};
use crate::app::App;
use crate::failure::{Failure, Problem};
use crate::out::{Column, column};
use crate::time;

#[derive(Debug, clap::Args)]
pub(crate) struct Serve {
    /// The address to listen at; by default WECOM_KF_LISTEN
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// Shows the XML of other events, which may contain what customers wrote
    #[arg(long)]
    show_text: bool,
}

/// A row of the output.
#[derive(Serialize)]
struct Row {
    /// Unix seconds.
    received_at: i64,
    #[serde(flatten)]
    event: Value,
}

/// What arrived.
enum Arrived {
    Verification,
    Event(Event),
    Refused(Method, Refused),
}

struct Endpoint {
    callback: Callback,
    arrivals: mpsc::Sender<Arrived>,
}

impl Serve {
    pub(super) async fn run(self, app: &App) -> Result<(), Failure> {
        let settings = app.settings()?;
        let callback = settings.callback()?;
        let address = match self.listen {
            Some(address) => address,
            None => settings.listen()?,
        };
        let listener = TcpListener::bind(address).await.map_err(|error| {
            Problem::new(
                Bilingual::new(format!("cannot listen at {address}"), format!("无法监听 {address}")),
                (
                    "Stop the program that listens there, such as the bot, or choose another address with --listen.",
                    "停止占用该地址的程序（如机器人），或用 --listen 换一个地址。",
                ),
            )
            .because(error)
        })?;
        let address = listener.local_addr()?;
        app.out.note(&Bilingual::new(
            format!("receives callbacks at http://{address}, any path, until Ctrl-C"),
            format!("在 http://{address} 的任意路径接收回调，按 Ctrl-C 结束"),
        ));
        let (arrivals, mut arrived) = mpsc::channel(WAITING_EVENTS);
        let endpoint = Arc::new(Endpoint { callback, arrivals });
        let router = Router::new().fallback(receive).layer(DefaultBodyLimit::max(MAX_BODY)).with_state(endpoint);
        tokio::spawn(callback::serve(listener, router));
        while let Some(arrived) = arrived.recv().await {
            show(app, &arrived, Show { token: false, text: self.show_text })?;
        }
        Ok(())
    }
}

async fn receive(
    State(endpoint): State<Arc<Endpoint>>,
    method: Method,
    RawQuery(query): RawQuery,
    body: Bytes,
) -> Result<String, StatusCode> {
    let read = Query::parse(&query.unwrap_or_default()).and_then(|query| match method {
        Method::GET => Ok((Arrived::Verification, endpoint.callback.verify_url(&query)?)),
        _ => Ok((Arrived::Event(endpoint.callback.event(&query, &body)?), String::new())),
    });
    let (arrived, answer) = match read {
        Ok((arrived, answer)) => (arrived, Ok(answer)),
        Err(error) => (Arrived::Refused(method, error), Err(StatusCode::FORBIDDEN)),
    };
    // WeCom sends an event again that is not printed yet; a refused request is nothing to wait for.
    match endpoint.arrivals.try_send(arrived) {
        Err(_) if answer.is_ok() => Err(StatusCode::SERVICE_UNAVAILABLE),
        _ => answer,
    }
}

fn show(app: &App, arrived: &Arrived, show: Show) -> Result<(), Failure> {
    let event = match arrived {
        Arrived::Verification => json!({ "kind": "url_verification" }),
        Arrived::Event(event) => shown(event, show)?,
        Arrived::Refused(method, error) => {
            let reason = error.reason();
            let [en, zh] = [Lang::En, Lang::Zh].map(|lang| (reason.in_lang(lang), reason.remedy(lang)));
            app.out.always(&Bilingual::new(
                format!("refused a {method}: {}  do: {}", en.0, en.1),
                format!("拒绝了 {method}：{}。处理：{}", zh.0, zh.1),
            ));
            return Ok(());
        }
    };
    app.out.row(&columns(), &Row { received_at: time::now().as_second(), event })
}

fn columns() -> [Column<Row>; 4] {
    [
        column("TIME", "时间", |row, _| time::shown(row.received_at)),
        column("KIND", "类型", |row, _| kind(&row.event)),
        column("ACCOUNT", "客服账号", |row, _| accounts(&row.event)),
        column("XML", "XML", |row, _| row.event["xml"].as_str().unwrap_or_default().to_owned()),
    ]
}

/// Returns the kind of an event, for one that the library does not know with WeCom's own name.
fn kind(event: &Value) -> String {
    let kind = event["kind"].as_str().unwrap_or_default();
    match event["event"].as_str().or(event["msg_type"].as_str()) {
        Some(name) => format!("{kind}:{name}"),
        None => kind.to_owned(),
    }
}

/// Returns the account of an announcement, and the accounts that were granted (`+`) or withdrawn (`-`).
fn accounts(event: &Value) -> String {
    let list = |name: &str, sign: &str| {
        let ids = event[name].as_array().into_iter().flatten().filter_map(Value::as_str);
        ids.map(|id| format!("{sign}{id}")).collect::<Vec<_>>()
    };
    let own = event["open_kfid"].as_str().map(str::to_owned);
    own.into_iter().chain(list("added", "+")).chain(list("removed", "-")).collect::<Vec<_>>().join(" ")
}
