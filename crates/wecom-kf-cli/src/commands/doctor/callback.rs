//! The URL of the callback: plays WeCom's verification and a signed event, and measures the time of the answers.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;
use wecom_kf::callback::Callback;
use wecom_kf::reqwest::header::LOCATION;
use wecom_kf::reqwest::{self, Client, RequestBuilder, Response, Url};
use wecom_kf::{Bilingual, Settings, Variable};

use super::answer::{self, Flaw};
use super::cause::{self, Cause};
use super::finding::{Check, Finding, Findings};
use super::network::{self, Hop, TO_CALLBACK};
use crate::failure::Failure;
use crate::request::{Stamp, announcement, random};
use crate::time;

/// How much of an answer is read.
const MAX_ANSWER: usize = 64 * 1024;

/// How many times as long as WeCom an answer is waited for, so that the time of a slow receiver can be told.
const PATIENCE: u32 = 3;

/// How long WeCom waits for an answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) verification: Duration,
    pub(super) event: Duration,
}

/// The receiver that is checked.
pub(super) struct Receiver {
    pub(super) callback: Callback,
    pub(super) token: String,
    pub(super) aes_key: String,
    /// The receiver id of a self-built app.
    pub(super) corp_id: String,
    pub(super) url: Url,
    /// How long to wait for an answer to a `GET`.
    patience: Duration,
    http: Client,
}

/// An answer of the receiver.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
    /// Where a redirect leads, without its query.
    location: Option<String>,
    time: Duration,
}

impl Answer {
    /// Returns whether WeCom would accept the answer as that to the echo string.
    pub(super) fn is_right(&self, echo: &str) -> bool {
        self.status == 200 && self.body == echo.as_bytes()
    }
}

/// Says why the URL is not checked, if there is something to check it with.
pub(super) fn not_asked(settings: &Settings, findings: &mut Findings<'_>) -> Result<(), Failure> {
    if settings.callback().is_err() {
        return Ok(());
    }
    findings.add(Check::start("callback_url").not_checked(
        Bilingual::fixed("no URL of the callback is given", "没有给出回调 URL"),
        Bilingual::fixed(
            "Run doctor with --callback URL, the URL in the admin console: 应用管理 › the app › 接收消息 › 设置API接收.",
            "加上 --callback URL 运行 doctor，URL 与管理后台一致：应用管理 › 该应用 › 接收消息 › 设置API接收。",
        ),
    ))
}

/// Checks the URL as WeCom would use it.
pub(super) async fn check(
    url: &str,
    vars: &BTreeMap<String, String>,
    settings: &Settings,
    limits: Limits,
    findings: &mut Findings<'_>,
) -> Result<(), Failure> {
    let check = Check::start("callback_url");
    let Some(url) = Url::parse(url).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
    else {
        return findings.add(check.problem(
            Bilingual::fixed("--callback is no URL", "--callback 不是 URL"),
            Bilingual::fixed(
                "Write the URL as in the admin console, such as https://bot.example.com/callback.",
                "与管理后台一致地填写 URL，例如 https://bot.example.com/callback。",
            ),
        ));
    };
    let Ok(callback) = settings.callback() else {
        return findings.add(check.not_checked(
            Bilingual::new(
                format!("the URL of the callback needs {}", NEEDED.map(Variable::name).join(", ")),
                format!("检查回调 URL 需要 {}", NEEDED.map(Variable::name).join("、")),
            ),
            Bilingual::fixed("Set them as the lines above say.", "请按上文设置。"),
        ));
    };
    let Some(hop) = network::reach(&url, &TO_CALLBACK, findings).await? else { return Ok(()) };
    let value = |variable: Variable| {
        vars.get(variable.name()).map(|value| wecom_kf_text::trimmed(value).to_owned()).unwrap_or_default()
    };
    let receiver = Receiver {
        callback,
        token: value(Variable::CallbackToken),
        aes_key: value(Variable::CallbackAesKey),
        corp_id: value(Variable::CorpId),
        url,
        patience: limits.verification * PATIENCE,
        http: network::client(limits.event * PATIENCE)?,
    };
    if verification(&receiver, &hop, limits.verification, findings).await? {
        event(&receiver, settings, limits.event, findings).await
    } else {
        findings.add(Check::start("callback_event").not_checked(
            Bilingual::fixed("no event was sent", "未发送事件"),
            Bilingual::fixed("Repair the URL verification first.", "请先修复 URL 验证。"),
        ))
    }
}

