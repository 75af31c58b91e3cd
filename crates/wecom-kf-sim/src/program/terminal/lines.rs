//! The line of each call and callback: time, operation, outcome, whom it is about, and what was found.

use std::fmt::Write;

use anstyle::{AnsiColor, Style};
use chrono::{DateTime, Local};
use serde_json::Value;
use wecom_kf_text::Lang;

use super::Corps;
use super::width::{columns, cut, padded, printable};

const DIM: Style = Style::new().dimmed();
const BAD: Style = AnsiColor::Red.on_default();
const FOUND: Style = AnsiColor::Yellow.on_default();
const ARROW: Style = AnsiColor::Cyan.on_default();

/// On narrower terminals the duration is left out.
const WIDE: usize = 80;
const OPERATION_WIDTH: usize = 20;
const OUTCOME_WIDTH: usize = 6;
/// Of a page so many messages are named.
const SHOWN_MESSAGES: usize = 3;
/// At least so many columns of the text are shown before marks are cut.
const LEAST_TEXT: usize = 12;

/// What lines need besides the row.
pub(in crate::program) struct Lines<'a> {
    pub(in crate::program) lang: Lang,
    pub(in crate::program) corps: Corps,
    /// The columns of the terminal; lines are not cut where there is none.
    pub(in crate::program) width: Option<usize>,
    /// The name of a customer or an account, by id.
    pub(in crate::program) name: &'a dyn Fn(&str) -> Option<String>,
}

