//! `play`: what is printed of a scenario, step by step, in English or Chinese.

use serde_json::Value;
use wecom_kf_text::Lang;

use crate::program::scenario::{
    Action, Content, CustomerDoes, Message, ServicerDoes, Session, Step, Tap, TokenEnd, shown_fault,
};

/// What somebody does or the bot must do, in one line. Of `bot_answers` what is expected.
pub(super) fn line(step: &Step, lang: Lang) -> String {
    match &step.action {
        Action::Customer { name, does } => customer(name, does, lang),
        Action::Servicer { userid, does } => servicer(userid, does, lang),
        Action::BotAnswers { to, expected, .. } => bot(to, &expected.shown(lang), lang),
        Action::BotStaysSilent { to, during } => {
            let seconds = during.as_secs_f64();
            match lang {
                Lang::En => format!("the bot says nothing to {to} for {seconds} s"),
                Lang::Zh => format!("机器人 {seconds} 秒内不对{to}说话"),
            }
        }
        Action::BotOffers { to, id: Some(id), .. } => match lang {
            Lang::En => format!("the bot offers {id} to {to}"),
            Lang::Zh => format!("机器人向{to}推荐 {id}"),
        },
        Action::BotOffers { to, id: None, .. } => match lang {
            Lang::En => format!("the bot offers nothing to {to}"),
            Lang::Zh => format!("机器人没有向{to}推荐"),
        },
        Action::SessionIs { of, session, .. } => session_is(of, session, lang),
        Action::Calls { calls, .. } => {
            let calls: Vec<_> = calls
                .iter()
                .map(|call| {
                    let errcode = call.errcode.map(|code| format!(" (errcode {code})")).unwrap_or_default();
                    format!("{} × {}{errcode}", call.operation, call.count)
                })
                .collect();
            format!("{} {}", lang.pick("the bot has called", "机器人已调用"), calls.join(", "))
        }
        Action::Fault(faults) => {
            let faults: Vec<_> = faults.iter().map(shown_fault).collect();
            format!("{} {}", lang.pick("fault at", "故障"), faults.join("; "))
        }
        Action::ClearFaults => lang.pick("all faults are removed", "清除所有故障").to_owned(),
        Action::Advance(by) => format!("{} {by}", lang.pick("the clock advances by", "时钟前进")),
        Action::Token(TokenEnd::Expires) => lang.pick("the access token expires", "access_token 过期").to_owned(),
        Action::Token(TokenEnd::IsRevoked) => {
            lang.pick("the access token is revoked", "access_token 被吊销").to_owned()
        }
    }
}

/// A message of the bot.
pub(super) fn bot(to: &str, shown: &str, lang: Lang) -> String {
    format!("{} → {to}: {shown}", lang.pick("bot", "机器人"))
}

fn customer(name: &str, does: &CustomerDoes, lang: Lang) -> String {
    match does {
        CustomerDoes::Enters(how) => {
            let how = if how.is_empty() { String::new() } else { format!("  {}", Value::Object(how.clone())) };
            format!("{name} {}{how}", lang.pick("enters the chat", "进入会话"))
        }
        CustomerDoes::Says(text) => format!("{name}: {text}"),
        CustomerDoes::Sends(message) => format!("{name}: {}", shown(message)),
        CustomerDoes::Taps(tap) => {
            let what = match tap {
                Tap::Label(label) => label,
                Tap::Id { id, content } => content.as_ref().unwrap_or(id),
            };
            format!("{name} {} [{what}]", lang.pick("taps", "点击"))
        }
        CustomerDoes::Recalls(which) => recalls(name, which.as_deref(), lang),
        CustomerDoes::Rates(rating) => format!("{name} {} {rating}", lang.pick("rates:", "评价：")),
        CustomerDoes::AcceptsOffer => format!("{name} {}", lang.pick("accepts the offer", "接受推荐")),
    }
}

fn servicer(userid: &str, does: &ServicerDoes, lang: Lang) -> String {
    let of = |en: &str, zh: &str, customer: &str| format!("{userid} {} {customer}", lang.pick(en, zh));
    match does {
        ServicerDoes::Takes(customer) => of("takes the session of", "接入会话：", customer),
        ServicerDoes::Says { to, text } => format!("{userid} → {to}: {text}"),
        ServicerDoes::Sends { to, message } => format!("{userid} → {to}: {}", shown(message)),
        ServicerDoes::Transfers { customer, to } => {
            format!("{} → {to}", of("transfers the session of", "转接会话：", customer))
        }
        ServicerDoes::Ends(customer) => of("ends the session of", "结束会话：", customer),
        ServicerDoes::Recalls { text, .. } => recalls(userid, text.as_deref(), lang),
        ServicerDoes::AsksToRate(customer) => of("asks for a rating:", "邀请评价：", customer),
        ServicerDoes::Rejects { customer, rejecting: true } => {
            of("receives no messages of", "不再接收消息：", customer)
        }
        ServicerDoes::Rejects { customer, rejecting: false } => {
            of("receives messages again of", "恢复接收消息：", customer)
        }
        ServicerDoes::Receives { receiving, suspended } => {
            let what = match (receiving, suspended) {
                (_, true) => lang.pick("is suspended", "暂时挂起"),
                (true, false) => lang.pick("receives customers", "开始接待"),
                (false, false) => lang.pick("stops receiving customers", "停止接待"),
            };
            format!("{userid} {what}")
        }
    }
}

fn recalls(who: &str, which: Option<&str>, lang: Lang) -> String {
    let which = which.map(|text| format!(": {text}")).unwrap_or_default();
    format!("{who} {}{which}", lang.pick("recalls a message", "撤回消息"))
}

fn shown(message: &Message) -> String {
    let more = match &message.content {
        Content::Sample => String::new(),
        Content::File(path) => format!(" {}", path.display()),
        Content::Body(body) => format!(" {}", Value::Object(body.clone())),
    };
    format!("[{}]{more}", message.msgtype)
}

fn session_is(of: &str, session: &Session, lang: Lang) -> String {
    match session {
        Session::State(state) => {
            format!("{} {of}: {}", lang.pick("the session of", "会话："), state_name(i64::from(*state), lang))
        }
        Session::With(userid) => match lang {
            Lang::En => format!("the session of {of} is with {userid}"),
            Lang::Zh => format!("{of}的会话由 {userid} 接待"),
        },
    }
}

/// The state of a session in words.
pub(super) fn state_name(state: i64, lang: Lang) -> &'static str {
    match state {
        0 => lang.pick("untreated", "未处理"),
        1 => lang.pick("with the assistant", "由智能助手接待"),
        2 => lang.pick("in the queue", "待接入池排队中"),
        3 => lang.pick("with a servicer", "由人工接待"),
        _ => lang.pick("ended or never begun", "已结束/未开始"),
    }
}
