//! Every finding: found when it should be, and not otherwise.

use std::time::Duration;

use serde_json::{Value, json};
use wecom_kf_sim::{Customer, FindingName, Lang, Simulator, Strictness, op};

use crate::bot::Bot;

async fn chat() -> (Simulator, Bot, Customer) {
    let sim = Simulator::builder().seed(7).manual_clock().servicer("zhangsan").start().await.unwrap();
    let bot = Bot::of(&sim).await;
    let wang = sim.customer("小王");
    wang.says("你好");
    (sim, bot, wang)
}

/// Names and counts of what was found.
fn found(sim: &Simulator) -> Vec<(FindingName, usize)> {
    sim.report().findings.iter().map(|finding| (finding.name, finding.count)).collect()
}

async fn read(bot: &Bot, sim: &Simulator, cursor: &Value) -> Value {
    bot.ok(op::SYNC_MSG, json!({ "open_kfid": sim.open_kfid(), "cursor": cursor, "token": sim.sync_token() })).await
}

#[tokio::test]
async fn a_bot_that_behaves_is_clean() {
    let (sim, bot, wang) = chat().await;
    sim.empty_page_next();
    let mut cursor = json!("");
    for _ in 0..3 {
        let page = read(&bot, &sim, &cursor).await;
        cursor = page["next_cursor"].clone();
    }
    bot.ok(op::SEND_MSG, bot.text(&wang, "您好")).await;
    sim.advance(Duration::from_secs(3600));
    sim.report().assert_clean();
    assert_eq!(sim.report().in_lang(Lang::En), "nothing found in 5 calls and 0 callbacks");
}

#[tokio::test]
async fn has_more_ignored() {
    let (sim, bot, wang) = chat().await;
    bot.ok(op::SEND_MSG, bot.text(&wang, "您好")).await;
    sim.empty_page_next();
    let page = read(&bot, &sim, &json!("")).await;
    assert_eq!(page["has_more"], 1);
    assert_eq!(found(&sim), [], "there is still time");
    sim.advance(Duration::from_secs(60));
    assert_eq!(found(&sim), [(FindingName::HasMoreIgnored, 1)]);
    assert_eq!(found(&sim), [(FindingName::HasMoreIgnored, 1)], "once");
    // Read on too late, as with the next callback.
    sim.empty_page_next();
    let page = read(&bot, &sim, &page["next_cursor"]).await;
    sim.advance(Duration::from_secs(60));
    read(&bot, &sim, &page["next_cursor"]).await;
    assert_eq!(found(&sim), [(FindingName::HasMoreIgnored, 2)]);
}

#[tokio::test]
async fn cursor_lost() {
    let (sim, bot, wang) = chat().await;
    bot.ok(op::SEND_MSG, bot.text(&wang, "您好")).await;
    sim.fault(op::SYNC_MSG).half_a_body();
    let request = json!({ "open_kfid": sim.open_kfid() });
    bot.try_call(op::SYNC_MSG, request.clone()).await.unwrap_err();
    read(&bot, &sim, &json!("")).await;
    assert_eq!(found(&sim), [], "the first page did not arrive");
    read(&bot, &sim, &json!("")).await;
    assert_eq!(found(&sim), [(FindingName::CursorLost, 1)]);
}

#[tokio::test]
async fn token_refetched() {
    let sim = Simulator::builder().manual_clock().start().await.unwrap();
    let bot = Bot::of(&sim).await;
    sim.advance(Duration::from_secs(6_700)); // 500 s are left
    bot.gettoken(&sim).await;
    sim.expire_token();
    bot.errcode(op::ACCOUNT_LIST, json!({})).await;
    bot.gettoken(&sim).await;
    assert_eq!(found(&sim), [], "early renewal, and after a refusal");
    sim.revoke_token();
    bot.errcode(op::ACCOUNT_LIST, json!({})).await;
    bot.gettoken(&sim).await;
    bot.gettoken(&sim).await;
    assert_eq!(found(&sim), [(FindingName::TokenRefetched, 1)]);
    let report = sim.report().in_lang(Lang::En);
    assert!(report.contains("another 7200 s"), "{report}");
}

#[tokio::test]
async fn the_control_api_leaves_out_what_is_allowed() {
    let (sim, bot, _) = chat().await;
    bot.gettoken(&sim).await;
    let report = async |query: &str| -> Value {
        let url = format!("{}/sim/v1/report{query}", sim.base_url());
        bot.http.get(url).send().await.unwrap().json().await.unwrap()
    };
    assert_eq!(report("").await["findings"][0]["name"], "token_refetched");
    assert_eq!(report("").await, json!(sim.report()));
    let allowed = report("?allow=sixth_message,token_refetched").await;
    assert_eq!((&allowed["clean"], &allowed["findings"]), (&json!(true), &json!([])));
    let error = report("?allow=sixth_messag").await["error"].to_string();
    assert!(error.contains("sixth_message"), "{error}");
}

