//! Servicers, customers, upgrades, links, recalls and the session check, with the simulator.

use std::time::Duration;

use wecom_kf::messages::{Content, Event, Msgmenu, Text};
use wecom_kf::{ErrCode, Error, SessionState, Transition};

use super::world;

#[tokio::test]
async fn servicers_come_and_go() {
    let world = world().await;
    let servicer = world.client.servicers();
    world.sim.member("lisi");
    world.sim.department(2, &["wangwu"]);
    let members = ["lisi", "nobody", "zhangsan"];
    let results = servicer.add(&world.kf).members(members).departments([2]).await.unwrap();
    let outcomes: Vec<_> = results.iter().map(|result| (result.is_ok(), result.errmsg == "ignored")).collect();
    assert_eq!(outcomes, [(true, false), (false, false), (true, true), (true, false)], "{results:?}");

    let list = servicer.list(&world.kf).await.unwrap();
    assert_eq!((list.members.len(), &list.departments[..]), (2, &[2][..]));
    world.sim.servicer("zhangsan").stops();
    let list = servicer.list(&world.kf).await.unwrap();
    let receiving: Vec<_> = list.members.iter().filter(|servicer| servicer.is_receiving()).collect();
    assert!(matches!(receiving[..], [free] if free.userid == "lisi"), "{list:?}");

    let results = servicer.delete(&world.kf).members(["lisi"]).await.unwrap();
    assert!(matches!(&results[..], [result] if result.is_ok()));
    assert_eq!(servicer.list(&world.kf).await.unwrap().members.len(), 1);
}

#[tokio::test]
async fn a_customer_who_came_by_a_link_says_so() {
    let world = world().await;
    let link = world.client.accounts().contact_way(&world.kf).scene("web-1").await.unwrap();
    let visitor = world.sim.customer("小李");
    visitor.set_gender(2);
    visitor.enters_by(&link.url_with_param("a=1&b=二").unwrap()).unwrap();
    let page = world.client.messages().page(&world.kf).await.unwrap();
    let entered = page.messages().iter().find_map(|message| match message.content() {
        Content::Event(Event::EnterSession(entered)) => Some(entered.clone()),
        _ => None,
    });
    let entered = entered.unwrap();
    assert_eq!((entered.scene.as_deref(), entered.scene_param.as_deref()), (Some("web-1"), Some("a=1&b=二")));

    let ids = [visitor.external_userid().to_owned(), "wmNobody".to_owned()];
    let plain = world.client.customers().get_many(&ids).await.unwrap();
    assert_eq!(
        (plain.customers[0].nickname.as_deref(), &plain.customers[0].enter_session_context),
        (Some("小李"), &None)
    );
    assert_eq!(plain.invalid, ["wmNobody"]);
    let batch = world.client.customers().get_many(&ids).with_session_context().await.unwrap();
    assert_eq!(batch.customers[0].gender.unwrap().0, 2);
    let context = batch.customers[0].enter_session_context.as_ref().unwrap();
    assert_eq!(context.scene_param.as_deref(), Some("a=1&b=二"));
    let plain = world.client.accounts().contact_way(&world.kf).await.unwrap();
    assert!(plain.url().starts_with("https://work.weixin.qq.com/kf/"), "{}", plain.url());
}