const NEEDED: [Variable; 3] = [Variable::CorpId, Variable::CallbackToken, Variable::CallbackAesKey];

/// Plays the `GET` by which WeCom verifies the URL. Returns whether the answer is right.
async fn verification(
    receiver: &Receiver,
    hop: &Hop,
    limit: Duration,
    findings: &mut Findings<'_>,
) -> Result<bool, Failure> {
    let check = Check::start("callback_verification");
    let probe = cause::probe(receiver, cause::WITH_PLUS)?;
    let answer = match receiver.get(&probe.query).await {
        Ok(answer) => answer,
        Err(error) => {
            findings.add(unanswered(receiver, hop, &error, limit, check))?;
            return Ok(false);
        }
    };
    if receiver.url.scheme() == "https" {
        findings.add(
            Check::start(TO_CALLBACK.tls)
                .ok(Bilingual::fixed("TLS works, the certificate is valid", "TLS 正常，证书有效")),
        )?;
    }
    if !answer.is_right(&probe.echo) {
        let (message, remedy) = explained(receiver, &answer, &probe).await?;
        findings.add(check.problem(message, remedy))?;
        return Ok(false);
    }
    findings.add(in_time(&answer, limit, "URL verification", "URL 验证", check))?;
    plus(receiver, findings).await?;
    forged(receiver, findings).await?;
    findings.add(answer::console())?;
    Ok(true)
}

fn in_time(answer: &Answer, limit: Duration, what: &str, what_zh: &str, check: Check) -> Finding {
    let (took, limit_shown) = (time::span(answer.time), time::span(limit));
    if answer.time <= limit {
        return check.ok(Bilingual::new(
            format!("the {what} is answered as WeCom expects, after {took} of {limit_shown}"),
            format!("{what_zh}的应答正确，用时 {took}（上限 {limit_shown}）"),
        ));
    }
    check.problem(
        Bilingual::new(
            format!("the {what} is answered after {took}: WeCom waits {limit_shown}"),
            format!("{what_zh}用时 {took} 才应答：企业微信只等 {limit_shown}"),
        ),
        ANSWER_FIRST,
    )
}

const ANSWER_FIRST: Bilingual = Bilingual::fixed(
    "Answer first and work afterwards: put the event into a queue, and read messages after the answer. Check the reverse proxy, too.",
    "先应答再处理：把事件放入队列，应答之后再读取消息。同时检查反向代理。",
);

/// Explains why there is no answer at all.
fn unanswered(receiver: &Receiver, hop: &Hop, error: &reqwest::Error, limit: Duration, check: Check) -> Finding {
    if error.is_timeout() {
        let limit = time::span(limit);
        return check.problem(
            Bilingual::new(
                format!(
                    "no answer to the URL verification: WeCom waits {limit}, doctor waited {PATIENCE} times as long"
                ),
                format!("URL 验证没有应答：企业微信只等 {limit}，doctor 等了 {PATIENCE} 倍时间"),
            ),
            ANSWER_FIRST,
        );
    }
    let (message, remedy) = network::broken(&receiver.url, hop, error);
    check.problem(message, remedy)
}

