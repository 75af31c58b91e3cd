//! Keeps foreign web pages out of every route: what a browser on this machine can reach, every page in it could use.
//!
//! A page of another origin cannot forge `Host` and `Origin`, so these two decide. Bots send no `Origin`.

use std::net::Ipv6Addr;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::world::hosts::{is_allowed, is_named};

pub(crate) async fn guard(State(allowed): State<Arc<[String]>>, request: Request, next: Next) -> Response {
    match check(request.method(), request.uri(), request.headers(), &allowed) {
        Ok(()) => next.run(request).await,
        Err(why) => {
            tracing::warn!(why, "a request was refused");
            (StatusCode::FORBIDDEN, Json(json!({ "error": why }))).into_response()
        }
    }
}

fn check(method: &Method, uri: &Uri, headers: &HeaderMap, allowed: &[String]) -> Result<(), &'static str> {
    if uri.authority().is_some() || uri.scheme().is_some() {
        return Err("the request target must be a path: the simulator is not a proxy");
    }
    let host = single(headers, header::HOST)?.ok_or("there is no Host")?;
    let name = name(host).ok_or("this Host is malformed: it must be a name or an address, and a port at most")?;
    // A foreign name that leads to loopback is how pages get around the rule of the same origin.
    if !is_allowed(name, allowed) {
        return Err("this Host is not allowed: use 127.0.0.1 or localhost, or start with --allow-host");
    }
    match single(headers, header::ORIGIN)? {
        None => check_fetch_site(method, uri, headers),
        Some(origin) if is_own(origin, host) => Ok(()),
        Some(origin) if origin_name(origin).is_some_and(|name| is_named(name, allowed)) => Ok(()),
        Some(_) => {
            Err("this Origin is not allowed: only the simulator's own pages may call it, or start with --allow-host")
        }
    }
}

/// Pages can fetch without an Origin if they need not see the answer. Browsers name the relation of the two sites then.
fn check_fetch_site(method: &Method, uri: &Uri, headers: &HeaderMap) -> Result<(), &'static str> {
    let site = single(headers, HeaderName::from_static("sec-fetch-site"))?;
    // Anybody may link to the console: its files do nothing, and show nothing of a corp.
    let is_console = uri.path() == "/" || uri.path() == "/favicon.ico" || uri.path().starts_with("/console/");
    match site {
        None | Some("same-origin" | "none") => Ok(()),
        Some(_) if is_console && (method == Method::GET || method == Method::HEAD) => Ok(()),
        Some(_) => Err("only the simulator's own pages may call it"),
    }
}

/// The value of a header that may be there once.
fn single(headers: &HeaderMap, name: HeaderName) -> Result<Option<&str>, &'static str> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err("Host, Origin and Sec-Fetch-Site must be there once at most");
    }
    value.to_str().map(Some).map_err(|_| "Host, Origin and Sec-Fetch-Site must be ASCII")
}

fn is_own(origin: &str, host: &str) -> bool {
    origin.strip_prefix("http://") == Some(host)
}

fn origin_name(origin: &str) -> Option<&str> {
    origin.split_once("://").and_then(|(_, authority)| name(authority))
}

/// The name of `name`, `name:port` or `[address]:port`. Returns `None` for anything else: user names, lists, white space.
fn name(authority: &str) -> Option<&str> {
    let (name, rest) = match authority.strip_prefix('[') {
        Some(bracketed) => {
            let (address, rest) = bracketed.split_once(']')?;
            address.parse::<Ipv6Addr>().ok()?;
            (address, rest)
        }
        None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
    };
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    let is_whole = authority.starts_with('[') || (!name.is_empty() && name.bytes().all(is_name));
    (is_whole && is_port(rest)).then_some(name)
}

