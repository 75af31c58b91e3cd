//! The way to a server: proxy, DNS, connection, TLS, and the clock of the other side.

use std::error::Error as StdError;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use http::Uri;
use hyper_util::client::proxy::matcher::Matcher;
use jiff::Timestamp;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use wecom_kf::reqwest::header::DATE;
use wecom_kf::reqwest::{self, Response, Url};
use wecom_kf::{Bilingual, Lang, raw};

use super::finding::{Check, Finding, Findings};
use crate::failure::Failure;
use crate::time;

/// The time limit for a name and for a connection.
const LIMIT: Duration = Duration::from_secs(5);

/// The time limit for an answer of WeCom.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);

/// A clock that differs by more is a problem: the ages of messages and callbacks are wrong.
const CLOCK_LIMIT: u64 = 60;

/// The ids of the checks of one way, and what is at its end.
pub(super) struct Ids {
    end: (&'static str, &'static str),
    pub(super) proxy: &'static str,
    pub(super) dns: &'static str,
    pub(super) connection: &'static str,
    pub(super) tls: &'static str,
}

pub(super) const TO_WECOM: Ids =
    Ids { end: ("WeCom", "企业微信"), proxy: "proxy", dns: "dns", connection: "connection", tls: "tls" };

pub(super) const TO_CALLBACK: Ids = Ids {
    end: ("callback", "回调"),
    proxy: "callback_proxy",
    dns: "callback_dns",
    connection: "callback_connection",
    tls: "callback_tls",
};

impl Ids {
    /// Returns a text that says which way it is about.
    fn about(&self, en: String, zh: String) -> Bilingual {
        Bilingual::new(format!("{}: {en}", self.end.0), format!("{}：{zh}", self.end.1))
    }
}

/// Where the connection leads first: the server itself or a proxy.
pub(super) struct Hop {
    host: String,
    port: u16,
    /// The variable that names the proxy.
    proxy: Option<&'static str>,
}

/// Checks the way to WeCom up to an HTTP answer, and the clock. Returns whether calls can be made.
pub(super) async fn check(base_url: &str, findings: &mut Findings<'_>) -> Result<bool, Failure> {
    let Ok(url) = Url::parse(base_url) else { return Ok(false) };
    let Some(hop) = reach(&url, &TO_WECOM, findings).await? else { return Ok(false) };
    let check = Check::start(TO_WECOM.tls);
    // The root is no operation: an answer of any kind is enough, and nothing counts against WeCom's limits.
    match client(ANSWER_LIMIT)?.get(url.clone()).send().await {
        Ok(answer) => {
            findings.add(answered(&url, &answer, check))?;
            if let Some(finding) = clock(&answer) {
                findings.add(finding)?;
            }
            Ok(true)
        }
        Err(error) => {
            let (message, remedy) = broken(&url, &hop, &error);
            findings.add(check.problem(message, remedy))?;
            Ok(false)
        }
    }
}

/// Returns an HTTP client with the rules of the library's, such as no redirects.
pub(super) fn client(limit: Duration) -> Result<reqwest::Client, Failure> {
    Ok(raw::http_client(reqwest::ClientBuilder::new().connect_timeout(LIMIT).timeout(limit))?)
}

/// Checks proxy, DNS and connection. Returns `None` if there is no connection.
pub(super) async fn reach(url: &Url, ids: &Ids, findings: &mut Findings<'_>) -> Result<Option<Hop>, Failure> {
    let Some(hop) = hop(url, ids, findings)? else { return Ok(None) };
    let Some(addresses) = resolve(&hop, ids, findings).await? else { return Ok(None) };
    let check = Check::start(ids.connection);
    let mut last = None;
    for address in &addresses {
        match timeout(LIMIT, TcpStream::connect(address)).await {
            Ok(Ok(_)) => {
                let Hop { host, port, .. } = &hop;
                let what = ids.about(format!("connected to {host}:{port}"), format!("已连接 {host}:{port}"));
                findings.add(check.ok(what))?;
                return Ok(Some(hop));
            }
            Ok(Err(error)) => last = Some(Bilingual::io(&error)),
            Err(_) => last = Some(Bilingual::fixed("no answer within 5 s", "5 秒内没有应答")),
        }
    }
    let why = last.unwrap_or_else(|| Bilingual::fixed("it has no address", "没有地址"));
    findings.add(unconnected(&hop, &why, ids, check))?;
    Ok(None)
}

