//! What customers and servicers can do, and what the bot reads of it.

use serde_json::{Value, json};
use wecom_kf_sim::{Simulator, op};

use crate::bot::Bot;

/// The messages since the last time, without `msgid` and `send_time`.
struct Reader(Bot, String, Value);

impl Reader {
    async fn of(sim: &Simulator) -> Self {
        Self(Bot::of(sim).await, sim.open_kfid(), json!(""))
    }

    async fn news(&mut self) -> Vec<Value> {
        let request = json!({ "open_kfid": self.1, "cursor": self.2 });
        let page = self.0.ok(op::SYNC_MSG, request).await;
        self.2 = page["next_cursor"].clone();
        let mut messages = page["msg_list"].as_array().unwrap().clone();
        for message in &mut messages {
            let members = message.as_object_mut().unwrap();
            assert!(members.remove("msgid").unwrap().is_string());
            assert!(members.remove("send_time").unwrap().is_u64());
        }
        messages
    }

    /// The one event since the last time, and its `msg_code`.
    async fn event(&mut self) -> (Value, Option<Value>) {
        let mut news = self.news().await;
        assert_eq!(news.len(), 1, "{news:?}");
        let mut message = news.remove(0);
        assert_eq!(message["origin"], 4);
        assert_eq!(message["msgtype"], "event");
        assert!(message.get("open_kfid").is_none() && message.get("external_userid").is_none());
        let mut event = message["event"].take();
        let code = event.as_object_mut().unwrap().remove("msg_code");
        (event, code)
    }
}

#[tokio::test]
async fn a_tap_is_a_text_with_a_menu_id() {
    let sim = Simulator::start().await.unwrap();
    let mut reader = Reader::of(&sim).await;
    let wang = sim.customer("小王");
    wang.taps("hours", "营业时间");
    let expected = json!({
        "open_kfid": wang.open_kfid(), "external_userid": wang.external_userid(), "origin": 3, "msgtype": "text",
        "text": { "content": "营业时间", "menu_id": "hours" },
    });
    assert_eq!(reader.news().await, [expected]);
    assert_eq!(wang.state(), 0);
}

#[tokio::test]
async fn entering_yields_a_welcome_code_until_the_customer_writes() {
    let sim = Simulator::start().await.unwrap();
    let mut reader = Reader::of(&sim).await;
    let wang = sim.customer("小王");
    let code = wang.enters();
    assert!(code.is_some());
    let (event, _) = reader.event().await;
    let expected = json!({
        "event_type": "enter_session", "open_kfid": wang.open_kfid(), "external_userid": wang.external_userid(),
        "scene": "", "welcome_code": code,
    });
    assert_eq!(event, expected);
    assert_eq!(wang.state(), 4, "entering opens no session");

    wang.says("你好");
    reader.news().await;
    assert_eq!(wang.enters(), None);
    assert_eq!(reader.event().await.0.get("welcome_code"), None);
}

#[tokio::test]
async fn what_servicers_do_is_reported() {
    let sim = Simulator::builder().servicer("zhangsan").servicer("lisi").start().await.unwrap();
    let mut reader = Reader::of(&sim).await;
    let (zhangsan, lisi) = (sim.servicer("zhangsan"), sim.servicer("lisi"));
    let wang = sim.customer("小王");
    wang.says("转人工");
    let queue = json!({ "open_kfid": wang.open_kfid(), "external_userid": wang.external_userid(), "service_state": 2 });
    reader.0.ok(op::SERVICE_STATE_TRANS, queue).await;
    reader.news().await;
    let change = |change_type: i64, old: Option<&str>, new: Option<&str>| {
        let mut event = json!({
            "event_type": "session_status_change", "change_type": change_type,
            "open_kfid": wang.open_kfid(), "external_userid": wang.external_userid(),
        });
        old.inspect(|old| event["old_servicer_userid"] = json!(old));
        new.inspect(|new| event["new_servicer_userid"] = json!(new));
        event
    };

    zhangsan.takes(&wang);
    let (event, code) = reader.event().await;
    assert_eq!((event, code.is_some()), (change(1, None, Some("zhangsan")), true));
    assert_eq!(wang.servicer_userid().as_deref(), Some("zhangsan"));
    zhangsan.takes(&wang);
    assert_eq!(reader.news().await, Vec::<Value>::new(), "it is theirs already");

    zhangsan.says(&wang, "我来");
    let expected = json!({
        "open_kfid": wang.open_kfid(), "external_userid": wang.external_userid(), "origin": 5,
        "servicer_userid": "zhangsan", "msgtype": "text", "text": { "content": "我来" },
    });
    assert_eq!(reader.news().await, [expected]);
    zhangsan.writes(&wang, "business_card", json!({ "userid": "lisi" }));
    let news = reader.news().await;
    assert_eq!((news.len(), &news[0]["business_card"]["userid"], &news[0]["origin"]), (1, &json!("lisi"), &json!(5)));

    zhangsan.transfers(&wang, "lisi").unwrap();
    let (event, code) = reader.event().await;
    assert_eq!((event, code), (change(2, Some("zhangsan"), Some("lisi")), None));
    zhangsan.takes(&wang);
    let (event, code) = reader.event().await;
    assert_eq!((event, code), (change(4, Some("lisi"), Some("zhangsan")), None));

    zhangsan.ends(&wang).unwrap();
    let (event, code) = reader.event().await;
    assert_eq!((event, code.is_some()), (change(3, Some("zhangsan"), None), true));
    assert_eq!(wang.state(), 4);

    lisi.says(&wang, "还有一件事");
    let news = reader.news().await;
    assert_eq!(news[0]["event"], change(4, Some("zhangsan"), Some("lisi")), "writing in an ended session takes it up");
    assert_eq!((&news[1]["origin"], wang.state()), (&json!(5), 3));
}

