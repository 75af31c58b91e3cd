//! Batches: messages of a customer in a row, handled, tried again and parked as one.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};
use wecom_kf::messages::Content;
use wecom_kf_inbox::store::{ConversationQuery, InboxStore, ParkedKind};
use wecom_kf_inbox::{Batch, Error, Failure, FailureClass, InboxBuilder, InboxHandle, Quiet, RetryPolicy, Summary};

use crate::fake::{FakeStore, FakeWeCom, builder, callback, caught_up, enters, key, now, text};

const SECOND: Duration = Duration::from_secs(1);

fn quiet() -> Quiet {
    Quiet::of(2 * SECOND).at_most(10 * SECOND).messages(20)
}

/// What was handed out: the time since the start in milliseconds, the attempt, and the ids.
#[derive(Clone, Default)]
struct Diary(Arc<Mutex<Vec<(u128, u32, String)>>>);

impl Diary {
    fn note(&self, started: Instant, batch: &Batch) {
        let ids: Vec<&str> = batch.messages().map(|message| message.msgid().unwrap().as_str()).collect();
        self.0.lock().unwrap().push((started.elapsed().as_millis(), batch.tries(), ids.join(" ")));
    }

    /// Returns the time in whole seconds, and the ids.
    fn seconds(&self) -> Vec<(u128, String)> {
        self.0.lock().unwrap().iter().map(|(ms, _, ids)| (ms / 1000, ids.clone())).collect()
    }

    fn batches(&self) -> Vec<String> {
        self.0.lock().unwrap().iter().map(|(_, _, ids)| ids.clone()).collect()
    }
}

struct Scene {
    wecom: FakeWeCom,
    store: FakeStore,
    control: InboxHandle,
    running: JoinHandle<Result<Summary, Error>>,
    diary: Diary,
}