/// Decides by the rules of the HTTP client whether a proxy is used, and says so.
fn hop(url: &Url, ids: &Ids, findings: &mut Findings<'_>) -> Result<Option<Hop>, Failure> {
    let check = Check::start(ids.proxy);
    let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else { return Ok(None) };
    let direct = Hop { host: host.trim_matches(['[', ']']).to_owned(), port, proxy: None };
    let (names, all): ([&'static str; 2], [&'static str; 2]) = match url.scheme() {
        "https" => (["HTTPS_PROXY", "https_proxy"], ["ALL_PROXY", "all_proxy"]),
        _ => (["HTTP_PROXY", "http_proxy"], ["ALL_PROXY", "all_proxy"]),
    };
    let is_set = |name: &&str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let Some(variable) = names.into_iter().chain(all).find(|name| is_set(name)) else {
        findings.add(
            check.ok(ids.about(format!("no proxy, {} is not set", names[0]), format!("不经代理，未设置 {}", names[0]))),
        )?;
        return Ok(Some(direct));
    };
    let proxy = url.as_str().parse::<Uri>().ok().and_then(|uri| Matcher::from_env().intercept(&uri));
    let no_url = |check: Check| {
        check.problem(
            ids.about(format!("{variable} is no URL of a proxy"), format!("{variable} 不是代理的 URL")),
            Bilingual::new(
                format!("Write {variable}=http://HOST:PORT, or unset it."),
                format!("写成 {variable}=http://主机:端口，或删除该变量。"),
            ),
        )
    };
    let Some(proxy) = proxy else {
        let exception =
            ["NO_PROXY", "no_proxy"].into_iter().find(|name| is_set(name)).filter(|name| excludes(name, url));
        findings.add(match exception {
            Some(exception) => check.ok(ids.about(
                format!("no proxy, {exception} excludes {host} from {variable}"),
                format!("不经代理，{exception} 使 {host} 不走 {variable}"),
            )),
            // The HTTP client ignores such a variable.
            None => no_url(check),
        })?;
        return Ok(Some(direct));
    };
    if proxy.uri().host().is_none_or(str::is_empty) {
        findings.add(no_url(check))?;
        return Ok(None);
    }
    // The user info of the proxy's URL may hold a password, so only host and port are shown.
    let scheme = proxy.uri().scheme_str().unwrap_or("http");
    let proxy_host = proxy.uri().host().unwrap_or_default().trim_matches(['[', ']']).to_owned();
    let default_port = match scheme {
        "https" => 443,
        "http" => 80,
        _ => 1080,
    };
    let port = proxy.uri().port_u16().unwrap_or(default_port);
    findings.add(check.note(
        ids.about(
            format!("{variable} leads through the proxy {proxy_host}:{port}"),
            format!("{variable} 使请求经过代理 {proxy_host}:{port}"),
        ),
        Bilingual::new(
            format!("If the proxy is not wanted, add {host} to NO_PROXY."),
            format!("若不需要代理，把 {host} 加入 NO_PROXY。"),
        ),
    ))?;
    Ok(Some(Hop { host: proxy_host, port, proxy: Some(variable) }))
}

/// Returns whether the value of this variable excludes the URL from proxies.
fn excludes(no_proxy: &str, url: &Url) -> bool {
    let any = Matcher::builder().all("http://proxy").no(std::env::var(no_proxy).unwrap_or_default()).build();
    url.as_str().parse::<Uri>().is_ok_and(|uri| any.intercept(&uri).is_none())
}

/// Looks up the name. An address needs no look-up, and no finding.
async fn resolve(hop: &Hop, ids: &Ids, findings: &mut Findings<'_>) -> Result<Option<Vec<SocketAddr>>, Failure> {
    if let Ok(address) = hop.host.parse::<IpAddr>() {
        return Ok(Some(vec![SocketAddr::new(address, hop.port)]));
    }
    let (check, host) = (Check::start(ids.dns), &hop.host);
    let why = match timeout(LIMIT, lookup_host((host.as_str(), hop.port))).await {
        Ok(Ok(addresses)) => {
            let addresses: Vec<SocketAddr> = addresses.collect();
            let mut shown: Vec<String> = addresses.iter().map(|address| address.ip().to_string()).collect();
            shown.dedup();
            let shown = shown.join(", ");
            findings.add(check.ok(ids.about(format!("{host} is {shown}"), format!("{host} 解析为 {shown}"))))?;
            return Ok(Some(addresses));
        }
        Ok(Err(error)) => Bilingual::new(format!(": {error}"), format!("：{error}")),
        Err(_) => Bilingual::fixed(": no answer within 5 s", "：5 秒内没有应答"),
    };
    let message = ids.about(
        format!("no address was found for {host}{why}"),
        format!("查不到 {host} 的地址{}", why.in_lang(Lang::Zh)),
    );
    let remedy = match hop.proxy {
        Some(variable) => Bilingual::new(
            format!("Correct the name of the proxy in {variable}, or unset it."),
            format!("改正 {variable} 中的代理名称，或删除该变量。"),
        ),
        None => Bilingual::fixed(
            "Check the spelling of the name, and the DNS servers of this machine (/etc/resolv.conf). If this network only leads out through a proxy, set HTTPS_PROXY.",
            "检查名称拼写和本机的 DNS 设置（/etc/resolv.conf）；若本网络只能经代理访问外部，请设置 HTTPS_PROXY。",
        ),
    };
    findings.add(check.problem(message, remedy))?;
    Ok(None)
}

