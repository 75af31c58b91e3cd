//! Whole conversations through the simulator, while the model fails or hangs. The clock moves only when a test says so and
//! nothing is in progress, so minutes pass at once and no result depends on the speed of the machine.

use std::cell::Cell;
use std::io::Write;
use std::sync::{Mutex, mpsc};

use tokio::sync::oneshot;
use tokio::task::{JoinHandle, spawn_blocking, yield_now};
use tokio::time::Instant;
use tracing_subscriber::filter::LevelFilter;
use wecom_kf_inbox::store::Memory;
use wecom_kf_inbox::{InboxHandle, Summary};
use wecom_kf_sim::{Customer, Simulator};

use super::fake::{Fake, Health};
use super::*;

const SECOND: Duration = Duration::from_secs(1);
/// The waits of the bot are multiples of this.
const STEP: Duration = Duration::from_millis(500);
const HOUR: Duration = Duration::from_secs(3600);
/// What nobody may see.
const KEY: &str = "sk-canary-4711";
const MORE: &str = "…（更多请回复“继续”）";
const WAIT: &str = "正在查询，请稍候。";
const WELCOME: &str = "您好，我是小店的智能助手，请问有什么可以帮您？";
const TO_PEOPLE: &str = "正在为您转接人工，请稍候。";
const SORRY: &str = "抱歉，智能助手暂时无法回答，已为您联系人工。";

struct Play {
    sim: Simulator,
    fake: Fake,
    bot: InboxHandle,
    run: JoinHandle<Result<Summary, Report>>,
    stop: oneshot::Sender<()>,
    /// How many messages and events there are for the bot.
    written: Cell<u64>,
    /// How many handlers wait for a model that hangs.
    hanging: Cell<usize>,
    /// While it exists, the paused clock does not move by itself.
    clock_stands: mpsc::Sender<()>,
}

impl Play {
    async fn start() -> Self {
        let (clock_stands, released) = mpsc::channel();
        // After five minutes of real time the clock moves by itself, so that a test that waits for ever fails.
        spawn_blocking(move || released.recv_timeout(300 * SECOND));
        let sim = Simulator::builder().servicer("zhangsan").start().await.unwrap();
        let fake = Fake::start().await.unwrap();
        let model = Model::new(reqwest::Client::builder().no_proxy(), &fake.url(), "fake", KEY).unwrap();
        assert!(!format!("{:?}", model.request).contains(KEY), "{:?}", model.request);
        let settings = Settings::from_vars(sim.vars());
        // No call to the simulator ends because the clock moved.
        let client = settings.client_builder().unwrap().attempt_timeout(HOUR).call_timeout(HOUR);
        let client = client.http(|http| http.no_proxy()).build().unwrap();
        let inbox = Inbox::builder(client, settings.open_kfid().unwrap()).store(Memory::new()).jitter(|| 0.0);
        // With the texts of errors, which must not have the key.
        let inbox = for_a_model(inbox.cold_start(ColdStart::Everything).show_handler_errors()).open().await.unwrap();
        let bot = inbox.handle();
        sim.wakes(bot.waker());
        let (stop, stopped) = oneshot::channel();
        let run = tokio::spawn(run(inbox, model, stopped));
        Self { sim, fake, bot, run, stop, written: Cell::new(0), hanging: Cell::new(0), clock_stands }
    }

    fn write(&self, customer: &Customer, text: &str) {
        customer.says(text);
        self.written.set(self.written.get() + 1);
    }

    /// Waits until everything that was written is read, and what is due is done. The clock stands still.
    async fn settle(&self) {
        loop {
            // What is due begins without a socket, so it needs only some turns of the scheduler.
            for _ in 0..100 {
                yield_now().await;
            }
            let metrics = self.bot.metrics();
            let known = metrics.acked + metrics.servicer_messages + metrics.parked + metrics.lag_messages as u64;
            if known == self.written.get() && metrics.in_progress == self.hanging.get() {
                return;
            }
            spawn_blocking(|| std::thread::sleep(Duration::from_millis(1))).await.unwrap();
        }
    }

    /// Lets this much time pass.
    async fn pass(&self, time: Duration) {
        self.pass_until(time, self.hanging.get()).await;
    }

    /// Lets this much time pass. At its end, this many handlers wait for a model that hangs.
    async fn pass_until(&self, time: Duration, hanging: usize) {
        self.settle().await;
        let end = Instant::now() + time;
        while Instant::now() < end {
            tokio::time::advance(STEP).await;
            if Instant::now() >= end {
                self.hanging.set(hanging);
            }
            self.settle().await;
        }
    }