/// Nothing, or a colon and a port.
fn is_port(rest: &str) -> bool {
    let Some(port) = rest.strip_prefix(':') else { return rest.is_empty() };
    port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, value.parse().unwrap());
        }
        headers
    }

    fn is_served(target: &'static str, pairs: &[(&'static str, &str)]) -> bool {
        let allowed = ["Sim.test".to_owned()];
        check(&Method::GET, &Uri::from_static(target), &headers(pairs), &allowed).is_ok()
    }

    #[test]
    fn only_loopback_and_allowed_names_are_served() {
        for host in [
            "127.0.0.1:9500",
            "127.0.0.1",
            "localhost:9500",
            "LOCALHOST",
            "[::1]:9500",
            "[::1]",
            "127.9.9.9:1",
            "sim.test:80",
            "SIM.TEST",
        ] {
            assert!(is_served("/cgi-bin/gettoken", &[("host", host)]), "{host}");
        }
        for host in ["evil.test:9500", "127.0.0.1.evil.test", "localhost.evil.test", "192.168.0.7:9500", "localhost."] {
            assert!(!is_served("/", &[("host", host)]), "{host}");
        }
    }

    #[test]
    fn malformed_missing_and_repeated_hosts_are_refused() {
        for host in [
            "",
            " ",
            ":9500",
            "[::1",
            "[::1]x",
            "[127.0.0.1]",
            "[localhost]",
            "::1",
            "127.0.0.1:9500,evil.com",
            "127.0.0.1:9500, evil.com",
            "evil.com,127.0.0.1",
            "127.0.0.1 evil.com",
            "evil@127.0.0.1",
            "127.0.0.1@evil.com",
            "user:password@127.0.0.1:9500",
            "127.0.0.1:9500/evil",
            "127.0.0.1:9500#evil",
            "127.0.0.1:9500?evil",
            "127.0.0.1:",
            "127.0.0.1:port",
            "127.0.0.1:+80",
            "127.0.0.1:99999",
            "127.0.0.1:80:80",
            "http://127.0.0.1",
            "localhost\\evil.com",
            "localhost%00.evil.com",
        ] {
            assert!(!is_served("/", &[("host", host)]), "{host}");
        }
        assert!(!is_served("/", &[]));
        assert!(!is_served("/", &[("host", "127.0.0.1:9500"), ("host", "127.0.0.1:9500")]));
        assert!(!is_served("/", &[("host", "127.0.0.1:9500"), ("host", "evil.com")]));
    }

    #[test]
    fn absolute_request_targets_are_refused() {
        for target in ["http://evil.com/", "http://127.0.0.1:9500/cgi-bin/gettoken", "127.0.0.1:9500"] {
            assert!(!is_served(target, &[("host", "127.0.0.1:9500")]), "{target}");
        }
    }

    #[test]
    fn a_foreign_page_without_an_origin_is_refused_too() {
        let host = ("host", "127.0.0.1:9500");
        for (site, is_called) in [("same-origin", true), ("none", true), ("cross-site", false), ("same-site", false)] {
            for target in ["/sim/v1/state", "/cgi-bin/gettoken", "/unknown"] {
                assert_eq!(is_served(target, &[host, ("sec-fetch-site", site)]), is_called, "{target} {site}");
            }
            // A link to the console is followed.
            assert!(is_served("/", &[host, ("sec-fetch-site", site)]), "{site}");
        }
        let two = [host, ("sec-fetch-site", "none"), ("sec-fetch-site", "cross-site")];
        assert!(!is_served("/sim/v1/state", &two));
    }

    #[test]
    fn only_the_own_origin_and_allowed_ones_are_served() {
        let host = ("host", "127.0.0.1:9500");
        for target in ["/", "/cgi-bin/kf/sync_msg", "/sim/v1/info"] {
            assert!(is_served(target, &[host, ("origin", "http://127.0.0.1:9500")]));
            assert!(is_served(target, &[host, ("origin", "https://sim.test:3000")]));
            for origin in [
                "null",
                "http://evil.test",
                "http://127.0.0.1:8080",
                "http://localhost:9500",
                "https://127.0.0.1:9500",
                "http://sim.test.evil.test",
                "http://evil.test@sim.test",
                "http://sim.test,http://evil.test",
                "",
            ] {
                assert!(!is_served(target, &[host, ("origin", origin)]), "{target} {origin}");
            }
        }
        assert!(!is_served("/", &[host, ("origin", "http://127.0.0.1:9500"), ("origin", "http://evil.test")]));
    }
}