fn unconnected(hop: &Hop, why: &Bilingual, ids: &Ids, check: Check) -> Finding {
    let Hop { host, port, proxy } = hop;
    let why_zh = why.in_lang(Lang::Zh);
    let message =
        ids.about(format!("no connection to {host}:{port}: {why}"), format!("无法连接 {host}:{port}：{why_zh}"));
    let remedy = match proxy {
        Some(variable) => Bilingual::new(
            format!("Start the proxy, correct {variable}, or unset it."),
            format!("启动代理，改正 {variable}，或删除该变量。"),
        ),
        None => Bilingual::new(
            format!(
                "Check that a server listens there, and that the firewall allows connections to port {port}. If this network only leads out through a proxy, set HTTPS_PROXY."
            ),
            format!(
                "确认该处有服务在监听，且防火墙允许访问端口 {port}；若本网络只能经代理访问外部，请设置 HTTPS_PROXY。"
            ),
        ),
    };
    check.problem(message, remedy)
}

fn answered(url: &Url, answer: &Response, check: Check) -> Finding {
    let host = url.host_str().unwrap_or_default();
    if answer.status().as_u16() == 407 {
        let (message, remedy) = proxy_wants_a_password();
        return check.problem(message, remedy);
    }
    if url.scheme() == "https" {
        return check.ok(Bilingual::new(
            format!("TLS works, the certificate of {host} is valid"),
            format!("TLS 正常，{host} 的证书有效"),
        ));
    }
    let is_local = url.host_str().is_some_and(|host| {
        host == "localhost"
            || host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    });
    if is_local {
        return check.ok(Bilingual::fixed(
            "WeCom: the server answers; it is on this machine and needs no TLS",
            "企业微信：服务器有应答；它在本机，无需 TLS",
        ));
    }
    check.note(
        Bilingual::new(
            format!("the server answers, but without TLS everybody on the way to {host} can read the secret"),
            format!("服务器有应答，但没有 TLS，到 {host} 途中的任何人都能读到 secret"),
        ),
        Bilingual::fixed("Use a base URL that begins with https://.", "请使用以 https:// 开头的地址。"),
    )
}

/// Explains why there is no HTTP answer although the connection works. The URL is not shown.
pub(super) fn broken(url: &Url, hop: &Hop, error: &reqwest::Error) -> (Bilingual, Bilingual) {
    let host = url.host_str().unwrap_or_default();
    let words = chain(error);
    if error.is_timeout() {
        return (
            Bilingual::new(format!("{host} does not answer"), format!("{host} 没有应答")),
            Bilingual::fixed(
                "Something accepts the connection and stays silent: check the firewall, the proxy and the server.",
                "连接已建立但没有应答：检查防火墙、代理和服务器。",
            ),
        );
    }
    if words.contains("proxy auth") || words.contains("407") {
        return proxy_wants_a_password();
    }
    if let Some(variable) = hop.proxy.filter(|_| !words.contains("certificate")) {
        return (
            Bilingual::new(
                format!("the proxy does not lead to {host}: {words}"),
                format!("无法经代理到达 {host}：{words}"),
            ),
            Bilingual::new(
                format!("Allow {host} on the proxy, correct {variable}, or add {host} to NO_PROXY."),
                format!("在代理上放行 {host}，改正 {variable}，或把 {host} 加入 NO_PROXY。"),
            ),
        );
    }
    if url.scheme() == "https" && error.is_connect() {
        return (
            Bilingual::new(format!("no TLS with {host}: {words}"), format!("与 {host} 的 TLS 握手失败：{words}")),
            tls_remedy(&words),
        );
    }
    (
        Bilingual::new(format!("{host} gives no HTTP answer: {words}"), format!("{host} 没有 HTTP 应答：{words}")),
        Bilingual::fixed(
            "Something else than an HTTP server listens there, or it speaks TLS only: check the URL, its scheme and its port. If it is a reverse proxy, check that the server behind it runs.",
            "该处监听的不是 HTTP 服务，或只支持 TLS：检查 URL 的协议和端口。若是反向代理，检查它后面的服务是否在运行。",
        ),
    )
}