impl Lines<'_> {
    /// A row of the journal (`Entry` of the control API, with its corp) on one line.
    pub(in crate::program) fn line(&self, entry: &Value, corp_id: &str) -> String {
        let is_call = entry["kind"] == "call";
        let (outcome, is_bad) = self.outcome(entry);
        let mut head = String::new();
        let (arrow, time) = (if is_call { "→" } else { "←" }, time(entry["at"].as_i64().unwrap_or_default()));
        let operation = padded(&printable(entry["operation"].as_str().unwrap_or_default()), OPERATION_WIDTH);
        let outcome_style = if is_bad { BAD } else { Style::new() };
        let outcome = padded(&outcome, OUTCOME_WIDTH);
        let took = format!("{:>4} ms", entry["took_ms"].as_u64().unwrap_or_default());
        let has_time = self.width.is_none_or(|width| width >= WIDE);
        let corp = self.corps.prefix(corp_id);
        let _ = write!(
            head,
            "{DIM}{time}{DIM:#} {ARROW}{arrow}{ARROW:#} {corp}{operation} {outcome_style}{outcome}{outcome_style:#}"
        );
        let mut head_width = columns(&time) + 3 + columns(&corp) + columns(&operation) + 1 + columns(&outcome);
        if has_time {
            let _ = write!(head, " {DIM}{took}{DIM:#}");
            head_width += 1 + columns(&took);
        }
        let (text, marks) = (self.text(entry, is_call), self.marks(entry));
        let (text, marks) = match self.width {
            None => (text, marks),
            Some(width) => {
                let left = width.saturating_sub(head_width);
                let marks = cut(&marks, left.saturating_sub(LEAST_TEXT.min(columns(&text))));
                (cut(&text, left.saturating_sub(columns(&marks))), marks)
            }
        };
        let marks = if marks.is_empty() { marks } else { format!("{FOUND}{marks}{FOUND:#}") };
        format!("{head}{text}{marks}")
    }

    /// The outcome in words, and whether it is a bad one.
    fn outcome(&self, entry: &Value) -> (String, bool) {
        match (entry["errcode"].as_i64(), entry["status"].as_u64().unwrap_or_default()) {
            (Some(0), _) => (self.lang.pick("ok", "成功").to_owned(), false),
            (Some(errcode), _) => (errcode.to_string(), true),
            (None, 0) => (self.lang.pick("no reply", "无响应").to_owned(), true),
            (None, 200) if entry["problem"].is_null() => (self.lang.pick("ok", "成功").to_owned(), false),
            (None, status) => (format!("HTTP {status}"), true),
        }
    }

    /// Whom it is about and what was said, or why it was refused.
    fn text(&self, entry: &Value, is_call: bool) -> String {
        let mut parts = Vec::new();
        if is_call {
            parts.extend(self.said(entry));
        } else {
            let account = entry["open_kfid"].as_str().and_then(|id| (self.name)(id));
            parts.extend(account);
            if let Some(attempt) = entry["attempt"].as_u64().filter(|attempt| *attempt > 1) {
                parts.push(self.lang.pick(format!("attempt {attempt}"), format!("第 {attempt} 次")));
            }
            parts.extend(entry["problem"][self.lang.pick("en", "zh")].as_str().map(str::to_owned));
        }
        let errcode = entry["errcode"].as_i64().filter(|errcode| *errcode != 0);
        if let (Some(_), Some(errmsg)) = (errcode, entry["reply"]["errmsg"].as_str()) {
            // Up to where WeCom's own hints begin.
            parts.push(errmsg.split(", hint: ").next().unwrap_or(errmsg).to_owned());
        }
        if entry["status"] == 404 {
            // Where no operation fits, the path is all there is to help.
            parts.extend(entry["path"].as_str().map(str::to_owned));
        }
        parts.iter().map(|part| format!("  {}", printable(part))).collect()
    }

    /// Whom a call is about, with what they or the bot wrote.
    fn said(&self, entry: &Value) -> Option<String> {
        let (request, reply) = (&entry["request"], &entry["reply"]);
        match entry["operation"].as_str()? {
            "sync_msg" => {
                let messages = reply["msg_list"].as_array().filter(|messages| !messages.is_empty())?;
                let shown = messages.iter().take(SHOWN_MESSAGES).map(|message| self.message(message));
                let more = messages.len().saturating_sub(SHOWN_MESSAGES);
                let more = if more > 0 { format!(" +{more}") } else { String::new() };
                Some(format!("{}{more}", shown.collect::<Vec<_>>().join(self.lang.pick("; ", "；"))))
            }
            "send_msg" => Some(format!("{}: {}", self.who(request["touser"].as_str()?), words(request))),
            "send_msg_on_event" => Some(words(request)),
            "service_state_trans" => {
                let servicer =
                    request["servicer_userid"].as_str().map(|userid| format!(" {userid}")).unwrap_or_default();
                Some(format!("{} → {}{servicer}", self.who(entry["customer"].as_str()?), request["service_state"]))
            }
            _ => entry["customer"].as_str().map(|id| self.who(id)),
        }
    }

    /// A message or event of a page.
    fn message(&self, message: &Value) -> String {
        let event = &message["event"];
        let customer = message["external_userid"].as_str().or_else(|| event["external_userid"].as_str());
        let who = customer.map(|id| self.who(id));
        match (event["event_type"].as_str(), who) {
            (Some(kind), Some(who)) => format!("{who} {kind}"),
            (Some(kind), None) => kind.to_owned(),
            (None, Some(who)) => {
                let servicer = message["servicer_userid"].as_str().filter(|userid| !userid.is_empty());
                let by = servicer.map(|userid| format!("{userid} → ")).unwrap_or_default();
                format!("{by}{who}: {}", words(message))
            }
            (None, None) => words(message),
        }
    }

    fn who(&self, id: &str) -> String {
        (self.name)(id).unwrap_or_else(|| id.to_owned())
    }

    /// Faults and findings.
    fn marks(&self, entry: &Value) -> String {
        let fault = entry["fault"].as_str();
        let fault = fault.map(|fault| format!("  {}{fault}", self.lang.pick("fault: ", "故障：")));
        let findings = entry["findings"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let findings: String = findings.map(|name| format!("  ! {name}")).collect();
        printable(&format!("{}{findings}", fault.unwrap_or_default()))
    }
}

