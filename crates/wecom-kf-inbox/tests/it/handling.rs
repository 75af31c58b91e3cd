//! What becomes of messages: acknowledged, tried again, parked, in order.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::StreamExt;
use tokio::time::{Instant, sleep, timeout};
use wecom_kf::raw::op;
use wecom_kf::{ErrCode, Error};
use wecom_kf_inbox::store::Memory;
use wecom_kf_inbox::{Delivery, Failure, Inbox, InboxHandle, Summary};

use crate::fake::{FakeStore, FakeWeCom, builder, caught_up, enters, now, text};

const SECOND: Duration = Duration::from_secs(1);

/// What handlers did, and when, in milliseconds since the start.
#[derive(Clone)]
struct Diary(Arc<Mutex<Vec<(String, u128)>>>, Instant);

impl Diary {
    fn new() -> Self {
        Self(Arc::default(), Instant::now())
    }

    fn note(&self, what: impl Into<String>) {
        self.0.lock().unwrap().push((what.into(), self.1.elapsed().as_millis()));
    }

    fn entries(&self) -> Vec<String> {
        self.0.lock().unwrap().iter().map(|(what, _)| what.clone()).collect()
    }

    fn times_of(&self, what: &str) -> Vec<u128> {
        self.0.lock().unwrap().iter().filter(|(noted, _)| noted == what).map(|(_, at)| *at).collect()
    }
}

