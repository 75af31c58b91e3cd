//! All routes of a simulator: the platform, the control API and the console of each corp, behind the guard. Which corp a
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

/// Serves until it is dropped.
pub(crate) async fn serve(loopback: Loopback, address: SocketAddr, corps: Arc<Corps>) -> io::Result<()> {
    let routes = routes(address, corps);
    axum::serve(loopback, routes.into_make_service_with_connect_info::<Peer>()).await
}

/// All routes of all corps, behind the guard.
pub(crate) fn routes(address: SocketAddr, corps: Arc<Corps>) -> Router {
    let allowed: Arc<[String]> = corps.first().setup.allowed_hosts.clone().into();
    let first = router(address, corps.first().clone());
    let others: Vec<_> = corps.others().iter().map(|world| (world.clone(), router(address, world.clone()))).collect();
    let all = if others.is_empty() { first } else { Front { corps, first, others }.into_router() };
    all.layer(from_fn_with_state(allowed, guard::guard))
}

/// All of one corp.
fn router(address: SocketAddr, world: Arc<World>) -> Router {
    control::router(address, &world).merge(console::router()).fallback(call).with_state(world)
}

/// Hands each request to the corp that it is for, or else to the first.
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

/// The corp that a request is for, if it names one that there is.
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