impl Scene {
    async fn start<F>(
        wecom: FakeWeCom,
        store: FakeStore,
        settings: impl Fn(InboxBuilder) -> InboxBuilder,
        handler: impl Fn(Batch) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Result<(), Failure>> + Send + 'static,
    {
        let inbox = settings(builder(&wecom, store.clone())).open().await.unwrap();
        let (control, diary, started) = (inbox.handle(), Diary::default(), Instant::now());
        let noted = diary.clone();
        let running = tokio::spawn(inbox.batch(quiet()).run(move |batch| {
            noted.note(started, &batch);
            handler(batch)
        }));
        Self { wecom, store, control, running, diary }
    }

    /// Customers write after this time, and the inbox reads it.
    async fn writes(&self, after: Duration, messages: impl IntoIterator<Item = String>) {
        sleep(after).await;
        self.wecom.add(messages);
        self.control.wake(&callback("wk1", "T", now()));
        sleep(Duration::from_millis(10)).await;
    }

    async fn end(self) -> (Diary, Summary) {
        caught_up(&self.control).await;
        self.control.stop();
        (self.diary, self.running.await.unwrap().unwrap())
    }
}

async fn acknowledge(_: Batch) -> Result<(), Failure> {
    Ok(())
}

fn same(inbox: InboxBuilder) -> InboxBuilder {
    inbox
}

#[tokio::test(start_paused = true)]
async fn messages_in_a_row_are_handed_out_when_the_customer_pauses() {
    let scene = Scene::start(FakeWeCom::new(100, []), FakeStore::default(), same, acknowledge).await;
    scene.writes(SECOND, [text("a1", "wmA"), text("b1", "wmB")]).await;
    scene.writes(SECOND, [text("a2", "wmA")]).await;
    scene.writes(SECOND, [text("a3", "wmA")]).await;
    let store = scene.store.clone();
    let (diary, summary) = scene.end().await;
    let expected = [(3, "b1".to_owned()), (5, "a1 a2 a3".to_owned())];
    assert_eq!(diary.seconds(), expected, "each customer's pause counts alone");
    assert_eq!(summary.handled, 4, "messages are counted");
    assert_eq!(store.settled(), ["b1", "a1", "a2", "a3"]);
}

#[tokio::test(start_paused = true)]
async fn a_batch_waits_no_longer_than_set_and_has_no_more_messages_than_set() {
    let scene = Scene::start(FakeWeCom::new(100, []), FakeStore::default(), same, acknowledge).await;
    scene.writes(SECOND, [text("a00", "wmA")]).await;
    for number in 1..8 {
        scene.writes(Duration::from_millis(1500), [text(&format!("a{number:02}"), "wmA")]).await;
    }
    scene.writes(100 * SECOND, (0..45).map(|number| text(&format!("b{number:02}"), "wmB"))).await;
    let (diary, _) = scene.end().await;
    let sizes: Vec<(u128, usize)> = diary.seconds().iter().map(|(at, ids)| (*at, ids.split(' ').count())).collect();
    // The first one waits for 10 s. The rest of 45 waits for the pause.
    assert_eq!(sizes, [(11, 7), (13, 1), (111, 20), (111, 20), (113, 5)], "{:?}", diary.seconds());
}

#[tokio::test(start_paused = true)]
async fn messages_that_arrive_while_a_batch_is_handled_form_the_next_one() {
    let scene = Scene::start(FakeWeCom::new(100, []), FakeStore::default(), same, |batch: Batch| async move {
        if batch.messages().count() == 2 {
            sleep(6 * SECOND).await;
        }
        Ok(())
    })
    .await;
    scene.writes(Duration::ZERO, [text("a1", "wmA"), text("a2", "wmA")]).await;
    scene.writes(3 * SECOND, [text("a3", "wmA")]).await;
    scene.writes(SECOND, [text("a4", "wmA"), text("a5", "wmA")]).await;
    let (diary, _) = scene.end().await;
    let expected = [(2, "a1 a2".to_owned()), (8, "a3 a4 a5".to_owned())];
    assert_eq!(diary.seconds(), expected, "their pause is over when the first batch ends");
}

#[tokio::test(start_paused = true)]
async fn a_batch_is_tried_again_with_the_same_messages_in_order() {
    let scene = Scene::start(FakeWeCom::new(100, []), FakeStore::default(), same, |batch: Batch| async move {
        match (batch.messages().count(), batch.tries()) {
            (2, 1) => Err(Failure::retry("not yet")),
            (2, 2) => panic!("a panic that the test wants"),
            _ => Ok(()),
        }
    })
    .await;
    scene.writes(Duration::ZERO, [text("a1", "wmA"), text("a2", "wmA")]).await;
    scene.writes(Duration::from_millis(2200), [text("a3", "wmA")]).await;
    let metrics = scene.control.clone();
    let (diary, summary) = scene.end().await;
    assert_eq!(diary.batches(), ["a1 a2", "a1 a2", "a1 a2", "a3"]);
    assert_eq!((summary.handled, summary.retries, metrics.metrics().delivered), (3, 2, 7));
}

#[tokio::test(start_paused = true)]
async fn a_batch_is_parked_and_replayed_as_one() {
    let store = FakeStore::default();
    let never = |inbox: InboxBuilder| inbox.retry(FailureClass::Unknown, RetryPolicy::never());
    let fails = Arc::new(Mutex::new(true));
    let failing = fails.clone();
    let scene = Scene::start(FakeWeCom::new(100, []), store.clone(), never, move |batch: Batch| {
        let fails = *failing.lock().unwrap() && batch.messages().count() == 2;
        async move {
            let mut said = batch.conversation::<Vec<String>>().await?;
            said.push(batch.text());
            said.save()?;
            if fails { Err(Failure::retry("never")) } else { Ok(()) }
        }
    })
    .await;
    scene.writes(Duration::ZERO, [text("a1", "wmA"), text("a2", "wmA"), text("b1", "wmB")]).await;
    caught_up(&scene.control).await;
    let parked = store.parked().await;
    let shown: Vec<(&str, ParkedKind)> = parked.iter().map(|parked| (&*parked.id, parked.kind)).collect();
    assert_eq!(shown, [("batch:a1", ParkedKind::Batch)]);
    assert_eq!(parked[0].messages().unwrap().len(), 2);
    assert_eq!(scene.control.metrics().parked, 2);
    assert!(store.state().await.settled.ends_with(&["a1".to_owned(), "a2".to_owned()]) || store.settled().len() == 3);

    // Replayed while it still fails, it is parked again; then it is handled.
    for still_fails in [true, false] {
        *fails.lock().unwrap() = still_fails;
        assert!(scene.control.replay("batch:a1").await.unwrap());
        sleep(SECOND).await;
        caught_up(&scene.control).await;
        assert_eq!(store.parked().await.len(), usize::from(still_fails));
    }
    let (diary, _) = scene.end().await;
    let batches: Vec<String> = diary.batches().into_iter().filter(|ids| ids.starts_with('a')).collect();
    assert_eq!(batches, ["a1 a2", "a1 a2", "a1 a2"]);
    let mut ids = store.settled();
    ids.sort();
    assert_eq!(ids, ["a1", "a2", "b1"], "each message is remembered once");
    let page = store.memory.conversations(&key(), &ConversationQuery::of("wmA")).await.unwrap();
    assert_eq!(page.items[0].state().unwrap().unwrap().1, r#"["a1\na2"]"#, "only the handled one has changed it");
}

#[tokio::test(start_paused = true)]
async fn events_are_not_delayed_and_neither_is_what_was_written_before() {
    let scene = Scene::start(FakeWeCom::new(100, []), FakeStore::default(), same, |batch: Batch| async move {
        let is_welcome = matches!(batch.content(), Content::Event(_));
        assert!(!is_welcome || batch.messages().count() == 1, "an event is alone");
        Ok(())
    })
    .await;
    scene.writes(Duration::ZERO, [text("b1", "wmB"), enters("e1", "wmA", now())]).await;
    scene.writes(SECOND, [text("a1", "wmA"), text("a2", "wmA"), enters("e2", "wmA", now()), text("a3", "wmA")]).await;
    let (diary, _) = scene.end().await;
    let expected = [(0, "e1"), (1, "a1 a2"), (1, "e2"), (2, "b1"), (3, "a3")];
    assert_eq!(diary.seconds(), expected.map(|(at, ids)| (at, ids.to_owned())));
}

#[tokio::test(start_paused = true)]
async fn a_stop_leaves_an_incomplete_batch_to_the_next_start() {
    let store = FakeStore::default();
    let scene = Scene::start(FakeWeCom::new(100, []), store.clone(), same, acknowledge).await;
    scene.writes(Duration::ZERO, [text("a1", "wmA"), text("a2", "wmA")]).await;
    sleep(SECOND).await;
    let stopped_at = Instant::now();
    scene.control.stop();
    let wecom = scene.wecom.clone();
    let summary = scene.running.await.unwrap().unwrap();
    assert_eq!((summary.handled, summary.left, stopped_at.elapsed().as_secs()), (0, 2, 0));
    let scene = Scene::start(wecom, store, same, acknowledge).await;
    assert_eq!(scene.end().await.0.batches(), ["a1 a2"]);
}

#[tokio::test(start_paused = true)]
async fn a_transcript_has_every_message_of_a_batch() {
    let store = FakeStore::default();
    let keeps = |inbox: InboxBuilder| inbox.transcript(10);
    let seen: Arc<Mutex<Vec<String>>> = Arc::default();
    let noted = seen.clone();
    let scene = Scene::start(FakeWeCom::new(100, []), store, keeps, move |batch: Batch| {
        let model = batch.transcript().unwrap().for_model();
        noted.lock().unwrap().push(model.into_iter().map(|message| message.content).collect());
        async { Ok(()) }
    })
    .await;
    let by_servicer = text("s1", "wmA").replace(r#""origin":3"#, r#""origin":5"#);
    scene.writes(Duration::ZERO, [text("a1", "wmA"), text("a2", "wmA"), by_servicer, text("a3", "wmA")]).await;
    scene.end().await;
    assert_eq!(*seen.lock().unwrap(), ["a1\na2", "a1\na2[servicer] s1a3"]);
}

#[tokio::test(start_paused = true)]
async fn a_handler_may_answer_a_batch_itself_and_share_state() {
    let wecom = FakeWeCom::new(100, [text("a1", "wmA"), text("a2", "wmA"), text("b1", "wmB"), text("c1", "wmC")]);
    let store = FakeStore::default();
    let inbox = builder(&wecom, store.clone()).open().await.unwrap();
    let batches = inbox.batch(Quiet::of(SECOND));
    let control = batches.handle();
    let done = Arc::new(Notify::new());
    let running = tokio::spawn(batches.run_with(done.clone(), |done: Arc<Notify>, batch: Batch| async move {
        match batch.id() {
            "a1" => batch.park("a test"),
            "b1" if batch.tries() == 1 => batch.retry_later(),
            _ => batch.ack(),
        }
        done.notify_one();
        Err(Failure::park("does not count"))
    }));
    timeout(60 * SECOND, done.notified()).await.unwrap();
    caught_up(&control).await;
    control.stop();
    let summary = running.await.unwrap().unwrap();
    assert_eq!((summary.handled, summary.parked, summary.retries), (2, 2, 1));
    assert_eq!(store.parked().await[0].reason, "a test");
}
