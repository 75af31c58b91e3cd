//! The routes of a simulator: platform, control API and console of each corp, behind the guard. Decides which corp a
//! request is for.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::http::Uri;
use axum::middleware::from_fn_with_state;
use axum::response::Response;
use tower::ServiceExt;
use wecom_kf_raw::op;

use crate::control;
use crate::http::call::call;
use crate::http::connection::{Loopback, Peer};
use crate::http::parameters::parameter;
use crate::http::{console, guard};
use crate::world::World;
use crate::world::corps::Corps;

/// Serves all routes until the future is dropped.
pub(crate) async fn serve(loopback: Loopback, address: SocketAddr, corps: Arc<Corps>) -> io::Result<()> {
    let routes = routes(address, corps);
    axum::serve(loopback, routes.into_make_service_with_connect_info::<Peer>()).await
}

/// Returns the routes of all corps, behind the guard.
pub(crate) fn routes(address: SocketAddr, corps: Arc<Corps>) -> Router {
    let allowed: Arc<[String]> = corps.first().setup.allowed_hosts.clone().into();
    let first = router(address, corps.first().clone());
    let others: Vec<_> = corps.others().iter().map(|world| (world.clone(), router(address, world.clone()))).collect();
    let all = if others.is_empty() { first } else { Front { corps, first, others }.into_router() };
    all.layer(from_fn_with_state(allowed, guard::guard))
}

/// Returns the routes of one corp.
fn router(address: SocketAddr, world: Arc<World>) -> Router {
    control::router(address, &world).merge(console::router()).fallback(call).with_state(world)
}

/// Passes each request to the corp that it names. Requests that name none go to the first corp.
struct Front {
    corps: Arc<Corps>,
    first: Router,
    others: Vec<(Arc<World>, Router)>,
}

impl Front {
    fn into_router(self) -> Router {
        let front = Arc::new(self);
        Router::new().fallback(async move |request: Request| front.hand_on(request).await)
    }

    async fn hand_on(&self, request: Request) -> Result<Response, Infallible> {
        let wanted = addressee(&self.corps, request.uri());
        let other = wanted.and_then(|wanted| self.others.iter().find(|(world, _)| Arc::ptr_eq(world, wanted)));
        other.map_or(&self.first, |(_, router)| router).clone().oneshot(request).await
    }
}

/// Returns the corp that a request names, or `None` if the simulator has no such corp.
fn addressee<'a>(corps: &'a Corps, uri: &Uri) -> Option<&'a Arc<World>> {
    let path = uri.path();
    if path.starts_with(control::PREFIX) {
        corps.find(&parameter(uri, control::CORP_ID)?)
    } else if path == op::GETTOKEN.path {
        corps.find(&parameter(uri, "corpid")?)
    } else {
        corps.issuer(&parameter(uri, "access_token")?)
    }
}

#[cfg(test)]
mod tests {
    use reqwest::Client;
    use serde_json::{Value, json};

    use crate::api::simulator::Simulator;

    #[tokio::test]
    async fn a_call_locks_the_platform_once() {
        let sim = Simulator::start().await.unwrap();
        let http = Client::builder().no_proxy().build().unwrap();
        let url = |path: &str| format!("{}/cgi-bin/{path}", sim.base_url());
        let (corp_id, secret, account) = (sim.corp_id(), sim.secret(), sim.open_kfid());
        let customer = sim.customer("小王");
        customer.says("你好");

        let before = sim.world.locked();
        let query = [("corpid", corp_id), ("corpsecret", secret)];
        let reply: Value = http.get(url("gettoken")).query(&query).send().await.unwrap().json().await.unwrap();
        assert_eq!(sim.world.locked() - before, 1, "gettoken");

        let token = reply["access_token"].as_str().unwrap();
        let message = json!({ "touser": customer.external_userid(), "open_kfid": account, "msgtype": "text" });
        let with_text = |text: &str| {
            let mut message = message.clone();
            message["text"] = json!({ "content": text });
            message
        };
        for (path, request, errcode, times) in [
            ("kf/account/list", json!({}), 0, 1),
            ("kf/sync_msg", json!({ "open_kfid": account }), 0, 1),
            // The second time notes the row of the journal.
            ("kf/send_msg", with_text("你好"), 0, 2),
            // Refused by the schema, and by a rule.
            ("kf/send_msg", with_text(&"x".repeat(3000)), 45002, 1),
            ("kf/send_msg", json!({ "touser": "nobody" }), 40058, 1),
        ] {
            let before = sim.world.locked();
            let request = http.post(url(path)).query(&[("access_token", token)]).json(&request);
            let reply: Value = request.send().await.unwrap().json().await.unwrap();
            assert_eq!(reply["errcode"], errcode, "{path}: {reply}");
            assert_eq!(sim.world.locked() - before, times, "{path}");
        }
    }
}
