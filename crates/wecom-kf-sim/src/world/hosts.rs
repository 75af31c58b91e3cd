//! Which host names are this machine, or were allowed at the start: for `Host`, `Origin` and callbacks.

use std::net::IpAddr;

/// Whether this name leads to this machine, or was allowed.
pub(crate) fn is_allowed(name: &str, allowed: &[String]) -> bool {
    let is_loopback = || name.parse().is_ok_and(|address: IpAddr| address.is_loopback());
    name.eq_ignore_ascii_case("localhost") || is_loopback() || is_named(name, allowed)
}

/// Whether this name was allowed. Upper and lower case are the same in names of hosts.
pub(crate) fn is_named(name: &str, allowed: &[String]) -> bool {
    allowed.iter().any(|allowed| allowed.eq_ignore_ascii_case(name))
}
