//! Keeps foreign web pages out: what a browser on this machine can reach, every page in it could otherwise use.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::body::Problem;
use crate::shared::Shared;

pub(super) async fn guard(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    match check(request.headers(), &shared.setup.allowed_hosts) {
        Ok(()) => next.run(request).await,
        Err(why) => Problem::new(StatusCode::FORBIDDEN, why).into_response(),
    }
}

fn check(headers: &HeaderMap, allowed: &[String]) -> Result<(), &'static str> {
    let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    let host = text(header::HOST).unwrap_or_default();
    // A foreign name that leads to loopback is how pages get around the rule of the same origin.
    if !is_allowed(name(host), allowed) {
        return Err("this Host is not allowed: use 127.0.0.1 or localhost, or start with --allow-host");
    }
    // Pages can fetch without an Origin, if they need not see the answer; browsers say so here.
    if headers.get("sec-fetch-site").is_some_and(|site| site == "cross-site") && !headers.contains_key(header::ORIGIN) {
        return Err("only the simulator's own pages may call it");
    }
    match text(header::ORIGIN) {
        None => Ok(()),
        Some(origin) if is_own(origin, host) => Ok(()),
        Some(origin) if origin_name(origin).is_some_and(|name| is_named(name, allowed)) => Ok(()),
        Some(_) => {
            Err("this Origin is not allowed: only the simulator's own pages may call it, or start with --allow-host")
        }
    }
}

/// Whether this name leads to this machine, or was allowed.
pub(super) fn is_allowed(name: &str, allowed: &[String]) -> bool {
    let is_loopback = || name.parse().is_ok_and(|address: IpAddr| address.is_loopback());
    name.eq_ignore_ascii_case("localhost") || is_loopback() || is_named(name, allowed)
}

/// Names of hosts are the same in capitals.
fn is_named(name: &str, allowed: &[String]) -> bool {
    allowed.iter().any(|allowed| allowed.eq_ignore_ascii_case(name))
}

fn is_own(origin: &str, host: &str) -> bool {
    origin.strip_prefix("http://") == Some(host)
}

fn origin_name(origin: &str) -> Option<&str> {
    origin.split_once("://").map(|(_, authority)| name(authority))
}

/// The name of `name:port`, without the brackets of an IPv6 address.
fn name(authority: &str) -> &str {
    if let Some((address, _)) = authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        return address;
    }
    authority.rsplit_once(':').map_or(authority, |(name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(host: Option<&str>, origin: Option<&str>) -> bool {
        let mut headers = HeaderMap::new();
        host.into_iter().for_each(|host| drop(headers.insert(header::HOST, host.parse().unwrap())));
        origin.into_iter().for_each(|origin| drop(headers.insert(header::ORIGIN, origin.parse().unwrap())));
        check(&headers, &["Sim.test".to_owned()]).is_ok()
    }

    #[test]
    fn only_loopback_and_allowed_names_are_served() {
        for host in [
            "127.0.0.1:9500",
            "127.0.0.1",
            "localhost:9500",
            "LOCALHOST",
            "[::1]:9500",
            "127.9.9.9:1",
            "sim.test:80",
            "SIM.TEST",
        ] {
            assert!(checked(Some(host), None), "{host}");
        }
        for host in ["evil.test:9500", "127.0.0.1.evil.test", "localhost.evil.test", "192.168.0.7:9500", "", "[::1"] {
            assert!(!checked(Some(host), None), "{host}");
        }
        assert!(!checked(None, None));
    }

    #[test]
    fn a_foreign_page_without_an_origin_is_refused_too() {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, "127.0.0.1:9500".parse().unwrap());
        for (site, is_served) in [("same-origin", true), ("none", true), ("cross-site", false)] {
            headers.insert("sec-fetch-site", site.parse().unwrap());
            assert_eq!(check(&headers, &[]).is_ok(), is_served, "{site}");
        }
    }

    #[test]
    fn only_the_own_origin_and_allowed_ones_are_served() {
        let host = Some("127.0.0.1:9500");
        assert!(checked(host, Some("http://127.0.0.1:9500")));
        assert!(checked(host, Some("https://sim.test:3000")));
        for origin in [
            "null",
            "http://evil.test",
            "http://127.0.0.1:8080",
            "http://localhost:9500",
            "https://127.0.0.1:9500",
            "http://sim.test.evil.test",
            "",
        ] {
            assert!(!checked(host, Some(origin)), "{origin}");
        }
    }
}
