//! Events on their way through a queue.
#![cfg(feature = "serde")]

use wecom_kf_callback::Event;

#[test]
fn an_event_survives_a_queue() {
    let head = "<xml><ToUserName>ww1</ToUserName><CreateTime>1</CreateTime><MsgType>event</MsgType>";
    let news = format!("{head}<Event>kf_msg_or_event</Event><Token>t1</Token><OpenKfId>wk1</OpenKfId></xml>");
    let change = format!("{head}<Event>kf_account_auth_change</Event><AuthAddOpenKfId>wk1</AuthAddOpenKfId></xml>");
    for xml in [&news, &change, "<xml><MsgType>text</MsgType></xml>"] {
        let event = Event::parse(xml).unwrap();
        let json = serde_json::to_string(&event).unwrap();
        assert_eq!(serde_json::from_str::<Event>(&json).unwrap(), event, "{json}");
    }
    let json = serde_json::to_value(Event::parse(news).unwrap()).unwrap();
    assert_eq!((&json["kind"], &json["token"]), (&"kf_msg_or_event".into(), &"t1".into()));
}