#[tokio::test]
async fn servicers_stop_and_resume_at_every_account() {
    let sim = Simulator::builder().account("甲").account("乙").servicer("zhangsan").start().await.unwrap();
    let mut reader = Reader::of(&sim).await;
    let zhangsan = sim.servicer("zhangsan");
    let expected = |status: Value| {
        let mut event = status;
        event["event_type"] = json!("servicer_status_change");
        event["servicer_userid"] = json!("zhangsan");
        event["open_kfid"] = json!(sim.open_kfid());
        event
    };
    zhangsan.stops();
    zhangsan.stops();
    assert_eq!(reader.event().await.0, expected(json!({ "status": 2, "stop_type": 0 })));
    zhangsan.resumes();
    assert_eq!(reader.event().await.0, expected(json!({ "status": 1 })));
    let there = json!({ "open_kfid": sim.open_kfids()[1] });
    assert_eq!(reader.0.ok(op::SYNC_MSG, there).await["msg_list"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn nobody_gives_away_what_is_not_theirs() {
    let sim = Simulator::builder().servicer("zhangsan").servicer("lisi").start().await.unwrap();
    let (zhangsan, lisi) = (sim.servicer("zhangsan"), sim.servicer("lisi"));
    let wang = sim.customer("小王");
    wang.says("转人工");
    let error = zhangsan.ends(&wang).unwrap_err();
    assert_eq!(error.to_string(), "zhangsan does not have the session of 小王, which is in state 0");
    zhangsan.transfers(&wang, "lisi").unwrap_err();
    zhangsan.takes(&wang);
    lisi.ends(&wang).unwrap_err();
    lisi.stops();
    for to in ["zhangsan", "lisi", "nobody"] {
        zhangsan.transfers(&wang, to).unwrap_err();
    }
    assert_eq!(wang.servicer_userid().as_deref(), Some("zhangsan"));
}

#[tokio::test]
async fn customers_write_any_kind_choose_from_menus_recall_and_come_by_a_link() {
    let sim = Simulator::start().await.unwrap();
    let mut reader = Reader::of(&sim).await;
    let wang = sim.customer("小王");
    assert!(wang.enters_with("poster", Some("a=1")).unwrap().is_some());
    wang.enters_with(&"x".repeat(33), None).unwrap_err();
    let (mut event, _) = reader.event().await;
    assert!(event.as_object_mut().unwrap().remove("welcome_code").is_some());
    assert_eq!((&event["scene"], &event["scene_param"]), (&json!("poster"), &json!("a=1")));

    wang.writes("location", json!({ "latitude": 39.9, "longitude": 116.4 }));
    assert_eq!(reader.news().await[0]["location"]["longitude"], 116.4);

    wang.chooses("hours").unwrap_err();
    let menu = json!({ "list": [
        { "type": "click", "click": { "id": "hours", "content": "营业时间" } },
        { "type": "view", "view": { "url": "https://example.com", "content": "网站" } },
    ]});
    reader.0.ok(op::SEND_MSG, reader.0.message(&wang, "msgmenu", menu)).await;
    assert_eq!(wang.hears().await.unwrap().labels(), ["营业时间"]);
    let msgid = wang.chooses("hours").unwrap();
    assert_eq!(reader.news().await[0]["text"], json!({ "content": "营业时间", "menu_id": "hours" }));

    wang.recalls(&msgid).unwrap();
    wang.recalls(&msgid).unwrap_err();
    let (event, _) = reader.event().await;
    assert_eq!((&event["event_type"], &event["recall_msgid"]), (&json!("user_recall_msg"), &json!(msgid)));
}

#[tokio::test]
async fn servicers_recall_what_they_wrote_and_reject_customers() {
    let sim = Simulator::start().await.unwrap();
    let mut reader = Reader::of(&sim).await;
    let (wang, zhangsan) = (sim.customer("小王"), sim.servicer("zhangsan"));
    let own = wang.says("你好");
    let msgid = zhangsan.says(&wang, "您好");
    reader.news().await;
    zhangsan.recalls(&wang, &own).unwrap_err();
    zhangsan.recalls(&wang, &msgid).unwrap();
    zhangsan.rejects(&wang);
    zhangsan.stops_rejecting(&wang);
    let news = reader.news().await;
    let events: Vec<_> =
        news.iter().map(|message| (&message["event"]["event_type"], &message["event"]["reject_switch"])).collect();
    let switch = json!("reject_customer_msg_switch_change");
    let recall = json!("servicer_recall_msg");
    assert_eq!(events, [(&recall, &Value::Null), (&switch, &json!(1)), (&switch, &json!(0))]);
    assert_eq!(news[0]["event"]["servicer_userid"], "zhangsan");
}

#[tokio::test]
async fn being_with_a_servicer_can_be_waited_for() {
    let sim = Simulator::builder().servicer("zhangsan").start().await.unwrap();
    let reader = Reader::of(&sim).await;
    let wang = sim.customer("小王");
    wang.says("转人工");
    let trans = json!({
        "open_kfid": wang.open_kfid(), "external_userid": wang.external_userid(),
        "service_state": 3, "servicer_userid": "zhangsan",
    });
    let (with, _) = tokio::join!(wang.is_with("zhangsan"), reader.0.ok(op::SERVICE_STATE_TRANS, trans));
    with.unwrap();
    let calls = sim.answered(op::SERVICE_STATE_TRANS, 1).await;
    assert_eq!((calls.len(), calls[0].external_userid.as_deref()), (1, Some(wang.external_userid())));
}

#[tokio::test]
async fn a_menu_link_in_a_text_is_tapped() {
    let sim = Simulator::start().await.unwrap();
    let bot = Bot::of(&sim).await;
    let wang = sim.customer("小王");
    wang.says("你好");
    let text = "<a href=\"weixin://kefumenu?kefumenucontent=退款&kefumenuid=q1\">我要退款</a>\n\
        <a href=\"weixin://kefumenu?kefumenucontent=%E6%9F%A5%E8%AF%A2%26%2B&kefumenuid=q2\">查询 &amp; 其他</a>";
    bot.ok(op::SEND_MSG, bot.text(&wang, text)).await;
    wang.taps_link("我要退款").unwrap();
    wang.chooses("q2").unwrap();
    let url = format!("{}/sim/v1/customers/{}/taps", sim.base_url(), wang.external_userid());
    let tapped = bot.http.post(url).json(&json!({ "menu_id": "q1" })).send().await.unwrap();
    assert_eq!(tapped.status(), 200);
    let page = bot.ok(op::SYNC_MSG, json!({ "open_kfid": sim.open_kfid() })).await;
    let texts: Vec<_> = page["msg_list"].as_array().unwrap().iter().map(|message| message["text"].clone()).collect();
    let said = [json!({ "content": "你好" }), json!({ "content": "退款", "menu_id": "q1" })];
    assert_eq!(texts[..2], said);
    assert_eq!(texts[2..], [json!({ "content": "查询&+", "menu_id": "q2" }), said[1].clone()]);
    wang.taps_link("退款").unwrap_err();
    wang.chooses("q3").unwrap_err();
    // What the customer writes is no link to tap.
    wang.says("<a href=\"weixin://kefumenu?kefumenucontent=x&kefumenuid=q3\">x</a>");
    wang.taps_link("x").unwrap_err();
}