#[tokio::test]
async fn gettoken_storm() {
    let (sim, bot, _) = chat().await;
    for _ in 0..9 {
        bot.gettoken_with(&[("corpid", &sim.corp_id()), ("corpsecret", "wrong")]).await;
    }
    assert_eq!(found(&sim), []);
    bot.gettoken_with(&[("corpid", &sim.corp_id()), ("corpsecret", "wrong")]).await;
    assert_eq!(found(&sim), [(FindingName::GettokenStorm, 1)]);
}

#[tokio::test]
async fn token_not_renewed() {
    let (sim, bot, _) = chat().await;
    sim.revoke_token();
    let list = || bot.errcode(op::ACCOUNT_LIST, json!({}));
    assert_eq!([list().await, list().await], [40014, 40014]);
    assert_eq!(found(&sim), [], "calls on their way");
    sim.advance(Duration::from_secs(2));
    list().await;
    assert_eq!(found(&sim), [(FindingName::TokenNotRenewed, 1)]);
}

#[tokio::test]
async fn two_readers() {
    let (sim, bot, wang) = chat().await;
    bot.ok(op::SEND_MSG, bot.text(&wang, "您好")).await;
    let first = read(&bot, &sim, &json!("")).await;
    wang.says("在吗");
    bot.ok(op::SEND_MSG, bot.text(&wang, "在")).await;
    read(&bot, &sim, &first["next_cursor"]).await;
    sim.advance(Duration::from_secs(6));
    read(&bot, &sim, &first["next_cursor"]).await;
    assert_eq!(found(&sim), [], "a restart reads a page again, later");
    read(&bot, &sim, &first["next_cursor"]).await;
    assert_eq!(found(&sim), [(FindingName::TwoReaders, 1)]);
}

/// Three accounts, and a bot that reads each as often as one account may be read.
#[tokio::test]
async fn polls_too_fast() {
    let builder = Simulator::builder().seed(7).manual_clock().account("甲").account("乙").account("丙");
    let sim = builder.start().await.unwrap();
    let bot = Bot::of(&sim).await;
    let mut cursors = std::collections::HashMap::new();
    for open_kfid in sim.open_kfids() {
        let request = json!({ "open_kfid": open_kfid, "token": sim.sync_token() });
        cursors.insert(open_kfid, bot.ok(op::SYNC_MSG, request).await["next_cursor"].clone());
    }
    let poll = async |open_kfid: &str| {
        bot.errcode(op::SYNC_MSG, json!({ "open_kfid": open_kfid, "cursor": cursors[open_kfid] })).await
    };
    for _ in 0..20 {
        for open_kfid in sim.open_kfids() {
            assert_eq!(poll(&open_kfid).await, 0);
        }
        sim.advance(Duration::from_secs(30));
    }
    assert_eq!(found(&sim), [], "6 reads a minute");
    sim.advance(Duration::from_secs(60));
    let mut errcodes = Vec::new();
    for _ in 0..4 {
        for open_kfid in sim.open_kfids() {
            errcodes.push(poll(&open_kfid).await);
        }
        sim.advance(Duration::from_secs(10));
    }
    assert_eq!(errcodes, [&[0; 10][..], &[45009; 2][..]].concat());
    let report = sim.report();
    assert_eq!(found(&sim), [(FindingName::PollsTooFast, 2)]);
    assert_eq!((&report.findings[0].open_kfid, &report.findings[0].external_userid), (&None, &None), "it is the app's");
    assert_eq!(
        report.findings[0].proof(Lang::En),
        "12 reads in a minute without a callback's token, over all accounts"
    );
}

#[tokio::test]
async fn sent_while_human() {
    let (sim, bot, wang) = chat().await;
    sim.servicer("zhangsan").takes(&wang);
    assert_eq!(bot.errcode(op::SEND_MSG, bot.text(&wang, "您好")).await, 95018);
    let report = sim.report();
    assert_eq!(found(&sim), [(FindingName::SentWhileHuman, 1)]);
    let finding = &report.findings[0];
    assert_eq!(finding.external_userid.as_deref(), Some(wang.external_userid()));
    assert_eq!(finding.proof(Lang::En), "95018: state 3, zhangsan has the session");
    assert_eq!(finding.proof(Lang::Zh), "95018：会话状态为 3，由 zhangsan 接待");
    assert_eq!(sim.journal().pop().unwrap().findings, [FindingName::SentWhileHuman]);
    let panic = std::panic::catch_unwind(|| report.assert_clean()).unwrap_err();
    let table = panic.downcast_ref::<String>().unwrap();
    // It is in the language of this machine.
    assert!([Lang::En, Lang::Zh].iter().any(|lang| *table == report.in_lang(*lang)), "{table}");
    let table = report.in_lang(Lang::En);
    assert!(table.contains("sent_while_human") && table.contains("do:     ") && table.contains("[94677]"), "{table}");
    report.allowing(&[FindingName::SentWhileHuman]).assert_clean();
}