#[tokio::test]
async fn an_upgrade_is_offered_taken_and_withdrawn() {
    let world = world().await;
    let upgrade = world.client.upgrades();
    world.sim.set_upgrade_members(&["zhangsan"], &[2]);
    world.sim.set_upgrade_groupchats(&["wr1"]);
    let config = upgrade.config().await.unwrap();
    assert_eq!((&config.members[..], &config.departments[..]), (&["zhangsan".into()][..], &[2][..]));
    assert_eq!(config.groups, ["wr1"]);
    upgrade.recommend_member(&world.kf, &world.id, "zhangsan").wording("您的顾问").await.unwrap();
    world.customer.accepts_upgrade().unwrap();
    upgrade.cancel(&world.kf, &world.id).await.unwrap();
    assert!(world.customer.upgrade_offer().is_none());
    upgrade.recommend_group(&world.kf, &world.id, "wr1").await.unwrap();
    let error = upgrade.recommend_member(&world.kf, &world.id, "lisi").await.unwrap_err();
    assert_eq!(error.code(), Some(ErrCode::UPGRADE_TARGET_NOT_CONFIGURED));

    let corp = world.client.corp();
    assert_eq!(corp.qualification().await.unwrap().wechat_channels_binding, Some(false));
    world.sim.bind_wechat_channels();
    assert_eq!(corp.qualification().await.unwrap().wechat_channels_binding, Some(true));
}

#[tokio::test]
async fn a_message_is_recalled_within_two_minutes() {
    let world = world().await;
    let (first, second) = (world.send("一").await.unwrap(), world.send("二").await.unwrap());
    world.client.messages().recall(&world.kf, &first).await.unwrap();
    world.sim.advance(Duration::from_secs(121));
    let error = world.client.messages().recall(&world.kf, &second).await.unwrap_err();
    assert_eq!(error.code(), Some(ErrCode::RECALL_WINDOW_CLOSED));
    let error = world.client.messages().recall(&world.kf, "unknown").await.unwrap_err();
    assert_eq!(error.code(), Some(ErrCode::RECALL_MESSAGE_NOT_FOUND));
}

#[tokio::test]
async fn a_checked_send_takes_a_free_session_and_leaves_a_taken_one() {
    let world = world().await;
    let text = || Text::new("您好");
    let states = world.client.sessions();
    assert_eq!(states.get(&world.kf, &world.id).await.unwrap().state, SessionState::UNTREATED);
    world.client.messages().send(&world.kf, &world.id, text()).checking_session().await.unwrap();
    assert_eq!(states.get(&world.kf, &world.id).await.unwrap().state, SessionState::ASSISTANT);

    states.transition(&world.kf, &world.id, Transition::to_servicer("zhangsan")).await.unwrap();
    let error = world.client.messages().send(&world.kf, &world.id, text()).checking_session().await.unwrap_err();
    let Error::SessionForbidsSending(session) = &error else { panic!("{error}") };
    assert_eq!(session.servicer_userid.as_ref().map(|id| id.as_str()), Some("zhangsan"));
    let refused = world.send("您好").await.unwrap_err();
    assert_eq!(refused.refusal().unwrap().session.as_ref(), Some(session));

    // After the end of a session, only the customer's next message starts a new one.
    states.transition(&world.kf, &world.id, Transition::to_end()).await.unwrap();
    let error = world.client.messages().send(&world.kf, &world.id, text()).checking_session().await.unwrap_err();
    assert!(matches!(&error, Error::SessionForbidsSending(session) if session.state == SessionState::ENDED), "{error}");
    world.customer.says("又来了");
    world.client.messages().send(&world.kf, &world.id, text()).checking_session().await.unwrap();
}

#[tokio::test]
async fn the_move_to_a_servicer_yields_a_text_and_the_end_a_menu() {
    let world = world().await;
    let to_zhangsan = Transition::to_servicer("zhangsan");
    let code = world.client.sessions().transition(&world.kf, &world.id, to_zhangsan).await.unwrap().msg_code.unwrap();
    world.client.messages().send_on_event(&code, "正在为您转接人工").await.unwrap();
    assert_eq!(world.customer.hears().await.unwrap().text(), Some("正在为您转接人工"));
    let ended = world.client.sessions().transition(&world.kf, &world.id, Transition::to_end()).await.unwrap();
    let menu = Msgmenu::new("您对本次服务满意吗？").click("101", "满意").click("102", "不满意");
    world.client.messages().send_on_event(ended.msg_code.unwrap(), menu).await.unwrap();
}