/// Explains a wrong answer to the `GET`, and what to do.
async fn explained(
    receiver: &Receiver,
    answer: &Answer,
    probe: &cause::Probe,
) -> Result<(Bilingual, Bilingual), Failure> {
    if let Some(text) = by_status(answer) {
        return Ok(text);
    }
    let flaw = Flaw::of(&answer.body, &probe.echo, &probe.echostr);
    match flaw {
        Flaw::Other | Flaw::Empty => {}
        // Then the decryption works, or nothing of it was tried.
        flaw if answer.status == 200 => return Ok(flaw.explained()),
        _ => {}
    }
    Ok(match Cause::find(receiver, answer).await? {
        Cause::Unknown if answer.status == 200 => flaw.explained(),
        cause => cause.explained(answer.status, &receiver.corp_id),
    })
}

/// Explains an HTTP status that says enough by itself.
fn by_status(answer: &Answer) -> Option<(Bilingual, Bilingual)> {
    let status = answer.status;
    let (en, zh, remedy) = match status {
        300..=399 => {
            let to = answer.location.as_deref().map(|to| format!(" {to}")).unwrap_or_default();
            return Some((
                Bilingual::new(
                    format!("the URL redirects to{to} (status {status}), and WeCom follows no redirect"),
                    format!("URL 重定向到{to}（状态码 {status}），企业微信不跟随重定向"),
                ),
                Bilingual::fixed(
                    "Enter the URL in the admin console to which it redirects, with the same scheme, host and final slash.",
                    "在管理后台填写重定向后的最终 URL，协议、主机名和末尾斜杠都要一致。",
                ),
            ));
        }
        404 | 405 | 410 | 501 => (
            "no receiver answers GET at this path",
            "该路径没有处理 GET 的接收端",
            Bilingual::fixed(
                "Correct the path of the URL, or the path that the bot and its reverse proxy serve; both GET and POST are needed.",
                "改正 URL 的路径，或机器人及反向代理提供的路径；GET 和 POST 都需要。",
            ),
        ),
        401 | 407 => (
            "the URL demands a login",
            "该 URL 要求登录",
            Bilingual::fixed(
                "Exclude the path from the login: WeCom cannot log in, and the signature protects it.",
                "对该路径免登录：企业微信无法登录，请求由签名保护。",
            ),
        ),
        502..=504 => (
            "the reverse proxy does not reach the bot",
            "反向代理连不上机器人",
            Bilingual::fixed(
                "Start the bot, and let the reverse proxy lead to the address at which it listens (WECOM_KF_LISTEN).",
                "启动机器人，并让反向代理指向它的监听地址（WECOM_KF_LISTEN）。",
            ),
        ),
        429 => (
            "something in between limits the requests",
            "途中有设备限制了请求频率",
            Bilingual::fixed("Exclude the path from rate limits.", "对该路径取消频率限制。"),
        ),
        _ => return None,
    };
    Some((Bilingual::new(format!("{en} (status {status})"), format!("{zh}（状态码 {status}）")), remedy))
}

/// Checks that a plus in the query stays one. WeCom's text may have one, and many frameworks turn it into a space.
async fn plus(receiver: &Receiver, findings: &mut Findings<'_>) -> Result<(), Failure> {
    let check = Check::start("callback_plus");
    let probe = cause::probe(receiver, cause::WITH_PLUS)?;
    let unescaped = probe.query.replace("%2B", "+");
    let is_right = receiver.get(&unescaped).await.is_ok_and(|answer| answer.is_right(&probe.echo));
    findings.add(match is_right {
        true => check.ok(Bilingual::fixed("a + in the query stays a plus", "query 中的 + 仍是加号")),
        false => {
            let (message, remedy) = Cause::Plus.explained(200, &receiver.corp_id);
            check.problem(message, remedy)
        }
    })
}

