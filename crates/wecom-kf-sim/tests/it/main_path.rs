//! A customer asks and a bot answers, through all parts.

use serde_json::json;
use wecom_kf_raw::{AccessToken, Client, types};
use wecom_kf_sim::{Simulator, op};

use crate::bot::Bot;

#[tokio::test]
async fn a_customer_asks_and_the_bot_answers() {
    let sim = Simulator::start().await.unwrap();
    let bot = Bot::of(&sim).await;
    let wang = sim.customer("小王");
    let msgid = wang.says("你好");
    assert_eq!(wang.state(), 0);

    let accounts = bot.ok(op::ACCOUNT_LIST, json!({})).await;
    assert_eq!(accounts["account_list"][0]["name"], "小店");
    assert_eq!(accounts["account_list"][0]["open_kfid"], sim.open_kfid());
    assert_eq!(accounts["account_list"][0]["manage_privilege"], true);

    let page = bot.ok(op::SYNC_MSG, json!({ "open_kfid": sim.open_kfid() })).await;
    let message = &page["msg_list"][0];
    assert_eq!(message["msgid"], *msgid);
    assert_eq!(message["external_userid"], wang.external_userid());
    assert_eq!(message["origin"], 3);
    assert_eq!(message["text"], json!({ "content": "你好" }));

    let sent = bot.ok(op::SEND_MSG, bot.text(&wang, "营业时间 9:00")).await;
    let heard = wang.hears().await.unwrap();
    assert_eq!(heard.text(), Some("营业时间 9:00"));
    assert_eq!(sent["msgid"], *heard.msgid);
    assert_eq!(wang.state(), 1);
    assert_eq!(wang.heard(), [heard]);
    assert_eq!((sim.calls(op::GETTOKEN), sim.calls(op::SEND_MSG), sim.requests()), (1, 1, 4));
}

#[tokio::test]
async fn the_raw_client_understands_every_reply() {
    let sim = Simulator::builder().servicer("zhangsan").start().await.unwrap();
    let wang = sim.customer("小王");
    wang.says("你好");
    let (open_kfid, external_userid) = (sim.open_kfid(), wang.external_userid().to_owned());
    let client = Client::new(sim.base_url(), Default::default()).unwrap();
    let token = client.gettoken(&sim.corp_id(), &sim.secret().into()).await.unwrap();
    assert_eq!((token.errcode, token.expires_in), (0, Some(7200)));
    let token = AccessToken::from(token.access_token.unwrap().expose());

    let request = types::AddCustomerServiceAccountRequest { name: "售后".to_owned(), media_id: sim.media_id() };
    let added = client.account_add(&token, &request).await.unwrap();
    assert_eq!(added.errcode, 0, "{}", added.errmsg);
    let request = types::DelCustomerServiceAccountRequest { open_kfid: added.open_kfid.unwrap() };
    assert_eq!(client.account_del(&token, &request).await.unwrap().errcode, 0);

    let request = types::SyncRequest { open_kfid: Some(open_kfid.clone()), ..Default::default() };
    assert_eq!(client.sync_msg(&token, &request).await.unwrap().msg_list.len(), 1);

    let request = types::TransformServiceStateRequest {
        open_kfid: open_kfid.clone(),
        external_userid: external_userid.clone(),
        service_state: 3,
        servicer_userid: Some("zhangsan".to_owned()),
    };
    assert!(client.service_state_trans(&token, &request).await.unwrap().msg_code.is_some());
    let request = types::GetServiceStateRequest { open_kfid, external_userid };
    let state = client.service_state_get(&token, &request).await.unwrap();
    assert_eq!((state.service_state, state.servicer_userid.as_deref()), (Some(3), Some("zhangsan")));
}

#[tokio::test]
async fn hearing_waits_for_what_is_sent_later() {
    let sim = Simulator::start().await.unwrap();
    let bot = Bot::of(&sim).await;
    let wang = sim.customer("小王");
    wang.says("你好");
    let (heard, _) = tokio::join!(wang.hears(), bot.ok(op::SEND_MSG, bot.text(&wang, "在")));
    assert_eq!(heard.unwrap().text(), Some("在"));
}

#[tokio::test(start_paused = true)]
async fn hearing_nothing_fails_with_the_transcript() {
    let sim = Simulator::start().await.unwrap();
    let wang = sim.customer("小王");
    wang.says("有人吗");
    sim.servicer("zhangsan").takes(&wang);
    let nothing = wang.hears().await.unwrap_err();
    assert!(nothing.to_string().ends_with("\n小王: 有人吗\n(zhangsan has the session)"), "{nothing}");
}

#[tokio::test]
async fn the_same_seed_gives_the_same_ids_tokens_and_cursors() {
    async fn ids(seed: Option<u64>) -> Vec<String> {
        // What callbacks carry says when they were made, so the clock stands still.
        let builder = Simulator::builder().manual_clock_from(std::time::Duration::from_secs(1_767_196_800));
        let sim = seed.into_iter().fold(builder, wecom_kf_sim::Builder::seed).start().await.unwrap();
        let bot = Bot::of(&sim).await;
        let wang = sim.customer("小王");
        let msgid = wang.says("你好");
        let page = bot.ok(op::SYNC_MSG, json!({ "open_kfid": sim.open_kfid() })).await;
        let sent = bot.ok(op::SEND_MSG, bot.text(&wang, "在")).await;
        let cursor = page["next_cursor"].to_string();
        let ids = [sim.corp_id(), sim.secret(), sim.open_kfid(), sim.sync_token(), sim.media_id(), msgid, cursor];
        ids.into_iter().chain([bot.access_token, sent["msgid"].to_string()]).collect()
    }
    assert_eq!(ids(Some(7)).await, ids(Some(7)).await);
    let (unseeded, other) = (ids(None).await, ids(None).await);
    assert!(unseeded.iter().zip(&other).all(|(one, other)| one != other), "{unseeded:?} {other:?}");
}

#[tokio::test]
async fn the_variables_are_those_of_the_contract() {
    let sim = Simulator::builder().corp("ww1", "s3cret").account("甲").account("乙").start().await.unwrap();
    let names: Vec<_> = sim.vars().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["WECOM_CORP_ID", "WECOM_KF_SECRET", "WECOM_KF_BASE_URL", "WECOM_KF_OPEN_KFID"]);
    assert_eq!((sim.corp_id().as_str(), sim.secret().as_str()), ("ww1", "s3cret"));
    assert_eq!(sim.open_kfids().len(), 2);
    assert_eq!(sim.open_kfids()[0], sim.open_kfid());
}

#[tokio::test]
async fn dropping_it_ends_the_server_and_its_connections() {
    let sim = Simulator::start().await.unwrap();
    let bot = Bot::of(&sim).await; // keeps a connection
    sim.fault(op::ACCOUNT_LIST).never_answers();
    let waiting = bot.try_call(op::ACCOUNT_LIST, json!({}));
    let dropped = async {
        while sim.calls(op::ACCOUNT_LIST) == 0 {
            tokio::task::yield_now().await;
        }
        drop(sim);
    };
    let (answer, ()) = tokio::join!(waiting, dropped);
    answer.unwrap_err();
    bot.try_call(op::ACCOUNT_LIST, json!({})).await.unwrap_err();
}

#[test]
fn handles_can_go_anywhere() {
    fn goes_anywhere<T: Send + Sync + 'static>() {}
    goes_anywhere::<Simulator>();
    goes_anywhere::<wecom_kf_sim::Customer>();
    goes_anywhere::<wecom_kf_sim::Servicer>();
    goes_anywhere::<wecom_kf_sim::Fault>();
}