/// What a message says, in few words.
fn words(message: &Value) -> String {
    let kind = message["msgtype"].as_str().unwrap_or_default();
    let body = &message[kind];
    match kind {
        "text" => body["content"].as_str().unwrap_or_default().to_owned(),
        "msgmenu" => format!("[{kind}] {}", body["head_content"].as_str().unwrap_or_default()).trim_end().to_owned(),
        _ => format!("[{kind}]"),
    }
}

/// The time of day where the reader is, as in the console.
fn time(unix: i64) -> String {
    let time = DateTime::from_timestamp(unix, 0).unwrap_or_default();
    time.with_timezone(&Local).format("%H:%M:%S").to_string()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn name(id: &str) -> Option<String> {
        [("wm1", "小王"), ("wk1", "小店")].into_iter().find(|(known, _)| *known == id).map(|(_, name)| name.to_owned())
    }

    /// Without colours and without the time, which depends on where one is.
    fn line(entry: Value, lang: Lang, width: Option<usize>) -> String {
        let lines = Lines { lang, corps: Corps::Unnamed, width, name: &name };
        anstream::adapter::strip_str(&lines.line(&entry, "ww1")).to_string()[9..].to_owned()
    }

    fn refused_send() -> Value {
        json!({
            "kind": "call", "at": 0, "operation": "send_msg", "status": 200, "errcode": 95018, "took_ms": 3, "customer": "wm1",
            "request": { "touser": "wm1", "msgtype": "text", "text": { "content": "9:00–18:00，周末休息，节假日另行通知" } },
            "reply": { "errcode": 95018, "errmsg": "the session state forbids sending, hint: [1]" },
            "fault": null, "findings": ["sent_while_human"],
        })
    }

    #[test]
    fn a_send_names_customer_text_reason_and_finding() {
        assert_eq!(
            line(refused_send(), Lang::En, None),
            "→ send_msg             95018     3 ms  小王: 9:00–18:00，周末休息，节假日另行通知  the session state forbids \
             sending  ! sent_while_human"
        );
    }

    #[test]
    fn lines_fit_and_keep_the_finding() {
        for width in [60, 80, 100, 160] {
            let shown = line(refused_send(), Lang::Zh, Some(width));
            assert!(columns(&shown) <= width - 9, "{width}: {shown}");
            assert!(width < 80 || shown.ends_with("! sent_while_human"), "{width}: {shown}");
            assert!(shown.contains("小王"), "{width}: {shown}");
        }
    }

    #[test]
    fn a_page_names_who_wrote_what() {
        let text =
            |content: &str| json!({ "external_userid": "wm1", "msgtype": "text", "text": { "content": content } });
        let event = json!({ "msgtype": "event", "event": { "event_type": "enter_session", "external_userid": "wm1" } });
        let by_servicer =
            json!({ "external_userid": "wm1", "servicer_userid": "zhangsan", "msgtype": "image", "image": {} });
        let mut entry = json!({
            "kind": "call", "at": 0, "operation": "sync_msg", "status": 200, "errcode": 0, "took_ms": 0,
            "reply": { "errcode": 0, "msg_list": [event, text("你好\u{1b}[31m"), by_servicer, text("?"), text("!")] },
        });
        assert_eq!(
            line(entry.clone(), Lang::En, None),
            "→ sync_msg             ok        0 ms  小王 enter_session; 小王: 你好?[31m; zhangsan → 小王: [image] +2"
        );
        entry["reply"]["msg_list"] = json!([]);
        assert_eq!(line(entry, Lang::Zh, None), "→ sync_msg             成功      0 ms");
    }

    #[test]
    fn a_callback_names_account_attempt_and_problem() {
        let entry = json!({
            "kind": "callback", "at": 0, "operation": "kf_msg_or_event", "status": 0, "errcode": null, "took_ms": 5,
            "open_kfid": "wk1", "attempt": 2, "problem": { "en": "no connection", "zh": "没有连接" }, "fault": "lost",
        });
        assert_eq!(
            line(entry, Lang::Zh, None),
            "← kf_msg_or_event      无响应    5 ms  小店  第 2 次  没有连接  故障：lost"
        );
    }
}
