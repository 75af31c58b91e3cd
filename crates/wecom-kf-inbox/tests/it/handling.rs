//! What happens to messages: acknowledged, tried again, parked, in order.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::StreamExt;
use tokio::time::{Instant, sleep, timeout};
use wecom_kf::raw::op;
use wecom_kf::{ErrCode, Error};
use wecom_kf_inbox::store::{InboxStore, Memory};
use wecom_kf_inbox::{Delivery, Failure, FailureClass, Inbox, InboxHandle, RetryPolicy, Status, Summary};

use crate::fake::{FakeStore, FakeWeCom, builder, caught_up, drain, enters, now, text};

const SECOND: Duration = Duration::from_secs(1);

/// What handlers did, with the milliseconds since the start.
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

/// Runs the inbox until all messages are handled, then stops it.
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
async fn answers_in_any_order_move_the_cursor_behind_what_is_settled() {
    let wecom = FakeWeCom::new(3, (0..6).map(|number| text(&format!("m{number}"), &format!("wm{number}"))));
    let store = FakeStore::default();
    let mut inbox = builder(&wecom, store.clone()).open().await.unwrap();
    let mut out = Vec::new();
    for number in 0..6 {
        let delivery = inbox.next().await.unwrap().unwrap();
        assert_eq!(delivery.id(), format!("m{number}"), "the next page is read and handed out meanwhile");
        out.push(Some(delivery));
    }
    for (number, cursor) in [(2, None), (4, None), (1, None), (0, Some("c3")), (5, Some("c3")), (3, Some("c6"))] {
        out[number].take().unwrap().ack();
        assert!(timeout(SECOND, inbox.next()).await.is_err());
        let state = store.state().await;
        assert_eq!(state.cursor.as_deref(), cursor, "after m{number}");
        assert_eq!(
            state.settled.last(),
            Some(&format!("m{number}")),
            "what is settled beyond the cursor is stored too"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn commits_come_at_once_and_then_every_quarter_second() {
    let wecom = FakeWeCom::new(100, (0..100).map(|number| text(&format!("m{number:02}"), &format!("wm{number}"))));
    let store = FakeStore::default();
    let mut inbox = builder(&wecom, store.clone()).open().await.unwrap();
    let started = Instant::now();
    while let Ok(Some(Ok(delivery))) = timeout(SECOND, inbox.next()).await {
        sleep(Duration::from_millis(20)).await;
        delivery.ack();
    }
    assert_eq!(store.settled().len(), 100);
    let commits = store.commits().len();
    assert!((8..=11).contains(&commits), "{commits} commits in {:?}", started.elapsed());
    assert_eq!(store.commits()[1].settled, ["m00"], "the first one does not wait");
}

#[tokio::test(start_paused = true)]
async fn a_crash_repeats_nothing_that_was_settled_half_a_second_before() {
    for takes in [0, 50, 100, 249].map(Duration::from_millis) {
        let wecom = FakeWeCom::new(100, (0..300).map(|number| text(&format!("m{number:03}"), &format!("wm{number}"))));
        let store = FakeStore::default().commits_take(takes);
        let mut inbox = builder(&wecom, store.clone()).open().await.unwrap();
        let (mut settled_at, mut oldest) = (Vec::new(), Duration::ZERO);
        while let Ok(Some(Ok(delivery))) = timeout(SECOND, inbox.next()).await {
            settled_at.push((delivery.id().to_owned(), Instant::now()));
            delivery.ack();
            sleep(Duration::from_millis(7)).await;
            let stored = store.settled();
            settled_at.retain(|(id, _)| !stored.contains(id));
            oldest = oldest.max(settled_at.first().map_or(Duration::ZERO, |(_, at)| at.elapsed()));
        }
        println!("commits take {takes:?}: a crash repeats what was settled {oldest:?} before");
        assert_eq!(store.settled().len(), 300);
        assert!(oldest <= Duration::from_millis(500), "{oldest:?} with commits that take {takes:?}");
    }
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
        assert!(store.cursors().iter().all(Option::is_none) && store.settled().is_empty());
    }
    assert_eq!(inbox.metrics().retries, 3);
}

#[tokio::test(start_paused = true)]
async fn a_failing_message_is_parked_after_ten_minutes() {
    for slow in [0, 9] {
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
        let took = started.elapsed().as_secs();
        assert!((530..=610).contains(&took), "{took} s");
        assert_eq!((summary.handled, summary.parked, summary.left), (1, 1, 0));
        let parked = store.parked().await;
        assert_eq!((parked.len(), parked[0].id.as_str(), &*parked[0].reason), (1, "bad", "always"));
        assert_eq!(parked[0].shown, "a failure that the handler returned");
        if slow == 0 {
            assert_eq!(parked[0].tries, 16, "after 0.5, 1, 2, 4, 8, 16, 32 s, then every minute");
        }
        assert_eq!(parked[0].message().unwrap().msgid().unwrap().as_str(), "bad");
        assert_eq!(parked[0].keep_until - parked[0].parked_at, 30 * 86_400);
        assert_eq!(store.settled(), ["good", "bad"]);
    }
}

#[tokio::test(start_paused = true)]
async fn retries_can_be_set_by_class_and_by_failure() {
    let wecom = FakeWeCom::new(10, ["class", "failure", "other"].map(|id| text(id, id)));
    let store = FakeStore::default();
    let inbox = builder(&wecom, store.clone())
        .retry(FailureClass::Unknown, RetryPolicy::within(SECOND * 100).at_most(3))
        .open()
        .await
        .unwrap();
    let (summary, handle) = run_through(inbox, |delivery| async move {
        match delivery.id() {
            "class" => Err(Failure::retry("by its class")),
            "failure" => Err(Failure::retry("its own").policy(RetryPolicy::within(SECOND * 2))),
            _ => Ok(()),
        }
    })
    .await;
    assert_eq!((summary.handled, summary.parked), (1, 2));
    let mut tries: Vec<_> = store.parked().await.into_iter().map(|parked| (parked.id, parked.tries)).collect();
    tries.sort();
    assert_eq!(tries, [("class".to_owned(), 3), ("failure".to_owned(), 3)], "after 0.5 and 1 s; 2 s more are too many");
    assert_eq!(handle.metrics().failures, [(FailureClass::Unknown, 6)].into());
}

#[tokio::test(start_paused = true)]
async fn others_do_not_wait_for_a_customer_whose_message_fails() {
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
    let first = diary.times_of("m0");
    assert_eq!(first.windows(2).map(|pair| pair[1] - pair[0]).collect::<Vec<_>>(), [500, 1000, 2000]);
    let before_its_retry: Vec<String> = diary.entries().into_iter().filter(|id| id != "m0" && id != "m3").collect();
    assert_eq!(before_its_retry, ["m1", "m2", "m4", "m5", "m6"]);
    for id in ["m1", "m2", "m4", "m5", "m6"] {
        assert!(diary.times_of(id)[0] < 500, "{id} did not wait");
    }
    assert!(diary.times_of("m3")[0] >= *first.last().unwrap(), "that customer's next message waited");
    assert_eq!(store.state().await.cursor.as_deref(), Some("c7"));
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_takes_too_long_has_failed() {
    let wecom = FakeWeCom::new(10, [text("slow", "wmA"), text("m1", "wmA")]);
    let store = FakeStore::default();
    let inbox = builder(&wecom, store.clone()).handler_timeout(SECOND * 5).open().await.unwrap();
    let started = Instant::now();
    let (summary, handle) = run_through(inbox, |delivery| async move {
        if delivery.id() == "slow" && delivery.tries() == 1 {
            sleep(SECOND * 3600).await;
        }
        Ok(())
    })
    .await;
    assert_eq!((summary.handled, summary.retries, started.elapsed().as_secs()), (2, 1, 5));
    assert_eq!(handle.metrics().failures, [(FailureClass::TimedOut, 1)].into());
}

#[tokio::test(start_paused = true)]
async fn each_failure_reaches_the_hook_and_the_metrics_without_its_text() {
    let wecom = FakeWeCom::new(10, [text("m0", "wmA"), text("m1", "wmB")]);
    let heard = Arc::new(Mutex::new(Vec::new()));
    let noted = heard.clone();
    let inbox = builder(&wecom, Memory::new())
        .on_failure(move |delivery, failure| {
            let text = format!("{} {} {} {}", delivery.id(), delivery.tries(), failure.class(), failure.reason());
            noted.lock().unwrap().push(text);
            assert!(delivery.id() != "m1", "a panic that the test wants");
        })
        .open()
        .await
        .unwrap();
    let (summary, handle) = run_through(inbox, |delivery| async move {
        match (delivery.id(), delivery.tries()) {
            ("m0", 1) => Err(std::io::Error::other("what the customer wrote"))?,
            ("m1", 1) => panic!("a panic that the test wants"),
            _ => {}
        }
        Ok(())
    })
    .await;
    assert_eq!((summary.handled, summary.retries), (2, 2));
    let mut heard = heard.lock().unwrap().clone();
    heard.sort();
    assert_eq!(heard, ["m0 1 unknown what the customer wrote", "m1 1 panic the handler panicked"]);
    let metrics = handle.metrics();
    assert_eq!(metrics.failures, [(FailureClass::Unknown, 1), (FailureClass::Panic, 1)].into());
    let last = metrics.last_failure.unwrap();
    assert!(!format!("{last:?}").contains("wrote") && !last.text.is_empty(), "{last:?}");
}

#[tokio::test(start_paused = true)]
async fn nothing_is_read_or_handed_out_while_it_is_paused() {
    let wecom = FakeWeCom::new(1, (0..4).map(|number| text(&format!("m{number}"), &format!("wm{number}"))));
    let mut inbox = builder(&wecom, Memory::new()).open().await.unwrap();
    let handle = inbox.handle();
    let first = inbox.next().await.unwrap().unwrap();
    handle.pause();
    assert!(timeout(SECOND * 100, inbox.next()).await.is_err());
    let pulls = wecom.pulls();
    first.ack();
    assert!(timeout(SECOND * 100, inbox.next()).await.is_err());
    assert_eq!((handle.metrics().status, handle.metrics().acked, wecom.pulls()), (Status::Paused, 1, pulls));
    handle.resume();
    assert_eq!(drain(&mut inbox, SECOND).await.0, ["m1", "m2", "m3"]);
}

#[tokio::test(start_paused = true)]
async fn what_a_servicer_wrote_is_settled_without_being_delivered() {
    let by_servicer = text("s0", "wmA").replace(r#""origin":3"#, r#""origin":5,"servicer_userid":"zhangsan""#);
    for takes_servicers in [false, true] {
        let wecom = FakeWeCom::new(1, [by_servicer.clone(), text("m1", "wmA")]);
        let store = FakeStore::default();
        let mut builder = builder(&wecom, store.clone());
        if takes_servicers {
            builder = builder.deliver_servicer_messages();
        }
        let mut inbox = builder.open().await.unwrap();
        if takes_servicers {
            let delivery = inbox.next().await.unwrap().unwrap();
            for refused in [delivery.reply("hi").await, delivery.reply("hi").named("answer").await] {
                assert!(matches!(refused, Err(Error::InvalidInput { .. })), "{refused:?}");
            }
            delivery.ack();
        }
        assert_eq!(drain(&mut inbox, SECOND).await.0, ["m1"]);
        assert_eq!(inbox.metrics().servicer_messages, u64::from(!takes_servicers));
        assert_eq!(store.state().await.cursor.as_deref(), Some("c2"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_full_window_parks_the_oldest_message_that_waits_for_a_retry() {
    let log = (0..40).map(|number| text(&format!("m{number:02}"), if number < 30 { "wmBad" } else { "wmGood" }));
    let wecom = FakeWeCom::new(5, log);
    let store = FakeStore::default();
    let inbox = builder(&wecom, store.clone()).max_unsettled(10).open().await.unwrap();
    let started = Instant::now();
    let handle = inbox.handle();
    let run = tokio::spawn(inbox.run(|delivery| async move {
        if delivery.message().external_userid().unwrap().as_str() == "wmBad" {
            return Err(Failure::retry("always"));
        }
        Ok(())
    }));
    while handle.metrics().acked < 10 {
        sleep(Duration::from_millis(10)).await;
    }
    assert!(started.elapsed() < SECOND, "the other customer waits no longer than it takes to fill the window");
    let metrics = handle.metrics();
    assert!(metrics.parked_when_full >= 20, "{metrics:?}");
    let parked = store.parked().await;
    assert_eq!(parked[0].id, "m00");
    assert!(parked[0].reason.contains("the window was full"), "{}", parked[0].reason);
    run.abort();
}

#[tokio::test(start_paused = true)]
async fn customers_run_concurrently_each_in_order_up_to_the_limit() {
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
        // The handler panics before it returns a future.
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
async fn the_class_of_a_wecom_failure_decides_what_happens() {
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
    assert_eq!(parked[0].shown, parked[0].reason, "WeCom's refusals hold nothing private");
}

#[tokio::test(start_paused = true)]
async fn what_is_shown_of_a_reason_holds_no_customers_words() {
    let park = async |shows_handler_errors: bool| {
        let wecom = FakeWeCom::new(10, ["error", "parked"].map(|id| text(id, id)));
        let store = FakeStore::default();
        let mut builder = builder(&wecom, store.clone()).retry(FailureClass::Unknown, RetryPolicy::never());
        if shows_handler_errors {
            builder = builder.show_handler_errors();
        }
        let (summary, _) = run_through(builder.open().await.unwrap(), |delivery| async move {
            match delivery.id() {
                "error" => Err(std::io::Error::other("客户的话"))?,
                _ => Err(Failure::park("客户的话")),
            }
        })
        .await;
        assert_eq!(summary.parked, 2);
        let parked = store.parked().await;
        assert!(parked.iter().all(|parked| parked.reason == "客户的话"), "the whole reason is stored");
        assert_eq!(format!("{parked:?}").contains("客户的话"), shows_handler_errors);
        parked.into_iter().map(|parked| parked.shown).collect::<Vec<_>>()
    };
    assert_eq!(park(false).await, ["an error of type std::io::error::Error", "a failure that the handler returned"]);
    assert_eq!(park(true).await, ["客户的话", "客户的话"]);
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
async fn a_fresh_welcome_overtakes_only_other_customers() {
    let log = [
        text("a0", "wmA"),
        text("b0", "wmB"),
        text("c0", "wmC"),
        enters("c1", "wmC", now()),
        enters("d0", "wmD", now() - 60),
    ];
    let wecom = FakeWeCom::new(10, log);
    let mut inbox = builder(&wecom, Memory::new()).open().await.unwrap();
    let (ids, _) = drain(&mut inbox, SECOND).await;
    assert_eq!(ids, ["c0", "c1", "a0", "b0", "d0"], "a code that ran out overtakes nobody");
}

#[tokio::test(start_paused = true)]
async fn a_message_without_a_msgid_is_told_apart_by_what_it_says() {
    let without =
        |words: &str| format!(r#"{{"external_userid":"wmA","msgtype":"text","text":{{"content":"{words}"}}}}"#);
    let wecom = FakeWeCom::new(10, [without("one"), without("two"), without("one")]);
    let mut inbox = builder(&wecom, Memory::new()).open().await.unwrap();
    let (ids, _) = drain(&mut inbox, SECOND).await;
    assert!(ids.len() == 2 && ids.iter().all(|id| id.starts_with("raw:") && id.len() == 36), "{ids:?}");
}

#[tokio::test(start_paused = true)]
async fn a_pause_outlives_the_lease_and_ends_with_resume_or_stop() {
    for then_stops in [false, true] {
        let wecom = FakeWeCom::new(1, (0..4).map(|number| text(&format!("m{number}"), &format!("wm{number}"))));
        let store = FakeStore::default();
        let mut inbox = builder(&wecom, store.clone()).open().await.unwrap();
        let handle = inbox.handle();
        inbox.next().await.unwrap().unwrap().ack();
        sleep(SECOND).await;
        handle.pause();
        // Another process reads m1, and leaves.
        let thief = store.steal().await;
        store.moves_on(&thief, Some("c2")).await;
        sleep(SECOND * 15).await;
        store.memory.release(&thief).await.unwrap();
        while let Ok(item) = timeout(SECOND * 100, inbox.next()).await {
            assert!(item.unwrap().is_err(), "nothing is handed out while it is paused");
        }
        assert_eq!(handle.metrics().status, Status::Paused);
        if then_stops {
            handle.stop();
            assert!(timeout(SECOND / 10, inbox.next()).await.expect("it ends").is_none());
            inbox = builder(&wecom, store.clone()).open().await.unwrap();
        } else {
            handle.resume();
        }
        assert_eq!(drain(&mut inbox, SECOND).await.0, ["m2", "m3"]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_ends_while_it_is_paused_and_stopped_counts() {
    let wecom = FakeWeCom::new(1, [text("m0", "wmA"), text("m1", "wmB")]);
    let store = FakeStore::default();
    let mut inbox = builder(&wecom, store.clone()).open().await.unwrap();
    let handle = inbox.handle();
    let held = inbox.next().await.unwrap().unwrap();
    handle.pause();
    handle.stop();
    handle.resume();
    assert!(timeout(SECOND, inbox.next()).await.is_err(), "it waits for the handler, and hands out nothing");
    held.ack();
    assert!(inbox.next().await.is_none());
    assert_eq!(store.settled(), ["m0"]);
}

#[tokio::test(start_paused = true)]
async fn a_handler_knows_for_how_long_its_message_has_been_failing() {
    let wecom = FakeWeCom::new(4, [text("m0", "wm0"), text("m1", "wm1")]);
    let inbox = builder(&wecom, Memory::new()).open().await.unwrap();
    let (noted, failing_for) = (Arc::new(Mutex::new(Vec::new())), |delivery: &Delivery| delivery.failing_for());
    let failing = noted.clone();
    let (summary, _) = run_through(inbox, move |delivery: Delivery| {
        let failing = failing.clone();
        async move {
            if delivery.id() == "m1" {
                assert_eq!(failing_for(&delivery), Duration::ZERO);
                return Ok(());
            }
            failing.lock().unwrap().push(failing_for(&delivery).as_millis());
            // The first attempt itself does not count.
            sleep(SECOND).await;
            if delivery.tries() < 4 { Err(Failure::retry("not yet")) } else { Ok(()) }
        }
    })
    .await;
    assert_eq!((summary.handled, summary.retries), (2, 3));
    // Waits of 0.5, 1 and 2 s; two more attempts of a second.
    assert_eq!(*noted.lock().unwrap(), [0, 500, 2500, 5500]);
}
