//! Replies under the rules of the session, hand-overs from a handler, and long answers, with the simulator.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::{sleep, timeout};
use wecom_kf::messages::{Answer, Content};
use wecom_kf::{Client, Credentials, SessionState};
use wecom_kf_inbox::store::Memory;
use wecom_kf_inbox::{ColdStart, Delivery, Failure, Inbox, InboxHandle, Replied, To};
use wecom_kf_sim::{Customer, Simulator, op};

async fn until(done: impl Fn() -> bool) {
    let wait = async {
        while !done() {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(Duration::from_secs(60), wait).await.expect("it takes too long");
}

/// A bot that is woken by callbacks and checks sessions. What became of each reply is kept.
struct Bot {
    sim: Simulator,
    handle: InboxHandle,
    outcomes: Arc<Mutex<Vec<Result<Replied, wecom_kf::Error>>>>,
}

impl Bot {
    async fn start() -> Self {
        let sim = Simulator::builder().servicer("zhangsan").start().await.unwrap();
        let client = Client::builder(Credentials::new(sim.corp_id(), sim.secret())).base_url(sim.base_url());
        let client = client.http(|http| http.no_proxy()).build().unwrap();
        let builder = Inbox::builder(client, sim.open_kfid()).cold_start(ColdStart::Everything).store(Memory::new());
        let inbox = builder.check_session().open().await.unwrap();
        let (handle, outcomes) = (inbox.handle(), Arc::new(Mutex::new(Vec::new())));
        sim.wakes(handle.waker());
        let noted = outcomes.clone();
        tokio::spawn(inbox.run(move |delivery| handle_one(delivery, noted.clone())));
        Self { sim, handle, outcomes }
    }

    /// A customer writes, and the bot handles it.
    async fn hears(&self, customer: &Customer, text: &str) {
        let before = self.handle.metrics().acked;
        customer.says(text);
        until(|| self.handle.metrics().acked > before && self.handle.metrics().in_progress == 0).await;
    }

    fn outcomes(&self) -> Vec<String> {
        let shown = |outcome: &Result<Replied, wecom_kf::Error>| match outcome {
            Ok(Replied::Sent(_)) => "sent".to_owned(),
            Ok(Replied::Silent { session }) => session.to_string(),
            Ok(other) => format!("{other:?}"),
            Err(error) => error.to_string(),
        };
        self.outcomes.lock().unwrap().drain(..).map(|outcome| shown(&outcome)).collect()
    }
}

async fn handle_one(
    delivery: Delivery,
    outcomes: Arc<Mutex<Vec<Result<Replied, wecom_kf::Error>>>>,
) -> Result<(), Failure> {
    let Content::Text(text) = delivery.content() else { return Ok(()) };
    match &*text.content {
        "人工" => {
            delivery.hand_over(To::anyone_receiving()).saying("正在为您转接").await?;
            if delivery.tries() == 1 {
                return Err(Failure::retry("after it handed over"));
            }
        }
        "再见" => drop(delivery.end_session().saying("再见").await?),
        "长" => {
            let answer = Answer::text("一句话。".repeat(2000)).at_most(2, "…");
            delivery.answer(&answer).await?;
            if delivery.tries() == 1 {
                return Err(Failure::retry("after it answered"));
            }
        }
        _ => {
            for number in 1..=2 {
                let outcome = delivery.reply(format!("回答{number}")).await;
                outcomes.lock().unwrap().push(outcome);
            }
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_bot_answers_until_people_have_the_session_and_then_is_silent() {
    let bot = Bot::start().await;
    let wang = bot.sim.customer("小王");
    bot.hears(&wang, "你好").await;
    assert_eq!((wang.state(), bot.outcomes()), (SessionState::ASSISTANT.0, vec!["sent".to_owned(); 2]));
    assert_eq!(bot.sim.calls(op::SERVICE_STATE_GET), 1, "the second reply needs no look");

    bot.hears(&wang, "人工").await;
    assert_eq!((wang.state(), wang.servicer_userid().as_deref()), (3, Some("zhangsan")));
    assert_eq!(bot.sim.calls(op::SERVICE_STATE_TRANS), 2, "the bot took it over, and handed it over once");
    let heard: Vec<String> = wang.heard().iter().map(|heard| heard.text().unwrap().to_owned()).collect();
    assert_eq!(heard, ["回答1", "回答2", "正在为您转接"]);

    let sends = bot.sim.calls(op::SEND_MSG);
    bot.hears(&wang, "在吗").await;
    assert_eq!(bot.outcomes(), ["state 3 servicer, servicer zhangsan"; 2]);
    assert_eq!(bot.sim.calls(op::SEND_MSG), sends, "nothing was sent, and nothing was refused");
    assert_eq!(bot.handle.metrics().parked, 0);
}

#[tokio::test]
async fn a_session_that_is_taken_after_it_was_read_makes_the_bot_silent_too() {
    let bot = Bot::start().await;
    let wang = bot.sim.customer("小王");
    bot.hears(&wang, "你好").await;
    bot.sim.servicer("zhangsan").takes(&wang);
    bot.outcomes();
    bot.hears(&wang, "在吗").await;
    let silent = bot.outcomes();
    assert!(silent.iter().all(|outcome| outcome == "state 3 servicer, servicer zhangsan"), "{silent:?}");
    assert_eq!(wang.heard().len(), 2, "only the answers to the first message");
}

#[tokio::test]
async fn an_ended_session_is_opened_by_the_customers_next_message() {
    let bot = Bot::start().await;
    let wang = bot.sim.customer("小王");
    bot.hears(&wang, "你好").await;
    bot.hears(&wang, "再见").await;
    assert_eq!(wang.state(), SessionState::ENDED.0);
    bot.outcomes();
    bot.hears(&wang, "又来了").await;
    assert_eq!(bot.outcomes(), ["sent"; 2]);
}

#[tokio::test]
async fn a_long_answer_is_sent_once_within_its_budget() {
    let bot = Bot::start().await;
    let wang = bot.sim.customer("小王");
    bot.hears(&wang, "长").await;
    let heard: Vec<usize> = wang.heard().iter().map(|heard| heard.text().unwrap().len()).collect();
    assert_eq!(heard, [2040, 2043], "two messages, the last with the notice");
}
