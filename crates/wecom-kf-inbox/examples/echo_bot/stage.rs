//! The bot without an account: a simulator of the platform, a customer who writes, a servicer who takes over.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::time::sleep;
use wecom_kf_inbox::{Report, Settings};
use wecom_kf_sim::{Simulator, op};

const DAY: Duration = Duration::from_secs(24 * 3600);

pub(crate) async fn play() -> Result<(), Report> {
    // The port is released again so that the bot can listen on it.
    let address = TcpListener::bind("127.0.0.1:0").await?.local_addr()?;
    #[allow(clippy::disallowed_methods, reason = "the play takes place today, and begins yesterday")]
    let yesterday = SystemTime::now().duration_since(UNIX_EPOCH)? - DAY;
    let sim = Simulator::builder().servicer("zhangsan").manual_clock_from(yesterday).start().await?;
    println!("No WECOM_CORP_ID in the environment: playing on a simulator at {}.\n", sim.base_url());
    let customer = sim.customer("小王");
    customer.says("昨天写的，不该有人回");
    sim.advance(DAY);
    // The callback is set only now. With FromNow a new bot begins at its first callback, which would be yesterday's.
    sim.set_callback(&format!("http://{address}/callback"), "EchoBot1", "BwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyAhIiMkJSY")?;

    let folder = TempDir::new()?;
    let (stop, stopped) = oneshot::channel::<()>();
    let bot = tokio::spawn({
        let (settings, account) = (Settings::from_vars(sim.vars()), sim.open_kfid().into());
        let store = folder.path().join("echo.redb");
        async move { super::run(&settings, account, &store, stopped).await }
    });
    while sim.calls(op::SYNC_MSG) == 0 && !bot.is_finished() {
        sleep(Duration::from_millis(5)).await;
    }

    for (number, text) in
        ["你好", "Do you speak English too? 🙂", "我的订单 #1024 到哪儿了？📦"].into_iter().enumerate()
    {
        println!("  小王      {text}");
        customer.says(text);
        println!("  bot       {}", customer.hears().await?.text().unwrap_or_default());
        match number {
            0 => {
                sim.expire_token();
                println!("            (WeCom ends the access token; the client gets another)");
            }
            1 => {
                sim.fault(op::SEND_MSG).reset_after();
                println!(
                    "            (the next answer gets through, but WeCom's reply is lost: sent again, heard once)"
                );
            }
            _ => {}
        }
    }
    let words = "您好，我是张三，马上为您查询。";
    sim.servicer("zhangsan").takes(&customer);
    sim.servicer("zhangsan").says(&customer, words);
    println!("            (zhangsan takes the session: the bot is silent)\n  zhangsan  {words}");

    drop(stop);
    bot.await??;
    let (heard, tokens) = (customer.heard().len(), sim.calls(op::GETTOKEN));
    println!("\n{heard} messages answered, {tokens} access tokens fetched, 1 old message left unanswered.");
    Ok(())
}
