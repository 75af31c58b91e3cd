//! A simulator that answers requests in memory, with a paused clock.

use std::fmt;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Method, Request, StatusCode, Uri, header};
use axum::response::Response;
use bytes::Bytes;
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;
use tower::ServiceExt;
use wecom_kf_sim::{Simulator, fuzz, op};

/// The time limit of a request. It is longer than any wait of the control API, because faults may prevent an answer.
const PATIENCE: Duration = Duration::from_secs(120);

/// Separates two requests of one input.
const BETWEEN: &str = "\n---\n";

/// The limit of requests of one input.
const MOST_REQUESTS: usize = 16;

/// A simulator with an account, a customer who has written, a servicer and an access token.
pub struct Stage {
    runtime: Runtime,
    sim: Simulator,
    routes: Router,
}

impl fmt::Debug for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stage").field("sim", &self.sim).finish_non_exhaustive()
    }
}

/// A request of an input and its answer.
#[derive(Debug)]
pub struct Exchange {
    /// The path of the request, without the query.
    pub path: String,
    /// The status of the answer.
    pub status: Option<StatusCode>,
    /// The body of the answer. `None` if it was incomplete or never ends.
    pub body: Option<Bytes>,
}

impl Default for Stage {
    fn default() -> Self {
        let runtime = Builder::new_current_thread().enable_all().start_paused(true).build();
        let runtime = runtime.expect("a runtime of one thread needs nothing");
        let builder = Simulator::builder().corp("ww7", "FixtureSecret07").seed(7).manual_clock().servicer("zhangsan");
        let sim = runtime.block_on(builder.start()).expect("loopback has a free port");
        let routes = fuzz::routes(&sim);
        Self { runtime, sim, routes }
    }
}

impl Stage {
    /// Sends the requests of an input. Each call begins with the same state.
    ///
    /// A request is a line `METHOD TARGET CONTENT-TYPE`, in which the Content-Type may be missing, and then the body. In both,
    /// `@token`, `@secret`, `@account`, `@customer`, `@callback` and `@file` are replaced by the values of the simulator.
    pub fn play(&self, input: &str) -> Vec<Exchange> {
        self.sim.reset();
        self.runtime.block_on(async {
            let names = self.names().await;
            let mut exchanges = Vec::new();
            for text in input.split(BETWEEN).take(MOST_REQUESTS) {
                let text = names.iter().fold(text.to_owned(), |text, (name, value)| text.replace(name, value));
                if let Some(request) = request(&text) {
                    exchanges.push(self.exchange(request).await);
                }
            }
            exchanges
        })
    }

    async fn names(&self) -> [(&'static str, String); 6] {
        let (corp_id, secret) = (self.sim.corp_id(), self.sim.secret());
        let gettoken = format!("GET {}?corpid={corp_id}&corpsecret={secret}", op::GETTOKEN.path);
        self.exchange(request(&gettoken).expect("ids and secrets need no escapes")).await;
        let customer = self.sim.customer("小王");
        customer.says("你好");
        [
            ("@token", self.sim.access_token().expect("gettoken was called")),
            ("@secret", secret),
            ("@account", self.sim.open_kfid()),
            ("@customer", customer.external_userid().to_owned()),
            ("@callback", self.sim.sync_token()),
            ("@file", self.sim.media_id()),
        ]
    }

    async fn exchange(&self, request: Request<Body>) -> Exchange {
        let path = request.uri().path().to_owned();
        let answer = async {
            let response: Response = match self.routes.clone().oneshot(request).await {
                Ok(response) => response,
                Err(never) => match never {},
            };
            let status = response.status();
            let body = timeout(PATIENCE, to_bytes(response.into_body(), usize::MAX)).await;
            (status, body.ok().and_then(Result::ok))
        };
        match timeout(2 * PATIENCE, answer).await {
            Ok((status, body)) => Exchange { path, status: Some(status), body },
            Err(_) => Exchange { path, status: None, body: None },
        }
    }
}

/// Parses a request. Returns `None` if a client cannot send it.
fn request(text: &str) -> Option<Request<Body>> {
    let (line, body) = text.split_once('\n').unwrap_or((text, ""));
    // Callbacks go to port 9, on which nothing listens, and not to a program that runs on this machine.
    if body.contains("http") && line.contains("/callback") && !body.contains("127.0.0.1:9/") {
        return None;
    }
    let mut words = line.splitn(3, ' ');
    let method: Method = words.next()?.parse().ok()?;
    let target: Uri = words.next()?.parse().ok()?;
    let content_type = words.next().unwrap_or("application/json");
    let request = Request::builder().method(method).uri(target).header(header::HOST, "127.0.0.1");
    let length = body.len();
    let request = request.header(header::CONTENT_TYPE, content_type).header(header::CONTENT_LENGTH, length);
    request.body(Body::from(body.to_owned())).ok()
}
