//! The bot without an account: a simulator of the platform, a customer who writes, a servicer who takes over.

use std::time::Duration;

use tokio::time::error::Elapsed;
use tokio::time::{sleep, timeout};
use wecom_kf::{Client, Credentials, Report};
use wecom_kf_sim::{Simulator, op};

use crate::Bot;

/// Whether nothing in the environment says which corp to talk to. Half of it is for `Settings` to refuse.
pub(crate) fn is_wanted() -> bool {
    ["WECOM_CORP_ID", "WECOM_KF_SECRET", "WECOM_KF_BASE_URL"].iter().all(|name| std::env::var_os(name).is_none())
}

pub(crate) async fn play() -> Result<(), Report> {
    let sim = Simulator::builder().servicer("zhangsan").start().await?;
    println!("No WECOM_CORP_ID in the environment: playing on a simulator at {}.\n", sim.base_url());
    let customer = sim.customer("小王");
    customer.says("昨天写的，不该有人回");

    let client = Client::builder(Credentials::new(sim.corp_id(), sim.secret())).base_url(sim.base_url());
    // The simulator is on this machine, whatever proxy the environment names.
    let client = client.http(|http| http.no_proxy()).build()?;
    let bot = Bot {
        client,
        kf: sim.open_kfid().into(),
        pause: Duration::from_millis(20),
        hand_over_to: Some("zhangsan".into()),
    };
    let cursor = bot.skip_history().await?;
    let bot = tokio::spawn(async move { bot.answer_from(cursor).await });

    for (number, text) in
        ["你好", "Do you speak English too? 🙂", "我的订单 #1024 到哪儿了？📦", "我要转人工"].into_iter().enumerate()
    {
        println!("  小王      {text}");
        customer.says(text);
        println!("  bot       {}", customer.hears().await?.text().unwrap_or_default());
        if number == 1 {
            sim.expire_token();
            println!("            (WeCom ends the access token; the client gets another)");
        }
    }
    until(|| customer.state() == 3).await?;
    println!("            (the session is with {} now)", customer.servicer_userid().unwrap_or_default());
    let words = "您好，我是张三，马上为您查询。";
    sim.servicer("zhangsan").says(&customer, words);
    println!("  zhangsan  {words}");

    bot.abort();
    println!(
        "\n{} messages sent, {} access tokens fetched, 1 old message left unanswered.",
        customer.heard().len(),
        sim.calls(op::GETTOKEN)
    );
    Ok(())
}

/// Waits, 10 s at most.
async fn until(done: impl Fn() -> bool) -> Result<(), Elapsed> {
    let wait = async {
        while !done() {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(Duration::from_secs(10), wait).await
}
