//! The bot without an account: a simulator of the platform, a customer who writes, and a model that fails for a while.

use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::sleep;
use wecom_kf_inbox::store::Memory;
use wecom_kf_inbox::wecom_kf::reqwest;
use wecom_kf_inbox::{ColdStart, Inbox, InboxHandle, Report, Settings};
use wecom_kf_sim::{Customer, Simulator};

use super::Model;
use super::fake::{Fake, Health};

/// Plays with this model; without one, with the fake.
pub(crate) async fn play(model: Option<Model>) -> Result<(), Report> {
    let sim = Simulator::builder().servicer("zhangsan").start().await?;
    let (fake, is_fake) = (Fake::start().await?, model.is_none());
    let model = match model {
        Some(model) => model,
        // The fake is on this machine, so a proxy in the environment must not be used.
        None => Model::new(reqwest::Client::builder().no_proxy(), &fake.url(), "fake", "")?,
    };
    println!("Playing on a simulator at {}, with {} model.\n", sim.base_url(), if is_fake { "a fake" } else { "your" });
    let settings = Settings::from_vars(sim.vars());
    let client = settings.client_builder()?.http(|http| http.no_proxy()).build()?;
    let inbox = Inbox::builder(client, settings.open_kfid()?).store(Memory::new()).cold_start(ColdStart::Everything);
    let inbox = super::for_a_model(inbox).open().await?;
    let handle = inbox.handle();
    sim.wakes(handle.waker());
    let (stop, stopped) = oneshot::channel::<()>();
    let bot = tokio::spawn(super::run(inbox, model, stopped));

    let mut scene = Scene { customer: sim.customer("小王"), bot: handle.clone(), written: 1, shown: 0 };
    scene.customer.enters();
    scene.show_answers().await;
    for messages in [&["你好", "我叫王小明"][..], &["我叫什么？"], &["蛋糕怎么做？"], &["继续"]] {
        messages.iter().for_each(|message| scene.writes(message));
        scene.show_answers().await;
    }
    println!("  小王      (a picture)");
    scene.customer.sends_image(b"\x89PNG\r\n\x1a\n, but small".to_vec());
    scene.written += 1;
    scene.show_answers().await;
    if is_fake {
        println!("            (the model is down)");
        fake.is(Health::Down);
        scene.writes("今天几点关门？");
        while handle.metrics().retries < 3 {
            sleep(Duration::from_millis(20)).await;
        }
        println!("            (it is up again)");
        fake.is(Health::Well);
        scene.show_answers().await;
    }
    scene.writes("我要找人工");
    scene.show_answers().await;
    let words = "您好，我是张三，马上为您查询。";
    sim.servicer("zhangsan").says(&scene.customer, words);
    scene.written += 1;
    println!("  zhangsan  {words}");
    scene.writes("谢谢");
    scene.show_answers().await;
    println!("            (zhangsan has the session: the bot is silent)");

    drop(stop);
    bot.await??;
    let metrics = handle.metrics();
    println!(
        "\n{} messages and events handled, {} messages sent, {} retries, {} parked.",
        metrics.acked, scene.shown, metrics.retries, metrics.parked
    );
    Ok(())
}

struct Scene {
    customer: Customer,
    bot: InboxHandle,
    /// How many messages and events there are, those of servicers included.
    written: u64,
    /// How many messages of the bot were shown.
    shown: usize,
}

impl Scene {
    fn writes(&mut self, text: &str) {
        println!("  小王      {text}");
        self.customer.says(text);
        self.written += 1;
    }

    /// Waits until everything is handled, and prints what the customer heard.
    async fn show_answers(&mut self) {
        let settled = || {
            let metrics = self.bot.metrics();
            metrics.acked + metrics.servicer_messages + metrics.parked
        };
        while settled() < self.written {
            sleep(Duration::from_millis(20)).await;
        }
        for heard in self.customer.heard().into_iter().skip(self.shown) {
            self.shown += 1;
            println!("  bot       {}", shortened(heard.text().unwrap_or_default()));
        }
    }
}

fn shortened(text: &str) -> String {
    let start: String =
        text.chars().take(40).map(|character| if character == '\n' { ' ' } else { character }).collect();
    if start.len() == text.len() { start } else { format!("{start}… ({} bytes)", text.len()) }
}
