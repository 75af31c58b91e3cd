//! Long answers whose rest waits for the next turn, what a hand-over says, and the files of messages, with the simulator.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use wecom_kf::messages::{Answer, Content};
use wecom_kf::{Client, Credentials, ExternalUserId, SessionState};
use wecom_kf_inbox::store::{ConversationQuery, ConversationRecord, Memory};
use wecom_kf_inbox::{ColdStart, Delivery, Error, Failure, Inbox, InboxBuilder, InboxHandle, Quiet, Role, Summary, To};
use wecom_kf_sim::{Customer, Simulator, op};

const NOTICE: &str = "…（更多请回复“继续”）";

async fn until(done: impl Fn() -> bool) {
    let wait = async {
        while !done() {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(Duration::from_secs(60), wait).await.expect("it takes too long");
}

async fn simulator() -> Simulator {
    Simulator::builder().servicer("zhangsan").start().await.unwrap()
}

fn builder(sim: &Simulator, store: &Memory) -> InboxBuilder {
    let client = Client::builder(Credentials::new(sim.corp_id(), sim.secret())).base_url(sim.base_url());
    let client = client.http(|http| http.no_proxy()).build().unwrap();
    let builder = Inbox::builder(client, sim.open_kfid()).cold_start(ColdStart::Everything).store(store.clone());
    builder.jitter(|| 0.0)
}

struct Bot {
    handle: InboxHandle,
    run: JoinHandle<Result<Summary, Error>>,
}

impl Bot {
    async fn start(sim: &Simulator, builder: InboxBuilder) -> Self {
        let inbox = builder.open().await.unwrap();
        let handle = inbox.handle();
        sim.wakes(handle.waker());
        Self { handle, run: tokio::spawn(inbox.run(handle_one)) }
    }

    /// A customer writes, and the bot handles it.
    async fn hears(&self, customer: &Customer, text: &str) {
        let settled = || {
            let metrics = self.handle.metrics();
            metrics.acked + metrics.parked
        };
        let before = settled();
        customer.says(text);
        until(|| settled() > before && self.handle.metrics().in_progress == 0).await;
    }

    /// Stops the bot, which stores everything. Returns what is kept of the customer.
    async fn stop(self, customer: &Customer) -> Option<ConversationRecord> {
        self.handle.stop();
        self.run.await.unwrap().unwrap();
        let query = ConversationQuery::of(customer.external_userid());
        self.handle.conversations(&query).await.unwrap().items.pop()
    }
}

/// Six messages long.
fn long() -> String {
    (0..900).map(|number| format!("第{number:04}句。")).collect()
}

async fn handle_one(delivery: Delivery) -> Result<(), Failure> {
    let Content::Text(text) = delivery.content() else { return Ok(()) };
    let answer = match &*text.content {
        "人工" => {
            let handed_over = delivery.hand_over(To::anyone_receiving()).saying("正在为您转接").await?;
            assert_eq!(handed_over.was_moved, delivery.tries() == 1);
            delivery.hand_over(To::anyone_receiving()).saying("正在为您转接").await?;
            return if delivery.tries() < 3 { Err(Failure::retry("after it handed over")) } else { Ok(()) };
        }
        "继续" => delivery.rest_of_answer().await?.unwrap_or_else(|| "没有了".to_owned()),
        "长" => long(),
        "忘记" => return Ok(delivery.conversation::<()>().await?.end()?),
        "先忘记再答" => {
            delivery.conversation::<()>().await?.end()?;
            long()
        }
        "不稳" => {
            assert_eq!(delivery.rest_of_answer().await?, None, "a failed attempt keeps nothing");
            long()
        }
        // A language model never says the same thing twice.
        "变" => {
            delivery.reply("稍等").named("wait").await?;
            delivery.answer(&Answer::text(format!("甲{}", delivery.tries()))).await?;
            format!("乙{}", delivery.tries()) + &long()
        }
        "安静" => {
            let silenced_by = delivery.silenced_by().await?;
            silenced_by.map_or("我在".to_owned(), |session| session.to_string())
        }
        other => other.to_owned(),
    };
    delivery.answer(&Answer::text(answer).at_most(2, NOTICE)).await?;
    let rest = delivery.rest_of_answer().await?;
    match (&*text.content, delivery.tries()) {
        ("不稳", 1) => Err(Failure::retry("after it answered")),
        ("不稳", _) if rest.is_none() => Err(Failure::park("the same delivery finds what it kept")),
        _ => Ok(()),
    }
}

fn texts(customer: &Customer) -> Vec<String> {
    customer.heard().iter().map(|heard| heard.text().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn the_rest_of_an_answer_waits_for_the_next_turn_even_across_restarts() {
    let (sim, store) = (simulator().await, Memory::new());
    let wang = sim.customer("小王");
    let bot = Bot::start(&sim, builder(&sim, &store).keep_conversations(Duration::from_secs(7200))).await;
    bot.hears(&wang, "长").await;
    let record = bot.stop(&wang).await.unwrap();
    let rest = record.rest_of_answer().unwrap().unwrap();
    assert!(long().ends_with(&rest) && rest.len() > long().len() / 2, "{} bytes", rest.len());
    assert_eq!((record.keep_until - record.changed_at, record.state().unwrap()), (7200, None));
    assert!(!format!("{record:?}").contains('句'), "what is kept is not shown: {record:?}");

    let bot = Bot::start(&sim, builder(&sim, &store)).await;
    bot.hears(&wang, "继续").await;
    bot.hears(&wang, "继续").await;
    bot.hears(&wang, "继续").await;
    assert_eq!(bot.stop(&wang).await, None, "nothing is left to keep");
    let mut heard = texts(&wang);
    assert_eq!(heard.pop().as_deref(), Some("没有了"));
    let said: String = heard.iter().map(|text| text.strip_suffix(NOTICE).unwrap_or(text)).collect();
    assert_eq!(heard.len(), 6);
    assert!(said == long(), "each part once, in order");
}

#[tokio::test]
async fn the_next_answer_replaces_the_rest_and_an_end_removes_it() {
    for after in ["短", "忘记", "先忘记再答", "a privacy request"] {
        let (sim, store) = (simulator().await, Memory::new());
        let customer = sim.customer("小王");
        let bot = Bot::start(&sim, builder(&sim, &store)).await;
        bot.hears(&customer, "长").await;
        assert!(bot.stop(&customer).await.is_some());
        let bot = Bot::start(&sim, builder(&sim, &store)).await;
        match after {
            "a privacy request" => {
                let customer = ExternalUserId::from(customer.external_userid());
                assert!(bot.handle.forget_customer(&customer).await.unwrap());
            }
            text => bot.hears(&customer, text).await,
        }
        bot.hears(&customer, "继续").await;
        assert_eq!(bot.stop(&customer).await, None, "{after}");
        assert_eq!(texts(&customer).last().map(String::as_str), Some("没有了"), "{after}");
    }
}

#[tokio::test]
async fn a_failed_attempt_keeps_no_rest() {
    let (sim, store) = (simulator().await, Memory::new());
    let wang = sim.customer("小王");
    let bot = Bot::start(&sim, builder(&sim, &store)).await;
    bot.hears(&wang, "不稳").await;
    let metrics = bot.handle.metrics();
    assert_eq!((metrics.acked, metrics.retries, metrics.parked), (1, 1, 0));
    assert_eq!(texts(&wang).len(), 2, "the second attempt sent nothing twice");
    assert!(bot.stop(&wang).await.unwrap().rest_of_answer().unwrap().is_some());
}

#[tokio::test]
async fn an_answer_that_was_begun_is_sent_to_its_end_by_the_next_attempt() {
    let (sim, store) = (simulator().await, Memory::new());
    let wang = sim.customer("小王");
    // The wait, the first answer and the first message of the second answer get through. The next one fails more often than
    // the client repeats by itself.
    sim.fault(op::SEND_MSG).pass().times(3);
    sim.fault(op::SEND_MSG).status(503).times(3);
    let bot = Bot::start(&sim, builder(&sim, &store).transcript(10)).await;
    bot.hears(&wang, "变").await;
    assert_eq!(bot.handle.metrics().retries, 1);
    let record = bot.stop(&wang).await.unwrap();
    let mut heard = texts(&wang);
    assert_eq!((heard.remove(0), heard.remove(0)), ("稍等".to_owned(), "甲1".to_owned()));
    let said: String = heard.iter().map(|text| text.strip_suffix(NOTICE).unwrap_or(text)).collect();
    let whole = format!("乙1{}", long());
    assert!(heard.len() == 2 && whole.starts_with(&said), "{said}");
    assert!(whole == said + &record.rest_of_answer().unwrap().unwrap(), "the rest is that of the same answer");
    let transcript = record.transcript().unwrap();
    let said: Vec<_> = transcript.messages()[1..].iter().flat_map(|said| said.text.clone()).collect();
    assert_eq!(said[2..], heard, "the transcript has what the customer heard");
}

#[tokio::test]
async fn the_other_replies_of_the_turn_leave_less_room_for_the_answer() {
    let (sim, store) = (simulator().await, Memory::new());
    let wang = sim.customer("小王");
    wang.says("怎么做蛋糕？");
    let inbox = builder(&sim, &store).open().await.unwrap();
    let handle = inbox.handle();
    let run = tokio::spawn(inbox.run(|delivery| async move {
        delivery.reply("稍等").named("wait").await?;
        delivery.answer(&Answer::text(long())).await?;
        if delivery.tries() == 1 { Err(Failure::retry("after it answered")) } else { Ok(()) }
    }));
    until(|| handle.metrics().acked + handle.metrics().parked == 1).await;
    handle.stop();
    run.await.unwrap().unwrap();
    assert_eq!((handle.metrics().parked, texts(&wang).len()), (0, 5), "WeCom would refuse the sixth");
    let said: String = texts(&wang)[1..].concat();
    assert!(long().starts_with(&said) && said.len() > 4 * 1900, "{} bytes", said.len());
}

#[tokio::test]
async fn a_language_model_gets_pictures_and_voice() {
    let (sim, store) = (simulator().await, Memory::new());
    let wang = sim.customer("小王");
    wang.says("这是什么");
    let pictures = [b"\x89PNG\r\n\x1a\n".to_vec(), vec![7; 3000], b"\xff\xd8\xff\xe0".to_vec()];
    pictures.into_iter().for_each(|picture| drop(wang.sends_image(picture)));
    wang.sends_voice(b"#!AMR\n12345".to_vec());
    wang.writes("image", serde_json::json!({ "media_id": "one-that-wecom-no-longer-has" }));
    wang.sends_file("menu.pdf", b"%PDF-1.7".to_vec());
    let inbox = builder(&sim, &store).transcript(10).open().await.unwrap();
    let handle = inbox.handle();
    let shown: Arc<Mutex<String>> = Arc::default();
    let noted = shown.clone();
    let run = tokio::spawn(inbox.batch(Quiet::of(Duration::from_millis(50))).run(move |batch| {
        let noted = noted.clone();
        async move {
            let mut last = batch.transcript()?.for_model().pop().unwrap();
            last.files = batch.files_for_model(1000).await?;
            *noted.lock().unwrap() = serde_json::to_string(&last)?;
            Ok(())
        }
    }));
    until(|| handle.metrics().acked + handle.metrics().parked == 7).await;
    handle.stop();
    run.await.unwrap().unwrap();
    assert_eq!(handle.metrics().parked, 0, "what cannot be had is left out");
    let expected = r#"{"role":"user","content":[{"text":"这是什么\n[image]\n[image]\n[image]\n[voice]\n[image]\n[file]","type":"text"},{"image_url":{"url":"data:image/png;base64,iVBORw0KGgo="},"type":"image_url"},{"image_url":{"url":"data:image/jpeg;base64,/9j/4A=="},"type":"image_url"},{"input_audio":{"data":"IyFBTVIKMTIzNDU=","format":"amr"},"type":"input_audio"}]}"#;
    assert_eq!(*shown.lock().unwrap(), expected);
}

#[tokio::test]
async fn a_bot_knows_before_its_work_that_people_have_the_session() {
    let (sim, store) = (simulator().await, Memory::new());
    let wang = sim.customer("小王");
    let bot = Bot::start(&sim, builder(&sim, &store).check_session()).await;
    bot.hears(&wang, "安静").await;
    assert_eq!((texts(&wang), wang.state()), (vec!["我在".to_owned()], SessionState::ASSISTANT.0));
    assert_eq!(sim.calls(op::SERVICE_STATE_GET), 1, "the reply needs no second look");
    sim.servicer("zhangsan").takes(&wang);
    let sends = sim.calls(op::SEND_MSG);
    bot.hears(&wang, "安静").await;
    assert_eq!(sim.calls(op::SEND_MSG), sends);
    bot.stop(&wang).await;
}

#[tokio::test]
async fn an_answer_whose_rest_is_too_large_is_not_begun() {
    let (sim, store) = (simulator().await, Memory::new());
    let wang = sim.customer("小王");
    let bot = Bot::start(&sim, builder(&sim, &store).conversation_limit(1000)).await;
    bot.hears(&wang, "长").await;
    assert_eq!((bot.handle.metrics().parked, sim.calls(op::SEND_MSG)), (1, 0));
    let reason = bot.handle.metrics().last_failure.unwrap().text;
    assert!(reason.starts_with("the rest of the answer cannot be kept: the conversation with wm"), "{reason}");
    bot.hears(&wang, "短").await;
    assert_eq!((texts(&wang), bot.stop(&wang).await), (vec!["短".to_owned()], None));
}

#[tokio::test]
async fn an_answer_that_people_prevent_changes_no_rest() {
    let (sim, store) = (simulator().await, Memory::new());
    let wang = sim.customer("小王");
    let bot = Bot::start(&sim, builder(&sim, &store).check_session()).await;
    bot.hears(&wang, "长").await;
    sim.servicer("zhangsan").takes(&wang);
    bot.hears(&wang, "短").await;
    let rest = bot.stop(&wang).await.unwrap().rest_of_answer().unwrap().unwrap();
    assert!(long().ends_with(&rest));
    assert_eq!(texts(&wang).len(), 2);
}

#[tokio::test]
async fn what_a_hand_over_says_is_in_the_transcript_once() {
    let (sim, store) = (simulator().await, Memory::new());
    let wang = sim.customer("小王");
    let bot = Bot::start(&sim, builder(&sim, &store).transcript(10)).await;
    bot.hears(&wang, "人工").await;
    let record = bot.stop(&wang).await.unwrap();
    let transcript = record.transcript().unwrap();
    let said: Vec<_> = transcript.messages().iter().map(|said| (said.role, said.text.as_deref())).collect();
    assert_eq!(said, [(Role::Customer, Some("人工")), (Role::Bot, Some("正在为您转接"))]);
    assert_eq!((texts(&wang), sim.calls(op::SERVICE_STATE_TRANS)), (vec!["正在为您转接".to_owned()], 1));
}

#[tokio::test]
async fn the_file_of_a_message_is_downloaded() {
    let (sim, store) = (simulator().await, Memory::new());
    let wang = sim.customer("小王");
    let picture = [b"\x89PNG\r\n\x1a\n".as_slice(), &[7; 1000]].concat();
    wang.sends_image(picture.clone());
    wang.says("这是什么");
    wang.sends_voice(b"#!AMR\n12345".to_vec());
    let inbox = builder(&sim, &store).open().await.unwrap();
    let handle = inbox.handle();
    let files: Arc<Mutex<Vec<Option<Vec<u8>>>>> = Arc::default();
    let noted = files.clone();
    let run = tokio::spawn(inbox.batch(Quiet::of(Duration::from_millis(50))).run(move |batch| {
        let noted = noted.clone();
        async move {
            for message in batch.messages() {
                let file = match batch.download(message).await? {
                    Some(file) => Some(file.into_bytes(1 << 20).await?),
                    None => None,
                };
                noted.lock().unwrap().push(file);
            }
            let first = Delivery::download(&batch).await?;
            assert_eq!(first.and_then(|file| file.length()), Some(1008));
            Ok(())
        }
    }));
    until(|| handle.metrics().acked == 3).await;
    handle.stop();
    run.await.unwrap().unwrap();
    assert_eq!(*files.lock().unwrap(), [Some(picture), None, Some(b"#!AMR\n12345".to_vec())]);
}