    /// A customer writes, and hears this exactly 2 s later, when the batch is complete.
    async fn hears(&self, customer: &Customer, text: &str, expected: &[&str]) {
        let before = customer.heard().len();
        self.write(customer, text);
        self.pass(2 * SECOND - STEP).await;
        assert_eq!(heard(customer).len(), before, "the customer may write more");
        self.pass(STEP).await;
        assert_eq!(heard(customer)[before..], *expected);
    }

    /// Ends the bot. Nothing is parked or left, and the simulator found no mistake.
    async fn end(self) -> Summary {
        drop((self.clock_stands, self.stop));
        let summary = self.run.await.unwrap().unwrap();
        assert_eq!((summary.parked, summary.left), (0, 0));
        self.sim.report().assert_clean();
        summary
    }
}

fn heard(customer: &Customer) -> Vec<String> {
    customer.heard().iter().map(|heard| heard.text().unwrap().to_owned()).collect()
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn while_the_model_is_down_nothing_is_lost_answered_twice_or_delayed_for_others() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt().with_max_level(LevelFilter::TRACE).with_writer(move || writer.clone());
    let _guard = tracing::subscriber::set_default(subscriber.finish());

    let play = Play::start().await;
    let [wang, li, qian, zhou, wu] = ["小王", "小李", "小钱", "小周", "小吴"].map(|name| play.sim.customer(name));
    wang.enters();
    play.written.set(1);
    play.settle().await;
    assert_eq!(heard(&wang), [WELCOME], "at once");
    play.write(&wang, "你好");
    play.hears(&wang, "我叫王小明", &["您问的是「我叫王小明」。"]).await;
    play.hears(&wang, "我叫什么？", &["您叫王小明。"]).await;
    play.write(&li, "蛋糕怎么做？");
    play.pass(2 * SECOND).await;
    let recipe = heard(&li);
    assert!(recipe.len() == 5 && recipe[4].ends_with(MORE), "{recipe:?}");
    assert_eq!((play.fake.asked().len(), play.fake.key()), (3, format!("Bearer {KEY}")));

    play.fake.is(Health::Down);
    play.write(&wang, "问题一");
    play.write(&qian, "在吗");
    play.pass(2 * SECOND).await;
    play.write(&wang, "问题二");
    // Those whose answers need no model do not wait.
    play.write(&li, "继续");
    zhou.enters();
    play.written.set(play.written.get() + 1);
    play.settle().await;
    assert_eq!(heard(&zhou), [WELCOME], "at once");
    play.pass(2 * SECOND).await;
    assert_eq!(heard(&li).len(), 10, "the rest of the answer was kept");
    let steps: String = heard(&li).concat().replace(MORE, "");
    assert_eq!((1..=230).filter(|step| steps.matches(&format!("第 {step} 步")).count() == 1).count(), 230);
    // The attempts fail at 2, 2.5, 3.5, 5.5, 9.5, 17.5, 33.5 and 65.5 s.
    play.pass(116 * SECOND).await;
    assert_eq!((heard(&wang)[3..].to_vec(), heard(&qian)), (vec![WAIT.to_owned()], vec![WAIT.to_owned()]));
    assert_eq!((play.bot.metrics().lag_messages, play.bot.metrics().retries), (3, 16));

    // The model is well again after two minutes. Customers who write now do not wait for those who wait for an attempt.
    play.fake.is(Health::Well);
    play.hears(&wu, "几点关门？", &["您问的是「几点关门？」。"]).await;
    play.pass(3 * SECOND).await;
    assert_eq!((heard(&wang).len(), heard(&qian).len()), (4, 1), "their next attempt is at 125.5 s");
    play.pass(STEP).await;
    assert_eq!(heard(&wang)[4..], ["您问的是「问题一」。", "您问的是「问题二」。"], "each once, in order");
    assert_eq!(heard(&qian), [WAIT, "您问的是「在吗」。"]);
    assert_eq!(play.fake.asked().len(), 3 + 16 + 4, "the model was not asked twice for an answer");

    play.hears(&wang, "我叫什么？", &["您叫王小明。"]).await;
    play.hears(&wang, "我要人工", &[TO_PEOPLE]).await;
    assert_eq!((wang.state(), wang.servicer_userid().as_deref()), (3, Some("zhangsan")));
    play.sim.servicer("zhangsan").says(&wang, "您好，我是张三");
    play.written.set(play.written.get() + 1);
    play.hears(&wang, "谢谢", &[]).await;
    assert_eq!(play.fake.asked().len(), 25, "the model is not asked while people have the session");
    let written = play.written.get();
    let summary = play.end().await;
    assert_eq!((summary.handled, summary.retries), (written - 1, 16), "a servicer's message is not for the bot");

    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(log.contains("503 Service Unavailable"), "the log has the errors: {log}");
    for canary in [KEY, "问题一", "我叫王小明"] {
        assert!(!log.contains(canary), "{canary} is in the log: {log}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_model_that_hangs_delays_nobody_else_and_is_asked_again() {
    let play = Play::start().await;
    let li = play.sim.customer("小李");
    play.write(&li, "蛋糕怎么做？");
    play.pass(2 * SECOND).await;
    play.fake.is(Health::Hangs);
    let others: Vec<Customer> = (0..40).map(|number| play.sim.customer(&format!("客户{number}"))).collect();
    others.iter().for_each(|other| play.write(other, "说说面包"));
    play.pass_until(2 * SECOND, 40).await;
    play.write(&li, "继续");
    play.pass(2 * SECOND - STEP).await;
    assert_eq!(heard(&li).len(), 5);
    play.pass(STEP).await;
    assert_eq!(heard(&li).len(), 10, "no handler waits for a free place");

    play.fake.is(Health::BreaksOff);
    play.pass(28 * SECOND - STEP).await;
    assert_eq!(play.bot.metrics().retries, 0, "half an answer came, and the pause is shorter than 30 s");
    play.pass_until(STEP, 0).await;
    assert_eq!(play.bot.metrics().retries, 40);
    play.pass(STEP).await;
    assert_eq!(play.bot.metrics().retries, 80, "answers that broke off are not sent");
    play.fake.is(Health::Well);
    play.pass(SECOND).await;
    for other in &others {
        assert_eq!(heard(other), ["您问的是「说说面包」。"]);
    }
    assert_eq!(play.fake.asked().len(), 1 + 3 * 40);
    assert_eq!(play.end().await.handled, 42);
}

#[tokio::test(start_paused = true)]
async fn a_model_that_is_down_for_long_is_replaced_by_a_person() {
    let play = Play::start().await;
    let wang = play.sim.customer("小王");
    play.fake.is(Health::Down);
    play.write(&wang, "在吗");
    // The eleventh attempt is the first one after five minutes.
    play.pass(2 * SECOND + 303 * SECOND).await;
    assert_eq!(heard(&wang), [WAIT]);
    play.pass(STEP).await;
    assert_eq!(heard(&wang), [WAIT, SORRY]);
    assert_eq!((wang.servicer_userid().as_deref(), play.fake.asked().len()), (Some("zhangsan"), 12));
    play.hears(&wang, "还在吗", &[]).await;
    assert_eq!(play.fake.asked().len(), 12);
    assert_eq!(play.end().await.handled, 2);
}

#[tokio::test(start_paused = true)]
async fn the_model_gets_task_history_files_and_the_schema_of_its_tool() {
    let play = Play::start().await;
    let wang = play.sim.customer("小王");
    play.hears(&wang, "你好", &["您问的是「你好」。"]).await;
    wang.sends_image(b"\x89PNG\r\n\x1a\n".to_vec());
    wang.sends_voice(b"#!AMR\n12345".to_vec());
    play.written.set(3);
    play.hears(&wang, "看看", &["看到了 2 个文件。"]).await;
    let body = play.fake.asked().pop().unwrap();
    let expected = json!([
        { "role": "system", "content": TASK },
        { "role": "user", "content": "你好" },
        { "role": "assistant", "content": "您问的是「你好」。" },
        { "role": "user", "content": [
            { "type": "text", "text": "[image]\n[voice]\n看看" },
            { "type": "image_url", "image_url": { "url": "data:image/png;base64,iVBORw0KGgo=" } },
            { "type": "input_audio", "input_audio": { "data": "IyFBTVIKMTIzNDU=", "format": "amr" } },
        ] },
    ]);
    assert_eq!(body["messages"], expected);
    let tool = &body["tools"][0]["function"];
    let parameters = tool["parameters"]["properties"].as_object().unwrap();
    assert_eq!(tool["name"], "service_state_trans");
    assert_eq!(parameters.keys().collect::<Vec<_>>(), ["service_state"]);
    assert_eq!(tool["parameters"]["required"], json!(["service_state"]));
    assert_eq!((&body["model"], &body["stream"]), (&json!("fake"), &json!(true)));
    assert_eq!(play.end().await.handled, 4);
}
