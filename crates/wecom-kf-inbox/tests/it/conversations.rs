//! Conversations: the state of each customer, stored with the acknowledgement.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::StreamExt;
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};
use wecom_kf::ExternalUserId;
use wecom_kf_inbox::store::{Commit, ConversationQuery, ConversationRecord, ConversationWrite, InboxStore};
use wecom_kf_inbox::{ConversationError, Delivery, Failure, FailureClass, Inbox, InboxBuilder, RetryPolicy};

use crate::fake::{FakeStore, FakeWeCom, builder, caught_up, enters, key, now, text};

/// The ids of the messages that the customer sent.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Seen {
    ids: Vec<String>,
}

async fn note(delivery: Delivery) -> Result<(), Failure> {
    let mut seen = delivery.conversation::<Seen>().await?;
    seen.ids.push(delivery.id().to_owned());
    seen.save()?;
    Ok(())
}

async fn run<F>(builder: InboxBuilder, handler: impl Fn(Delivery) -> F + Send + Sync + 'static)
where
    F: Future<Output = Result<(), Failure>> + Send + 'static,
{
    let inbox = builder.open().await.unwrap();
    let control = inbox.handle();
    let running = tokio::spawn(inbox.run(handler));
    caught_up(&control).await;
    control.stop();
    running.await.unwrap().unwrap();
}

async fn record(store: &FakeStore, customer: &str) -> Option<ConversationRecord> {
    store.memory.conversations(&key(), &ConversationQuery::of(customer)).await.unwrap().items.pop()
}

async fn state(store: &FakeStore, customer: &str) -> Option<String> {
    record(store, customer).await.map(|record| record.state().unwrap().unwrap().1)
}

fn seen(ids: &[&str]) -> Option<String> {
    Some(serde_json::json!({ "ids": ids }).to_string())
}

/// Six messages of two customers, in turn.
fn history() -> FakeWeCom {
    FakeWeCom::new(4, (0..6).map(|number| text(&format!("m{number}"), ["wm0", "wm1"][number % 2])))
}

#[tokio::test(start_paused = true)]
async fn each_customer_has_a_state_that_the_next_message_finds() {
    // Commits take so long that the next message finds a state that is not stored yet.
    let store = FakeStore::default().commits_take(Duration::from_millis(200));
    let wecom = history();
    run(builder(&wecom, store.clone()), note).await;
    assert_eq!(state(&store, "wm0").await, seen(&["m0", "m2", "m4"]));
    assert_eq!(state(&store, "wm1").await, seen(&["m1", "m3", "m5"]));
    wecom.add([text("m6", "wm0")]);
    run(builder(&wecom, store.clone()), note).await;
    assert_eq!(state(&store, "wm0").await, seen(&["m0", "m2", "m4", "m6"]), "after a restart, too");
}

#[tokio::test(start_paused = true)]
async fn a_state_is_written_by_the_commit_that_settles_its_message() {
    let store = FakeStore::default();
    run(builder(&history(), store.clone()), note).await;
    let mut told: BTreeMap<String, usize> = BTreeMap::new();
    for commit in store.commits() {
        let mut written = 0;
        for write in &commit.conversations {
            let (_, json) = write.record().unwrap().state().unwrap().unwrap();
            let count = serde_json::from_str::<Seen>(&json).unwrap().ids.len();
            let before = told.insert(write.customer().to_string(), count).unwrap_or(0);
            written += count - before;
        }
        assert_eq!(commit.settled.len(), written, "a message and its change go together: {commit:?}");
    }
    assert_eq!(told.values().sum::<usize>(), 6);
}

#[tokio::test(start_paused = true)]
async fn a_failed_attempt_changes_nothing() {
    let store = FakeStore::default();
    let wecom = FakeWeCom::new(4, ["fails", "panics", "parks"].map(|id| text(id, "wm0")));
    run(builder(&wecom, store.clone()), |delivery: Delivery| async move {
        let (id, tries) = (delivery.id().to_owned(), delivery.tries());
        note(delivery).await?;
        match (&*id, tries) {
            ("fails", 1) => Err(Failure::retry("not yet")),
            ("panics", 1) => panic!("a panic that the test wants"),
            ("parks", _) => Err(Failure::park("never")),
            _ => Ok(()),
        }
    })
    .await;
    assert_eq!(state(&store, "wm0").await, seen(&["fails", "panics"]));
    run(builder(&wecom, store.clone()), note).await;
    let inbox = builder(&wecom, store.clone()).open().await.unwrap();
    let control = inbox.handle();
    control.replay("parks").await.unwrap();
    let running = tokio::spawn(inbox.run(note));
    let replayed = async {
        while !store.parked().await.is_empty() {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(Duration::from_secs(600), replayed).await.unwrap();
    control.stop();
    running.await.unwrap().unwrap();
    assert_eq!(state(&store, "wm0").await, seen(&["fails", "panics", "parks"]), "a replay changes it once");
}

#[tokio::test(start_paused = true)]
async fn the_answer_of_a_commit_that_was_lost_changes_nothing_twice() {
    let store = FakeStore::default();
    let inbox = builder(&history(), store.clone()).open().await.unwrap();
    store.lose_next_answer();
    let control = inbox.handle();
    let running = tokio::spawn(inbox.run(note));
    sleep(Duration::from_millis(100)).await;
    store.lose_next_answer();
    caught_up(&control).await;
    control.stop();
    running.await.unwrap().unwrap();
    assert_eq!(state(&store, "wm0").await, seen(&["m0", "m2", "m4"]));
}

#[tokio::test(start_paused = true)]
async fn a_state_that_is_too_large_is_parked_and_named_by_its_customer() {
    let store = FakeStore::default();
    let wecom = FakeWeCom::new(4, [text("m0", "wm0"), text("m1", "wm1")]);
    run(builder(&wecom, store.clone()).conversation_limit(1000), |delivery: Delivery| async move {
        let mut seen = delivery.conversation::<Seen>().await?;
        let count = if delivery.id() == "m0" { 1000 } else { 10 };
        seen.ids = vec!["客户的话".to_owned(); count];
        Ok(seen.save()?)
    })
    .await;
    let parked = store.parked().await;
    assert_eq!(parked.iter().map(|parked| (&*parked.id, parked.tries)).collect::<Vec<_>>(), [("m0", 1)]);
    assert!(parked[0].reason.contains("the conversation with wm0 has "), "{}", parked[0].reason);
    assert!(!parked[0].reason.contains("客户的话"), "{}", parked[0].reason);
    assert_eq!((state(&store, "wm0").await, state(&store, "wm1").await.is_some()), (None, true));
}

#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
struct Count {
    count: usize,
}

async fn count(delivery: Delivery) -> Result<(), Failure> {
    let mut count = delivery.conversation::<Count>().await?;
    count.count += 1;
    Ok(count.save()?)
}

fn migrate(version: u32, json: &str) -> Result<String, Box<dyn std::error::Error + Send + Sync>> {
    assert_eq!(version, 1);
    let old: Seen = serde_json::from_str(json)?;
    Ok(serde_json::to_string(&Count { count: old.ids.len() })?)
}

#[tokio::test(start_paused = true)]
async fn an_older_state_is_migrated_and_a_newer_one_stays() {
    let store = FakeStore::default();
    let wecom = history();
    run(builder(&wecom, store.clone()), note).await;
    wecom.add([text("m6", "wm0")]);
    run(builder(&wecom, store.clone()).conversation_version(2, migrate), count).await;
    assert_eq!(record(&store, "wm0").await.unwrap().state().unwrap(), Some((2, r#"{"count":4}"#.to_owned())));
    assert_eq!(record(&store, "wm1").await.unwrap().state().unwrap().unwrap().0, 1, "it is migrated when it is used");

    // The bot is rolled back, and later updated again.
    wecom.add([text("m7", "wm0")]);
    let once = |builder: InboxBuilder| builder.retry(FailureClass::Unknown, RetryPolicy::never());
    run(once(builder(&wecom, store.clone())), note).await;
    let parked = store.parked().await;
    let expected = "the conversation with wm0 has version 2, and this bot knows 1";
    assert!(parked[0].reason.starts_with(expected), "{}", parked[0].reason);
    assert_eq!(state(&store, "wm0").await.unwrap(), r#"{"count":4}"#, "it stays as it is");

    // A state of another type, without a change of the version.
    wecom.add([text("m8", "wm1")]);
    run(once(builder(&wecom, store.clone())), count_as_text).await;
    let parked = store.parked().await;
    let expected = "the conversation with wm1, of version 1, has another type, at column ";
    assert!(parked[1].reason.starts_with(expected), "{}", parked[1].reason);
    assert_eq!(state(&store, "wm1").await, seen(&["m1", "m3", "m5"]), "it stays as it is");
}

async fn count_as_text(delivery: Delivery) -> Result<(), Failure> {
    let text = delivery.conversation::<String>().await?;
    Ok(text.save()?)
}

#[tokio::test(start_paused = true)]
async fn a_conversation_ends_when_the_bot_says_so_or_its_time_is_over() {
    let store = FakeStore::default();
    let wecom = history();
    run(builder(&wecom, store.clone()), |delivery: Delivery| async move {
        if delivery.id() == "m4" {
            return Ok(delivery.conversation::<Seen>().await?.end()?);
        }
        note(delivery).await
    })
    .await;
    assert_eq!(state(&store, "wm0").await, None);
    let known = record(&store, "wm1").await.unwrap();
    let days = (known.keep_until - known.changed_at) / 86_400;
    assert_eq!(days, 30, "the default");

    // The stored record of the other customer is past its time.
    let inbox = builder(&wecom, store.clone()).open().await.unwrap();
    let over = known.kept(now() - 20, now() - 10);
    rewrite(&store, ConversationWrite::Begin(over)).await;
    drop(inbox);
    wecom.add([text("m6", "wm1")]);
    run(builder(&wecom, store.clone()).keep_conversations(Duration::from_secs(7200)), note).await;
    assert_eq!(state(&store, "wm1").await, seen(&["m6"]));
    let record = record(&store, "wm1").await.unwrap();
    assert_eq!(record.keep_until - record.changed_at, 7200);
}

/// Changes a conversation as a reader does that comes between two others.
async fn rewrite(store: &FakeStore, write: ConversationWrite) {
    use wecom_kf_inbox::store::Acquired;
    let Acquired::Lease(lease) = store.memory.acquire(&key(), "between", Duration::from_secs(9)).await.unwrap() else {
        panic!("somebody reads")
    };
    let mut commit = Commit::next(&store.state().await);
    commit.conversations = vec![write];
    store.memory.commit(&lease, &commit).await.unwrap();
    store.memory.release(&lease).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_forgotten_customer_stays_forgotten() {
    let store = FakeStore::default().commits_take(Duration::from_millis(100));
    let wecom = history();
    run(builder(&wecom, store.clone()), note).await;
    let inbox = builder(&wecom, store.clone()).open().await.unwrap();
    let control = inbox.handle();
    let (reached, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (waits, released) = (reached.clone(), go.clone());
    let running = tokio::spawn(inbox.run(move |delivery: Delivery| {
        let (reached, go) = (waits.clone(), released.clone());
        async move {
            let mut seen = delivery.conversation::<Seen>().await?;
            if delivery.id() == "slow" {
                reached.notify_one();
                go.notified().await;
            }
            seen.ids.push(delivery.id().to_owned());
            Ok(seen.save()?)
        }
    }));
    wecom.add([text("quick", "wm0"), text("slow", "wm0"), text("after", "wm0"), text("m9", "wm1")]);
    control.wake(&crate::fake::callback("wk1", "T", now()));
    reached.notified().await;
    // "quick" is acknowledged and not stored yet, and "slow" has loaded what it left.
    assert!(control.forget_customer(&ExternalUserId::from("wm0")).await.unwrap());
    assert_eq!(state(&store, "wm0").await, None);
    go.notify_one();
    caught_up(&control).await;
    control.stop();
    running.await.unwrap().unwrap();
    assert_eq!(state(&store, "wm0").await, seen(&["after"]), "the next message begins a new conversation");
    assert_eq!(state(&store, "wm1").await, seen(&["m1", "m3", "m5", "m9"]), "another customer's stays");
    assert!(store.state().await.settled.contains(&"slow".to_owned()), "its message is settled");
}

#[tokio::test(start_paused = true)]
async fn operators_list_conversations() {
    let store = FakeStore::default();
    let wecom = history();
    run(builder(&wecom, store.clone()), note).await;
    let control = builder(&wecom, store).open().await.unwrap().handle();
    let first = control.conversations(&ConversationQuery::first(1)).await.unwrap();
    let rest = control.conversations(&ConversationQuery::first(10).after(first.next.clone())).await.unwrap();
    let customers = [&first.items[0], &rest.items[0]].map(|record| record.customer.to_string());
    assert_eq!((customers, rest.items.len(), rest.next), (["wm0".to_owned(), "wm1".to_owned()], 1, None));
    assert!(!format!("{first:?}").contains("ids"), "what is kept is not shown: {first:?}");
}

#[tokio::test(start_paused = true)]
async fn an_event_has_its_customers_state_and_one_without_a_customer_has_none() {
    let store = FakeStore::default();
    let about_nobody = r#"{"msgid":"e2","send_time":1,"origin":4,"msgtype":"event","event":{"event_type":"servicer_status_change","servicer_userid":"u1","status":1,"open_kfid":"wk1"}}"#;
    let wecom = FakeWeCom::new(4, [enters("e1", "wm0", now()), about_nobody.to_owned()]);
    let errors: Arc<Mutex<Vec<String>>> = Arc::default();
    let noted = errors.clone();
    run(builder(&wecom, store.clone()), move |delivery: Delivery| {
        let noted = noted.clone();
        async move {
            match delivery.conversation::<Seen>().await {
                Err(error @ ConversationError::NoCustomer) => noted.lock().unwrap().push(error.to_string()),
                _ => note(delivery).await?,
            }
            Ok(())
        }
    })
    .await;
    assert_eq!(*errors.lock().unwrap(), ["the message concerns no customer"]);
    assert_eq!(state(&store, "wm0").await, seen(&["e1"]));
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_down_is_not_the_message_s_fault() {
    let store = FakeStore::default();
    let wecom = FakeWeCom::new(4, [text("m0", "wm0")]);
    let inbox = builder(&wecom, store.clone()).retry(FailureClass::Unknown, RetryPolicy::never()).open().await.unwrap();
    let control = inbox.handle();
    let tries = Arc::new(AtomicUsize::new(0));
    let (counted, failing) = (tries.clone(), store.clone());
    let running = tokio::spawn(inbox.run(move |delivery: Delivery| {
        if counted.fetch_add(1, SeqCst) == 0 {
            failing.fail_next_loads(5);
        }
        note(delivery)
    }));
    caught_up(&control).await;
    let metrics = control.metrics();
    assert_eq!(metrics.failures.get(&FailureClass::Unavailable), Some(&5), "{metrics:?}");
    assert_eq!((tries.load(SeqCst), metrics.acked, metrics.parked), (6, 1, 0));
    control.stop();
    running.await.unwrap().unwrap();
    assert_eq!(state(&store, "wm0").await, seen(&["m0"]));
}

#[tokio::test(start_paused = true)]
async fn a_stream_keeps_a_state_with_the_acknowledgement() {
    let store = FakeStore::default();
    let mut inbox: Inbox = builder(&history(), store.clone()).open().await.unwrap();
    for answer in ["ack", "park", "drop"] {
        let delivery = inbox.next().await.unwrap().unwrap();
        let mut seen = delivery.conversation::<Seen>().await.unwrap();
        seen.ids.push(answer.to_owned());
        seen.save().unwrap();
        let again = delivery.conversation::<Seen>().await.unwrap();
        assert_eq!(again.ids.last().map(String::as_str), Some(answer), "the same delivery finds what it saved");
        match answer {
            "ack" => delivery.ack(),
            "park" => delivery.park("a test"),
            _ => drop(delivery),
        }
        assert!(matches!(seen.save(), Err(ConversationError::Answered)), "too late");
    }
    sleep(Duration::from_secs(1)).await;
    let states = [state(&store, "wm0").await, state(&store, "wm1").await];
    assert_eq!(states, [seen(&["ack"]), None], "only what was acknowledged");
}

fn by_servicer(id: &str, customer: &str) -> String {
    text(id, customer).replace(r#""origin":3"#, r#""origin":5,"servicer_userid":"zhangsan""#)
}

/// Returns what the transcript of a customer holds: who and what, in order.
async fn transcript(store: &FakeStore, customer: &str) -> Vec<String> {
    let Some(record) = record(store, customer).await else { return Vec::new() };
    let transcript = record.transcript().unwrap();
    let line = |said: &wecom_kf_inbox::Said| {
        format!("{:?} {}", said.role, said.text.clone().unwrap_or(format!("[{}]", said.kind)))
    };
    transcript.messages().iter().map(line).collect()
}

#[tokio::test(start_paused = true)]
async fn a_transcript_has_what_customer_and_servicer_said() {
    let store = FakeStore::default();
    let image =
        r#"{"msgid":"i1","external_userid":"wm0","send_time":1,"origin":3,"msgtype":"image","image":{"media_id":"M"}}"#;
    let image = image.replace("\"send_time\":1", &format!("\"send_time\":{}", now()));
    let wecom = FakeWeCom::new(3, [text("m1", "wm0"), by_servicer("s1", "wm0"), text("n1", "wm1"), image]);
    let heard: Arc<Mutex<Vec<String>>> = Arc::default();
    let noted = heard.clone();
    let builder = |wecom: &FakeWeCom| builder(wecom, store.clone()).transcript(4);
    run(builder(&wecom), move |delivery: Delivery| {
        let model = delivery.transcript().unwrap().for_model();
        let contents: Vec<&str> = model.iter().map(|message| &*message.content).collect();
        noted.lock().unwrap().push(format!("{}: {}", delivery.id(), contents.join(" | ").replace('\n', ", ")));
        async { Ok(()) }
    })
    .await;
    let heard = heard.lock().unwrap().clone();
    assert_eq!(heard.len(), 3, "what the servicer said is not delivered: {heard:?}");
    assert!(heard.contains(&"i1: m1 | [servicer] s1 | [image]".to_owned()), "{heard:?}");
    assert_eq!(transcript(&store, "wm0").await, ["Customer m1", "Servicer s1", "Customer [image]"]);
    assert!(store.state().await.settled.contains(&"s1".to_owned()), "it is settled with what it changed");

    // The last four are kept, what was parked is left out, and the state of the bot is kept with it.
    wecom.add([text("m2", "wm0"), text("m3", "wm0"), by_servicer("s2", "wm0")]);
    let inbox = builder(&wecom).retry(FailureClass::Unknown, RetryPolicy::never()).open().await.unwrap();
    let control = inbox.handle();
    let running = tokio::spawn(inbox.run(|delivery: Delivery| async move {
        match delivery.id() {
            "m2" => Err(Failure::retry("never")),
            _ => note(delivery).await,
        }
    }));
    caught_up(&control).await;
    let metrics = control.metrics();
    assert_eq!((metrics.acked, metrics.servicer_messages, metrics.parked), (1, 1, 1));
    control.stop();
    running.await.unwrap().unwrap();
    let expected = ["Servicer s1", "Customer [image]", "Customer m3", "Servicer s2"];
    assert_eq!(transcript(&store, "wm0").await, expected);
    assert_eq!(state(&store, "wm0").await, seen(&["m3"]));
    assert_eq!(transcript(&store, "wm1").await, ["Customer n1"]);
}

#[tokio::test(start_paused = true)]
async fn a_transcript_that_cannot_be_loaded_delays_its_message() {
    let store = FakeStore::default();
    let wecom = FakeWeCom::new(3, [text("m1", "wm0"), by_servicer("s1", "wm0")]);
    let inbox = builder(&wecom, store.clone()).transcript(4).open().await.unwrap();
    let control = inbox.handle();
    let tries = Arc::new(AtomicUsize::new(0));
    let counted = tries.clone();
    // The inbox has loaded its own state by the time of its second fetch, which takes a millisecond.
    let failing = store.clone();
    let fetched = wecom.clone();
    let breaking = tokio::spawn(async move {
        while fetched.pulls() == 0 {
            tokio::task::yield_now().await;
        }
        failing.fail_next_loads(3);
    });
    let running = tokio::spawn(inbox.run(move |_| {
        counted.fetch_add(1, SeqCst);
        async { Ok(()) }
    }));
    breaking.await.unwrap();
    caught_up(&control).await;
    assert_eq!(control.metrics().failures.get(&FailureClass::Unavailable), Some(&3));
    control.stop();
    running.await.unwrap().unwrap();
    assert_eq!(tries.load(SeqCst), 1, "a handler is not called without its transcript");
    assert_eq!(transcript(&store, "wm0").await, ["Customer m1", "Servicer s1"]);
}

#[tokio::test(start_paused = true)]
async fn without_the_setting_no_transcript_is_kept() {
    let store = FakeStore::default();
    let wecom = FakeWeCom::new(3, [text("m1", "wm0"), by_servicer("s1", "wm0")]);
    run(builder(&wecom, store.clone()), |delivery: Delivery| async move {
        assert!(matches!(delivery.transcript(), Err(ConversationError::NoTranscript)));
        Ok(())
    })
    .await;
    assert!(record(&store, "wm0").await.is_none(), "a bot that does not ask for it stores nothing");
}
