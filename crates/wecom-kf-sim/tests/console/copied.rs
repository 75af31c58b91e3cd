//! What "Copy as test" makes of the chat in `reading.rs`, below the line to the letter.

use crate::my_bot;

// ---
use std::time::Duration;

use wecom_kf_sim::Simulator;

#[tokio::test]
async fn the_bot_answers_as_it_did() -> Result<(), Box<dyn std::error::Error>> {
    let sim = Simulator::builder().seed(7).servicer("lisi").servicer("zhangsan").start().await?;
    let bot = tokio::spawn(my_bot::run(sim.vars())); // your bot, with these variables for its environment
    let customer = sim.customer("小王");

    customer.enters();
    let menu = customer.hears().await?;
    assert_eq!(menu.body["head_content"], "您好 👋");
    assert_eq!(menu.body["list"][0]["click"]["content"], "营业时间");
    assert_eq!(menu.body["list"][1]["click"]["content"], "转人工");

    customer.says("周末\"开\"门吗？\n谢谢 😊");
    assert_eq!(customer.hears().await?.text(), Some("你说：周末\"开\"门吗？\n谢谢 😊"));

    sim.advance(Duration::from_secs(3600));
    customer.taps("human", "转人工");
    assert_eq!(customer.hears().await?.text(), Some("正在为您转接人工 🙇"));
    assert_eq!(customer.state(), 3);

    sim.servicer("zhangsan").says(&customer, "您好");

    sim.servicer("zhangsan").transfers(&customer, "lisi")?;

    sim.servicer("lisi").ends(&customer)?;

    sim.report().assert_clean(); // no finding, or a table of them
    bot.abort();
    Ok(())
}