#[tokio::test]
async fn sixth_message() {
    let (sim, bot, wang) = chat().await;
    for _ in 0..5 {
        bot.ok(op::SEND_MSG, bot.text(&wang, "您好")).await;
    }
    assert_eq!(found(&sim), []);
    assert_eq!(bot.errcode(op::SEND_MSG, bot.text(&wang, "您好")).await, 95001);
    assert_eq!(found(&sim), [(FindingName::SixthMessage, 1)]);
}

#[tokio::test]
async fn welcome_late() {
    let (sim, bot, _) = chat().await;
    let welcome = |code: &str| json!({ "code": code, "msgtype": "text", "text": { "content": "欢迎" } });
    let li = sim.customer("小李");
    let code = li.enters().unwrap();
    sim.advance(Duration::from_secs(21));
    assert_ne!(bot.errcode(op::SEND_MSG_ON_EVENT, welcome(&code)).await, 0);
    let report = sim.report();
    assert_eq!(found(&sim), [(FindingName::WelcomeLate, 1)]);
    assert_eq!(report.findings[0].external_userid.as_deref(), Some(li.external_userid()));
    assert_ne!(bot.errcode(op::SEND_MSG_ON_EVENT, welcome("never-given")).await, 0);
    assert_eq!(found(&sim), [(FindingName::WelcomeLate, 1)]);
}

#[tokio::test]
async fn retry_without_msgid() {
    let (sim, bot, wang) = chat().await;
    bot.ok(op::SEND_MSG, bot.text(&wang, "您好")).await;
    bot.ok(op::SEND_MSG, bot.text(&wang, "您好")).await;
    assert_eq!(found(&sim), [], "the same text twice may be meant so");
    for (msgid, expected) in [(Some("own-1"), 0), (None, 1)] {
        wang.says("再说一遍");
        let mut message = bot.text(&wang, "再见");
        msgid.into_iter().for_each(|msgid| message["msgid"] = json!(msgid));
        sim.fault(op::SEND_MSG).reset_after();
        bot.try_call(op::SEND_MSG, message.clone()).await.unwrap_err();
        bot.call(op::SEND_MSG, message).await;
        assert_eq!(sim.report().findings.len(), expected, "{msgid:?}");
    }
    assert_eq!(found(&sim), [(FindingName::RetryWithoutMsgid, 1)]);
}

#[tokio::test]
async fn unknown_field() {
    let sim = Simulator::builder().strictness(Strictness::Lenient).start().await.unwrap();
    let bot = Bot::of(&sim).await;
    bot.ok(op::ACCOUNT_LIST, json!({ "ofset": 1 })).await;
    assert_eq!(found(&sim), [(FindingName::UnknownField, 1)]);
    assert_eq!(sim.report().findings[0].proof(Lang::En), "account_list: `ofset`");
}

#[tokio::test]
async fn never_answered() {
    let (sim, bot, wang) = chat().await;
    let li = sim.customer("小李");
    li.says("人工");
    sim.servicer("zhangsan").takes(&li);
    assert_eq!(found(&sim), [], "there is still time");
    sim.advance(Duration::from_secs(300));
    let report = sim.report();
    assert_eq!(found(&sim), [(FindingName::NeverAnswered, 1)], "the other is with people");
    assert_eq!(report.findings[0].external_userid.as_deref(), Some(wang.external_userid()));
    bot.ok(op::SEND_MSG, bot.text(&wang, "您好")).await;
    sim.advance(Duration::from_secs(300));
    assert_eq!(found(&sim), [(FindingName::NeverAnswered, 1)], "what was found stays found");
}

#[test]
fn every_finding_has_a_name_of_its_own_and_says_what_to_do() {
    for name in FindingName::ALL {
        assert_eq!(FindingName::from_name(name.as_str()), Some(name));
        for lang in [Lang::En, Lang::Zh] {
            assert!(name.remedy(lang).len() > 30 && !name.source(lang).is_empty() && !name.title(lang).is_empty());
        }
    }
}
