//! What "Copy as test" makes of the chat in `reading.rs`, below the line to the letter.

use crate::my_bot;

// ---
use std::time::Duration;

use serde_json::json;
use wecom_kf_sim::Simulator;

#[tokio::test]
async fn the_bot_answers_as_it_did() -> Result<(), Box<dyn std::error::Error>> {
    let sim = Simulator::builder().seed(7).servicer("lisi").servicer("zhangsan").start().await?;
    let bot = tokio::spawn(my_bot::run(sim.vars())); // your bot, with these variables for its environment
    let customer = sim.customer("小王");

    customer.enters_with("spring", None)?;
    assert_eq!(customer.hears().await?.labels(), ["营业时间", "转人工"]);

    customer.says("周末\"开\"门吗？\n谢谢 😊");
    assert_eq!(customer.hears().await?.text(), Some("你说：周末\"开\"门吗？\n谢谢 😊"));

    customer.writes("location", json!({ "latitude": 31.25, "longitude": 121.5, "name": "家" }));

    customer.writes("image", json!({ "media_id": sim.media_id() }));

    sim.advance(Duration::from_secs(3600));
    customer.chooses("human")?;
    assert_eq!(customer.hears().await?.text(), Some("正在为您转接人工 🙇"));
    assert_eq!(customer.state(), 3);

    let said_10 = sim.servicer("zhangsan").says(&customer, "您好");

    sim.servicer("zhangsan").recalls(&customer, &said_10)?;

    sim.servicer("zhangsan").rejects(&customer);

    sim.servicer("zhangsan").stops_rejecting(&customer);

    sim.servicer("zhangsan").transfers(&customer, "lisi")?;

    sim.servicer("lisi").ends(&customer)?;

    sim.report().assert_clean(); // no finding, or a table of them
    bot.abort();
    Ok(())
}
