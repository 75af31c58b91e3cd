//! What "Copy as test" makes of the chat in `reading.rs`, below the line to the letter.

use crate::my_bot;

// ---
use std::time::Duration;

use serde_json::json;
use wecom_kf_sim::{Satisfaction, Simulator};

#[tokio::test]
async fn the_bot_answers_as_it_did() -> Result<(), Box<dyn std::error::Error>> {
    let sim = Simulator::builder().seed(7).servicer("lisi").servicer("zhangsan").start().await?;
    sim.department(3, &["wangwu"]);
    sim.set_upgrade_members(&[], &[3]);
    sim.set_upgrade_groupchats(&["wrGroup"]);
    sim.bind_wechat_channels();
    let bot = tokio::spawn(my_bot::run(sim.vars())); // your bot, with these variables for its environment
    let customer = sim.customer("小王");
    customer.set_gender(2);
    customer.set_avatar(None);
    customer.set_unionid(Some("u1"));

    customer.enters_with("spring", None)?;
    assert_eq!(customer.hears().await?.labels(), ["营业时间", "转人工"]);

    customer.says("周末\"开\"门吗？\n谢谢 😊");
    assert_eq!(customer.hears().await?.text(), Some("收到：周末\"开\"门吗？\n谢谢 😊"));

    customer.writes("location", json!({ "latitude": 31.25, "longitude": 121.5, "name": "家" }));

    customer.writes("image", json!({ "media_id": sim.media_id() }));

    customer.enters_with("poster", Some("a=1"))?;

    customer.enters_from_channels(4, "小店");

    customer.says("有专人吗？");
    assert_eq!(customer.hears().await?.text(), Some("已为您推荐专员"));
    customer.is_offered("wangwu").await?;

    customer.accepts_upgrade()?;

    customer.says("不用了");
    assert_eq!(customer.hears().await?.text(), Some("好的"));
    assert_eq!(customer.upgrade_offer(), None);

    sim.advance(Duration::from_secs(3600));
    customer.chooses("human")?;
    assert_eq!(customer.hears().await?.text(), Some("正在为您转接人工 🙇"));
    assert_eq!(customer.state(), 3);

    let said_19 = sim.servicer("zhangsan").says(&customer, "您好");

    sim.servicer("zhangsan").recalls(&customer, &said_19)?;

    sim.servicer("zhangsan").writes(&customer, "business_card", json!({ "userid": "lisi" }));

    sim.servicer("zhangsan").rejects(&customer);

    sim.servicer("zhangsan").stops_rejecting(&customer);

    sim.servicer("zhangsan").transfers(&customer, "lisi")?;

    sim.servicer("lisi").ends(&customer)?;

    sim.servicer("lisi").asks_to_rate(&customer)?;

    customer.rates(Satisfaction::Satisfied)?;

    sim.report().assert_clean(); // no finding, or a table of them
    bot.abort();
    Ok(())
}