/// Checks that a wrong signature is refused.
async fn forged(receiver: &Receiver, findings: &mut Findings<'_>) -> Result<(), Failure> {
    let check = Check::start("callback_signature");
    let probe = cause::probe(receiver, cause::PLAIN)?;
    let is_accepted =
        receiver.get(&cause::with_wrong_signature(&probe.query)).await.is_ok_and(|answer| answer.is_right(&probe.echo));
    findings.add(match is_accepted {
        false => check.ok(Bilingual::fixed("a wrong signature is refused", "签名错误的请求会被拒绝")),
        true => check.problem(
            Bilingual::fixed(
                "the receiver decrypts a request with a wrong signature, which anybody may have sent",
                "接收端解密了签名错误的请求，任何人都可以发送这样的请求",
            ),
            Bilingual::fixed(
                "Check msg_signature with the Token before decrypting, for GET and for POST.",
                "解密之前先用 Token 校验 msg_signature，GET 和 POST 都要校验。",
            ),
        ),
    })
}

/// Plays the `POST` of an event that announces messages. The bot then reads messages once more than it would.
async fn event(
    receiver: &Receiver,
    settings: &Settings,
    limit: Duration,
    findings: &mut Findings<'_>,
) -> Result<(), Failure> {
    let check = Check::start("callback_event");
    let stamp = Stamp::now()?;
    let account = settings.open_kfid().ok();
    let account = account.as_ref().map(AsRef::as_ref);
    // No such token exists at WeCom, so the bot reads without it.
    let xml = announcement(&receiver.corp_id, account, "DOCTOR", &stamp.timestamp);
    let sealed = receiver.callback.seal(&xml, &stamp.timestamp, &stamp.nonce, random()?);
    let request = receiver.http.post(receiver.url_with(&sealed.query)).body(sealed.body);
    let answer = match receiver.send(request).await {
        Ok(answer) => answer,
        Err(error) if error.is_timeout() => {
            let limit = time::span(limit);
            return findings.add(check.problem(
                Bilingual::new(
                    format!(
                        "no answer to an event: WeCom gives up after {limit} and sends it again, three times in all"
                    ),
                    format!("事件没有应答：企业微信 {limit} 后放弃并重发，共三次"),
                ),
                ANSWER_FIRST,
            ));
        }
        Err(_) => {
            return findings.add(check.problem(
                Bilingual::fixed("the connection ended before the answer to an event", "连接在事件应答之前中断"),
                Bilingual::fixed(
                    "Look into the log of the bot and of its reverse proxy: the handler of POST ends without an answer.",
                    "查看机器人和反向代理的日志：POST 的处理没有应答就结束了。",
                ),
            ));
        }
    };
    findings.add(answer::to_event(&answer, in_time(&answer, limit, "event", "事件", check), check, by_status(&answer)))
}

impl Receiver {
    /// Sends a `GET` with this query.
    pub(super) async fn get(&self, query: &str) -> Result<Answer, reqwest::Error> {
        self.send(self.http.get(self.url_with(query)).timeout(self.patience)).await
    }

    fn url_with(&self, query: &str) -> Url {
        let mut url = self.url.clone();
        let query = match self.url.query() {
            Some(own) if !own.is_empty() => format!("{own}&{query}"),
            _ => query.to_owned(),
        };
        url.set_query(Some(&query));
        url
    }

    async fn send(&self, request: RequestBuilder) -> Result<Answer, reqwest::Error> {
        let started = Instant::now();
        let mut response = request.send().await?;
        let (status, location) = (response.status().as_u16(), location(&response, &self.url));
        let mut body = Vec::new();
        while body.len() < MAX_ANSWER
            && let Some(part) = response.chunk().await?
        {
            body.extend_from_slice(&part);
        }
        Ok(Answer { status, body, location, time: started.elapsed() })
    }
}

/// Returns where a redirect leads. Its query may repeat that of the request, and is left out.
fn location(response: &Response, url: &Url) -> Option<String> {
    let mut to = url.join(response.headers().get(LOCATION)?.to_str().ok()?).ok()?;
    to.set_query(None);
    to.set_fragment(None);
    // Errors are ignored: such a URL has no user info.
    let _ = to.set_password(None);
    let _ = to.set_username("");
    Some(wecom_kf_text::shortened(to.as_str(), 200).to_owned())
}