/// Runs until all is handled, then stops.
async fn run_through<F>(inbox: Inbox, handler: impl Fn(Delivery) -> F + Send + Sync + 'static) -> (Summary, InboxHandle)
where
    F: Future<Output = Result<(), Failure>> + Send + 'static,
{
    let handle = inbox.handle();
    let stop = {
        let handle = handle.clone();
        async move { caught_up(&handle).await }
    };
    (inbox.run_until(stop, handler).await.unwrap(), handle)
}

#[tokio::test(start_paused = true)]
async fn the_cursor_is_written_after_the_last_answer_of_its_page_and_answers_may_come_in_any_order() {
    let wecom = FakeWeCom::new(3, (0..6).map(|number| text(&format!("m{number}"), &format!("wm{number}"))));
    let store = FakeStore::default();
    let mut inbox = builder(&wecom, store.clone()).open().await.unwrap();
    let mut page = Vec::new();
    for _ in 0..3 {
        page.push(inbox.next().await.unwrap().unwrap());
    }
    for delivery in [page.pop().unwrap(), page.remove(0)] {
        delivery.ack();
        assert!(timeout(Duration::from_millis(100), inbox.next()).await.is_err());
        assert_eq!(store.cursors(), [None], "only the start is written");
    }
    page.pop().unwrap().ack();
    let next = inbox.next().await.unwrap().unwrap();
    assert_eq!(store.cursors(), [None, Some("c3".into())]);
    assert_eq!(store.commits()[1].settled, ["m0", "m1", "m2"], "in the order of the page, in one write");
    assert_eq!(next.id(), "m3");
}

#[tokio::test(start_paused = true)]
async fn a_delivery_that_is_dropped_is_a_failed_try_and_holds_the_cursor() {
    let wecom = FakeWeCom::new(1, [text("m0", "wmA"), text("m1", "wmA")]);
    let store = FakeStore::default();
    let mut inbox = builder(&wecom, store.clone()).open().await.unwrap();
    for tries in 1..=3 {
        let started = Instant::now();
        let delivery = inbox.next().await.unwrap().unwrap();
        assert_eq!((delivery.id(), delivery.tries()), ("m0", tries));
        let waited = started.elapsed().as_millis();
        assert!(tries == 1 || waited >= 500 << (tries - 2), "try {tries} after {waited} ms");
        assert_eq!(store.cursors(), [None]);
    }
    assert_eq!(inbox.metrics().retries, 2);
}

#[tokio::test(start_paused = true)]
async fn a_failing_message_is_parked_after_eight_tries_and_one_that_takes_long_after_sixty_seconds() {
    for (slow, expected_tries, expected_reason) in [(0, 8, "always"), (9, 6, "always")] {
        let wecom = FakeWeCom::new(10, [text("bad", "wmA"), text("good", "wmB")]);
        let store = FakeStore::default();
        let inbox = builder(&wecom, store.clone()).open().await.unwrap();
        let started = Instant::now();
        let (summary, _) = run_through(inbox, move |delivery| async move {
            if delivery.id() == "bad" {
                sleep(Duration::from_secs(slow)).await;
                return Err(Failure::retry("always"));
            }
            Ok(())
        })
        .await;
        assert!(started.elapsed() < Duration::from_secs(75));
        assert_eq!((summary.handled, summary.parked, summary.left), (1, 1, 0));
        let parked = store.parked().await;
        assert_eq!((parked.len(), parked[0].id.as_str(), parked[0].tries), (1, "bad", expected_tries));
        assert_eq!(parked[0].reason, expected_reason);
        assert_eq!(parked[0].message().unwrap().msgid().unwrap().as_str(), "bad");
        assert_eq!(parked[0].keep_until - parked[0].parked_at, 30 * 86_400);
        assert_eq!(store.state().await.settled, ["bad", "good"]);
    }
}

#[tokio::test(start_paused = true)]
async fn while_one_customer_waits_for_another_try_others_go_on_through_the_page_ahead() {
    let customers = ["wmBad", "wmA", "wmB", "wmBad", "wmA", "wmB", "wmA"];
    let wecom = FakeWeCom::new(3, customers.iter().enumerate().map(|(number, who)| text(&format!("m{number}"), who)));
    let store = FakeStore::default();
    let diary = Diary::new();
    let inbox = builder(&wecom, store.clone()).open().await.unwrap();
    let noted = diary.clone();
    let (summary, _) = run_through(inbox, move |delivery| {
        let noted = noted.clone();
        async move {
            noted.note(delivery.id());
            if delivery.id() == "m0" && delivery.tries() < 4 {
                return Err(Failure::retry("not yet"));
            }
            Ok(())
        }
    })
    .await;
    assert_eq!((summary.handled, summary.retries, summary.left), (7, 3, 0));
    // Tries after 0.5, 1 and 2 seconds.
    let first = diary.times_of("m0");
    assert_eq!(first.windows(2).map(|pair| pair[1] - pair[0]).collect::<Vec<_>>(), [500, 1000, 2000]);
    let order = diary.entries();
    let place = |id: &str| order.iter().rposition(|noted| noted == id).unwrap();
    assert!(place("m4") < place("m0") && place("m5") < place("m0"), "others went on: {order:?}");
    assert!(place("m3") > place("m0"), "that customer's next message waited: {order:?}");
    assert!(place("m6") > place("m3"), "no further page was begun: {order:?}");
    assert_eq!(store.cursors(), [None, Some("c3".into()), Some("c6".into()), Some("c7".into())]);
}

#[tokio::test(start_paused = true)]
async fn while_a_page_goes_on_the_page_ahead_is_not_put_to_work_however_long_that_takes() {
    let customers = ["wmA", "wmA", "wmA", "wmA", "wmB"];
    let wecom = FakeWeCom::new(4, customers.iter().enumerate().map(|(number, who)| text(&format!("m{number}"), who)));
    let diary = Diary::new();
    let inbox = builder(&wecom, Memory::new()).open().await.unwrap();
    let noted = diary.clone();
    run_through(inbox, move |delivery| {
        noted.note(delivery.id());
        async {
            sleep(Duration::from_millis(400)).await;
            Ok(())
        }
    })
    .await;
    let started = diary.times_of("m4")[0];
    assert!((1600..1700).contains(&started), "a crash before would have repeated two pages: {started} ms");
}

#[tokio::test(start_paused = true)]
async fn customers_are_handled_side_by_side_each_in_order_and_no_more_at_once_than_was_said() {
    let wecom = FakeWeCom::new(100, (0..40).map(|number| text(&format!("m{number:02}"), &format!("wm{}", number % 8))));
    let diary = Diary::new();
    let running = Arc::new(Mutex::new((0, 0)));
    let inbox = builder(&wecom, Memory::new()).concurrency(4).open().await.unwrap();
    let (noted, counted) = (diary.clone(), running.clone());
    let (summary, _) = run_through(inbox, move |delivery| {
        let (noted, counted) = (noted.clone(), counted.clone());
        async move {
            {
                let mut counted = counted.lock().unwrap();
                counted.0 += 1;
                counted.1 = counted.1.max(counted.0);
            }
            sleep(Duration::from_millis(10)).await;
            counted.lock().unwrap().0 -= 1;
            noted.note(delivery.id());
            Ok(())
        }
    })
    .await;
    assert_eq!(summary.handled, 40);
    assert_eq!(running.lock().unwrap().1, 4, "four at once");
    for customer in 0..8 {
        let ids: Vec<String> =
            diary.entries().into_iter().filter(|id| id[1..].parse::<usize>().unwrap() % 8 == customer).collect();
        assert!(ids.len() == 5 && ids.is_sorted(), "{ids:?}");
    }
    let last = diary.0.lock().unwrap().last().unwrap().1;
    assert!((100..130).contains(&last), "40 messages of 10 ms, four at a time, took {last} ms");
}

#[tokio::test(start_paused = true)]
async fn a_panic_is_a_failed_try_of_that_message_alone() {
    let wecom = FakeWeCom::new(10, (0..3).map(|number| text(&format!("m{number}"), &format!("wm{number}"))));
    let inbox = builder(&wecom, Memory::new()).open().await.unwrap();
    let (summary, _) = run_through(inbox, |delivery| {
        // In the call itself, before there is a future.
        assert!(delivery.id() != "m0" || delivery.tries() > 1, "a panic that the test wants");
        async move {
            assert!(delivery.id() != "m1" || delivery.tries() > 2, "a panic that the test wants");
            Ok(())
        }
    })
    .await;
    assert_eq!((summary.handled, summary.retries, summary.parked), (3, 3, 0));
}

#[tokio::test(start_paused = true)]
async fn a_failure_of_wecom_is_tried_again_parked_or_acknowledged_by_its_class() {
    let codes = ["-1", "95018", "95001", "60020"];
    let wecom = FakeWeCom::new(10, codes.iter().map(|code| text(code, code)));
    let store = FakeStore::default();
    let inbox = builder(&wecom, store.clone()).open().await.unwrap();
    let (summary, _) = run_through(inbox, |delivery| async move {
        match delivery.tries() {
            1 => Err(Error::refused(op::SEND_MSG, ErrCode(delivery.id().parse().unwrap()), "no"))?,
            _ => Ok(()),
        }
    })
    .await;
    assert_eq!((summary.handled, summary.retries, summary.parked), (2, 1, 2));
    let parked = store.parked().await;
    assert_eq!(parked.iter().map(|parked| parked.id.as_str()).collect::<Vec<_>>(), ["95001", "60020"]);
    assert!(parked[0].reason.contains("do:"), "the reason says what to do: {}", parked[0].reason);
}

#[tokio::test(start_paused = true)]
async fn an_answer_within_the_handler_counts_and_its_result_no_more() {
    let wecom = FakeWeCom::new(10, [text("m0", "wmA"), text("m1", "wmA")]);
    let inbox = builder(&wecom, Memory::new()).open().await.unwrap();
    let (summary, _) = run_through(inbox, |delivery| async move {
        match delivery.id() {
            "m0" => {
                delivery.ack();
                Err(Failure::park("too late"))
            }
            _ => {
                delivery.park("by itself");
                Ok(())
            }
        }
    })
    .await;
    assert_eq!((summary.handled, summary.parked, summary.retries), (1, 1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_parked_message_is_listed_replayed_and_goes_when_it_is_acknowledged() {
    let wecom = FakeWeCom::new(10, [text("m0", "wmA"), text("m1", "wmB")]);
    let store = FakeStore::default();
    let mut inbox = builder(&wecom, store.clone()).open().await.unwrap();
    for _ in 0..2 {
        inbox.next().await.unwrap().unwrap().park("look at this");
    }
    assert!(timeout(SECOND, inbox.next()).await.is_err());
    let handle = inbox.handle();
    let ids = |parked: Vec<wecom_kf_inbox::store::Parked>| parked.into_iter().map(|one| one.id).collect::<Vec<_>>();
    assert_eq!(ids(handle.parked().await.unwrap()), ["m0", "m1"]);

    assert!(!handle.replay("m9").await.unwrap());
    assert!(handle.replay("m0").await.unwrap());
    let again = inbox.next().await.unwrap().unwrap();
    assert_eq!(again.id(), "m0");
    assert_eq!(store.parked().await.len(), 2, "it stays until it is acknowledged");
    again.ack();
    assert!(timeout(SECOND, inbox.next()).await.is_err());
    assert_eq!(ids(handle.parked().await.unwrap()), ["m1"]);

    assert!(handle.replay("m1").await.unwrap());
    inbox.next().await.unwrap().unwrap().park("still no good");
    assert!(timeout(SECOND, inbox.next()).await.is_err());
    let parked = handle.parked().await.unwrap();
    assert_eq!((parked.len(), parked[0].reason.as_str()), (1, "still no good"));
    assert!(handle.drop_parked("m1").await.unwrap());
    assert!(!handle.drop_parked("m1").await.unwrap());
    assert_eq!(store.state().await.cursor.as_deref(), Some("c2"));
}

#[tokio::test(start_paused = true)]
async fn a_fresh_welcome_overtakes_other_customers_and_never_its_own_earlier_messages() {
    let log = [
        text("a0", "wmA"),
        text("b0", "wmB"),
        text("c0", "wmC"),
        enters("c1", "wmC", now()),
        enters("d0", "wmD", now() - 60),
    ];
    let wecom = FakeWeCom::new(10, log);
    let mut inbox = builder(&wecom, Memory::new()).open().await.unwrap();
    let (ids, _) = crate::reading::drain(&mut inbox, SECOND).await;
    assert_eq!(ids, ["c0", "c1", "a0", "b0", "d0"], "a code that ran out overtakes nobody");
}

#[tokio::test(start_paused = true)]
async fn a_page_ahead_with_a_fresh_welcome_is_put_to_work_at_once() {
    let wecom = FakeWeCom::new(1, [text("a0", "wmA"), enters("d0", "wmD", now())]);
    let mut inbox = builder(&wecom, Memory::new()).open().await.unwrap();
    let _held = inbox.next().await.unwrap().unwrap();
    let welcome = timeout(Duration::from_millis(100), inbox.next()).await.expect("it does not wait");
    assert_eq!(welcome.unwrap().unwrap().id(), "d0");
}

#[tokio::test(start_paused = true)]
async fn a_message_without_a_msgid_is_told_apart_by_what_it_says() {
    let without =
        |words: &str| format!(r#"{{"external_userid":"wmA","msgtype":"text","text":{{"content":"{words}"}}}}"#);
    let wecom = FakeWeCom::new(10, [without("one"), without("two"), without("one")]);
    let mut inbox = builder(&wecom, Memory::new()).open().await.unwrap();
    let (ids, _) = crate::reading::drain(&mut inbox, SECOND).await;
    assert!(ids.len() == 2 && ids.iter().all(|id| id.starts_with("raw:") && id.len() == 36), "{ids:?}");
}
