//! Asserts that no log, error, `Debug` or metrics contain customers' texts or callbacks' tokens. The test has a process
//! of its own, since tests that run at the same time share what `tracing` remembers.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::StreamExt;
use tokio::time::timeout;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::format::FmtSpan;
use wecom_kf::Lang;
use wecom_kf_inbox::store::{ConversationQuery, ParkedQuery};
use wecom_kf_inbox::{Failure, Quiet, Report};

#[path = "it/fake.rs"]
#[allow(dead_code, reason = "other tests use more of it")]
mod fake;

use fake::{Answer, FakeStore, FakeWeCom, KF, builder, callback, caught_up, now, text};

const TOKEN: &str = "CanaryToken4711";
/// `text` also writes the msgid as the text, so the secret words must differ.
const WORDS: &str = "金丝雀的话";

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

fn says(id: &str, customer: &str) -> String {
    text(id, customer).replace(&format!(r#""content":"{id}""#), &format!(r#""content":"{WORDS}""#))
}

/// Keeps what customers said, in states, transcripts and batches. Returns what is shown of that.
async fn remember() -> String {
    let store = FakeStore::default();
    let wecom = FakeWeCom::new(10, ["kept", "large", "other", "keeps"].map(|id| says(id, "wm1")));
    let inbox = builder(&wecom, store.clone()).transcript(10).conversation_limit(1000).open().await.unwrap();
    let handle = inbox.handle();
    let shown: Arc<Mutex<String>> = Arc::default();
    let stop = {
        let handle = handle.clone();
        async move { caught_up(&handle).await }
    };
    let noted = shown.clone();
    let batches = inbox.batch(Quiet::of(Duration::from_secs(1)).messages(1));
    let run = batches.run_until(stop, move |batch| {
        let noted = noted.clone();
        async move {
            let mut texts = batch.conversation::<Vec<String>>().await?;
            let copies = if batch.id() == "large" { 1000 } else { 1 };
            texts.extend(vec![batch.text(); copies]);
            let transcript = batch.transcript()?;
            let shows = format!("{batch:?} {texts:?} {transcript:?} {:?}", transcript.for_model());
            noted.lock().unwrap().push_str(&shows);
            if batch.id() == "other" {
                let error = batch.conversation::<u8>().await.unwrap_err();
                noted.lock().unwrap().push_str(&format!("{error} {error:?} {}", Report::line(&error, Lang::Zh)));
            }
            Ok(texts.save()?)
        }
    });
    let summary = run.await.unwrap();
    assert_eq!((summary.handled, summary.parked), (3, 1));
    let page = handle.conversations(&ConversationQuery::first(10)).await.unwrap();
    assert!(page.items[0].body.contains(WORDS), "it is kept");
    format!("{} {page:?} {:?} {:?}", shown.lock().unwrap(), handle.metrics(), store.commits())
}

#[tokio::test(start_paused = true)]
async fn neither_words_nor_tokens_are_shown_anywhere() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(LevelFilter::TRACE)
        .with_ansi(false)
        .with_span_events(FmtSpan::FULL)
        .with_writer(move || writer.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);

    let wecom = FakeWeCom::new(10, ["ok", "retried", "parked", "panics"].map(|id| says(id, id)));
    wecom.fault(Answer::Errcode(-1));
    wecom.fault(Answer::Unreadable(None));
    let store = FakeStore::default();
    store.fail_next(1);
    let mut inbox = builder(&wecom, store.clone()).open().await.unwrap();
    inbox.wake(&callback(KF, TOKEN, now()));
    let mut shown = String::new();
    // The three faults come first, then a delivery.
    loop {
        match timeout(Duration::from_secs(60), inbox.next()).await.unwrap().unwrap() {
            Ok(delivery) => {
                shown.push_str(&format!("{delivery:?} {inbox:?} {:?}", inbox.handle()));
                break delivery.ack();
            }
            Err(error) => shown.push_str(&format!(
                "{error} {error:?} {} {}",
                Report::line(&error, Lang::En),
                Report::line(&error, Lang::Zh)
            )),
        }
    }
    let handle = inbox.handle();
    let run = inbox.run_until(
        {
            let handle = handle.clone();
            async move { caught_up(&handle).await }
        },
        |delivery| async move {
            tracing::info!("the handler's own line");
            match (delivery.id(), delivery.tries()) {
                ("retried", 1) => Err(Failure::from(format!("no answer to {WORDS}"))),
                ("parked", _) => Err(Failure::park(WORDS)),
                ("panics", 1) => std::panic::resume_unwind(Box::new(WORDS)),
                _ => Ok(()),
            }
        },
    );
    let summary = run.await.unwrap();
    assert_eq!((summary.handled, summary.parked, summary.retries), (3, 1, 2));
    shown.push_str(&format!("{:?} {:?} {summary:?}", handle.metrics(), handle.parked(&ParkedQuery::first(10)).await));
    shown.push_str(&format!("{:?} {:?}", store.commits(), wecom.requests()));
    shown.push_str(&remember().await);
    shown.push_str(&format!(
        "{} {}",
        serde_json::to_string(&handle.metrics()).unwrap(),
        serde_json::to_string(&handle.health()).unwrap()
    ));
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    for expected in ["the handler failed", "the handler panicked", "parked a message", "cannot read", "store is down"] {
        assert!(log.contains(expected), "the log says {expected}: {log}");
    }
    let span = "delivery{account=wk1 msgid=retried attempt=2}: secrets: the handler's own line";
    assert!(log.contains(span), "the handler runs within the span: {log}");
    for closed in [
        r#"delivery{account=wk1 msgid=ok attempt=1 outcome="acked"}: wecom_kf_inbox::delivery: close"#,
        r#"delivery{account=wk1 msgid=retried attempt=1 outcome="retried"}: wecom_kf_inbox::delivery: close"#,
        r#"delivery{account=wk1 msgid=retried attempt=2 outcome="acked"}: wecom_kf_inbox::delivery: close"#,
        r#"delivery{account=wk1 msgid=parked attempt=1 outcome="parked"}: wecom_kf_inbox::delivery: close"#,
        r#"delivery{account=wk1 msgid=panics attempt=1}: wecom_kf_inbox::run: the handler failed"#,
    ] {
        assert!(log.contains(closed), "the log says {closed}: {log}");
    }
    for canary in [WORDS, TOKEN, "客户的话"] {
        assert!(!shown.contains(canary), "{canary} in {shown}");
        assert!(!log.contains(canary), "{canary} in {log}");
    }
    assert_eq!(store.parked().await[0].reason, WORDS, "the reason is kept, for whoever may read it");
}