fn proxy_wants_a_password() -> (Bilingual, Bilingual) {
    (
        Bilingual::fixed("the proxy demands a user and a password", "代理要求用户名和密码"),
        Bilingual::fixed(
            "Write them into the URL of the proxy: http://USER:PASSWORD@HOST:PORT.",
            "把它们写入代理的 URL：http://用户名:密码@主机:端口。",
        ),
    )
}

/// Decides by the words of the TLS library what to do about a failed handshake.
fn tls_remedy(words: &str) -> Bilingual {
    let has = |parts: &[&str]| parts.iter().any(|part| words.contains(part));
    if has(&["Expired", "expired", "NotValidYet", "not valid yet"]) {
        return Bilingual::fixed(
            "Check the clock of this machine; if it is right, the certificate of the server must be renewed.",
            "核对本机时钟；若时钟正确，则需更新服务器证书。",
        );
    }
    // The signature is wrong if the issuer only has the name of a known one.
    if has(&["UnknownIssuer", "BadSignature", "self-signed", "self signed", "unable to get local issuer"]) {
        return Bilingual::fixed(
            "If a proxy of your network inspects TLS, add its CA to the certificates of this machine (or name it in SSL_CERT_FILE). Otherwise install ca-certificates; a server of your own must send the whole chain of its certificate.",
            "若内网代理会解密 TLS，请把它的 CA 加入本机证书（或用 SSL_CERT_FILE 指定）；否则安装 ca-certificates；自己的服务器须发送完整证书链。",
        );
    }
    if has(&["NotValidForName", "not valid for name", "hostname mismatch"]) {
        return Bilingual::fixed(
            "The certificate is of another name: correct the host in the URL, or the DNS entry that leads to another server.",
            "证书属于其他域名：改正 URL 中的主机名，或改正指向其他服务器的 DNS 记录。",
        );
    }
    Bilingual::fixed(
        "Check that the port speaks TLS, in version 1.2 or later, and that no firewall or proxy interrupts it.",
        "确认该端口支持 TLS 1.2 或更高版本，且没有防火墙或代理中断连接。",
    )
}

/// Returns the words of an error's causes, without those of the HTTP client itself, which name the URL.
fn chain(error: &reqwest::Error) -> String {
    let mut words = Vec::new();
    let mut next = error.source();
    while let Some(cause) = next {
        let said = cause.to_string();
        // Some levels repeat the next one, or say only that there is one.
        if words.last() != Some(&said) && !said.starts_with("client error") {
            words.push(said);
        }
        next = cause.source();
    }
    words.join(": ")
}

/// Compares the clock of this machine with that of the answer.
fn clock(answer: &Response) -> Option<Finding> {
    let check = Check::start("clock");
    let date = answer.headers().get(DATE)?.to_str().ok()?;
    let theirs = jiff::fmt::rfc2822::parse(date).ok()?.timestamp();
    let seconds = difference(time::now(), theirs);
    if seconds.unsigned_abs() <= CLOCK_LIMIT {
        return Some(check.ok(Bilingual::new(
            format!("the clock is right, it differs from WeCom's by less than {CLOCK_LIMIT} s"),
            format!("时钟正确，与企业微信相差不到 {CLOCK_LIMIT} 秒"),
        )));
    }
    let span = time::span(Duration::from_secs(seconds.unsigned_abs()));
    let (en, zh) = if seconds > 0 { ("ahead of", "快") } else { ("behind", "慢") };
    Some(check.problem(
        Bilingual::new(
            format!("the clock of this machine is {span} {en} WeCom's"),
            format!("本机时钟比企业微信{zh} {span}"),
        ),
        Bilingual::fixed(
            "Set the clock by NTP (such as timedatectl set-ntp true). Until then the ages of messages are wrong, and a receiver that refuses old callbacks refuses all.",
            "用 NTP 校准时钟（如 timedatectl set-ntp true）。在此之前消息的时间判断有误，拒绝过期回调的接收端会拒绝全部回调。",
        ),
    ))
}

fn difference(ours: Timestamp, theirs: Timestamp) -> i64 {
    ours.as_second() - theirs.as_second()
}
