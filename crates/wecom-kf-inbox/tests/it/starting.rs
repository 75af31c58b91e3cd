//! Where an inbox begins, and how it ends.

use std::sync::{Arc, Mutex};
use std::time::{Duration, UNIX_EPOCH};

use futures_util::StreamExt;
use tokio::time::{Instant, sleep, timeout};
use wecom_kf_inbox::store::{InboxStore, Memory, ParkedQuery, StoreError};
use wecom_kf_inbox::{ColdStart, Delivery, Error, Failure, Inbox, RetryPolicy, Status};

use crate::fake::{FakeStore, FakeWeCom, KF, builder, callback, client, drain, now, text, text_at};

const SECOND: Duration = Duration::from_secs(1);

/// Returns messages that were sent this many seconds ago, named `m600` and so on, each from a customer of its own.
fn ago(seconds: &[i64]) -> Vec<String> {
    seconds.iter().map(|ago| text_at(&format!("m{ago}"), &format!("wm{ago}"), now() - ago)).collect()
}

async fn opened(wecom: &FakeWeCom, store: &FakeStore, cold_start: ColdStart) -> Inbox {
    builder(wecom, store.clone()).cold_start(cold_start).open().await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn from_now_skips_older_messages_and_everything_skips_none() {
    let minute_ago = UNIX_EPOCH + Duration::from_secs((now() - 300) as u64);
    for (cold_start, expected) in [
        (ColdStart::FromNow, vec!["m30", "m0"]),
        (ColdStart::Since(minute_ago), vec!["m200", "m100", "m30", "m0"]),
        (ColdStart::Everything, vec!["m4000", "m200", "m100", "m30", "m0"]),
    ] {
        let wecom = FakeWeCom::new(2, ago(&[4000, 200, 100, 30, 0]));
        let store = FakeStore::default();
        let mut inbox = opened(&wecom, &store, cold_start).await;
        assert_eq!(drain(&mut inbox, SECOND).await.0, expected, "{cold_start:?}");
        assert_eq!(inbox.metrics().skipped as usize, 5 - expected.len());
        assert_eq!(store.state().await.cursor.as_deref(), Some("c5"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_crash_during_a_cold_start_does_not_move_its_beginning() {
    let wecom = FakeWeCom::new(2, ago(&[4000, 3000, 2000, 1000, 30]));
    let store = FakeStore::default();
    let mut inbox = opened(&wecom, &store, ColdStart::FromNow).await;
    // The first poll commits the start and begins to read. Then the process dies.
    assert!(timeout(Duration::from_micros(10), inbox.next()).await.is_err());
    drop(inbox);
    sleep(SECOND).await;
    let since = store.state().await.since.unwrap();
    assert!((now() - 62..=now() - 58).contains(&since));
    // The setting of a second start no longer matters.
    let mut inbox = opened(&wecom, &store, ColdStart::Everything).await;
    assert_eq!(drain(&mut inbox, SECOND).await.0, ["m30"]);
}

#[tokio::test(start_paused = true)]
async fn the_message_that_woke_a_new_bot_is_delivered_however_late_the_bot_was() {
    // The callback comes before the stream is polled.
    let wecom = FakeWeCom::new(2, ago(&[4000, 630, 600]));
    let store = FakeStore::default();
    let mut inbox = opened(&wecom, &store, ColdStart::FromNow).await;
    inbox.wake(&callback(KF, "T", now() - 600));
    assert_eq!(drain(&mut inbox, SECOND).await.0, ["m630", "m600"]);

    // The callback comes after everything was read.
    let wecom = FakeWeCom::new(2, ago(&[4000, 630, 600, 10]));
    let store = FakeStore::default();
    let mut inbox = opened(&wecom, &store, ColdStart::FromNow).await;
    assert_eq!(drain(&mut inbox, SECOND).await.0, ["m10"]);
    inbox.wake(&callback(KF, "T", now() - 600));
    assert_eq!(drain(&mut inbox, SECOND).await.0, ["m630", "m600"], "and m10 is not repeated");
    assert_eq!(store.state().await.cursor.as_deref(), Some("c4"));

    // A later callback with an earlier time is only late, and announces nothing that was skipped.
    let pulls = wecom.pulls();
    inbox.wake(&callback(KF, "T", now() - 5000));
    assert_eq!(drain(&mut inbox, SECOND).await.0, Vec::<String>::new());
    assert_eq!(wecom.pulls() - pulls, 1);
}

#[tokio::test(start_paused = true)]
async fn a_start_reaches_back_although_the_lease_is_lost_meanwhile() {
    let wecom = FakeWeCom::new(2, ago(&[4000, 630, 600, 10]));
    let store = FakeStore::default();
    let mut inbox = opened(&wecom, &store, ColdStart::FromNow).await;
    assert_eq!(drain(&mut inbox, SECOND).await.0, ["m10"]);
    let thief = store.steal().await;
    inbox.wake(&callback(KF, "T", now() - 600));
    assert_eq!(drain(&mut inbox, SECOND).await.1.len(), 1, "its write is refused");
    store.memory.release(&thief).await.unwrap();
    assert_eq!(drain(&mut inbox, Duration::from_secs(20)).await.0, ["m630", "m600"]);
    assert_eq!(store.state().await.cursor.as_deref(), Some("c4"));
}

#[tokio::test(start_paused = true)]
async fn an_inbox_opened_after_a_drop_reads_within_a_second() {
    let wecom = FakeWeCom::new(2, [text("m0", "wmA")]);
    let store = FakeStore::default();
    let mut inbox = opened(&wecom, &store, ColdStart::Everything).await;
    inbox.next().await.unwrap().unwrap();
    drop(inbox);
    let started = Instant::now();
    let mut inbox = opened(&wecom, &store, ColdStart::Everything).await;
    assert_eq!(inbox.next().await.unwrap().unwrap().id(), "m0");
    assert!(started.elapsed() < SECOND, "{:?}", started.elapsed());
}

#[tokio::test(start_paused = true)]
async fn times_without_end_are_times_that_never_come() {
    let wecom = FakeWeCom::new(2, [text("m0", "wmA"), text("m1", "wmB")]);
    let store = FakeStore::default();
    let never = Duration::MAX;
    let inbox = builder(&wecom, store.clone()).poll(never).lease(never).stop_within(never);
    let mut inbox = inbox.retries(RetryPolicy::within(never).at_most(2)).keep_parked(never).open().await.unwrap();
    for _ in 0..2 {
        let delivery = inbox.next().await.unwrap().unwrap();
        if delivery.id() == "m0" { delivery.ack() } else { delivery.retry_later() }
    }
    inbox.next().await.unwrap().unwrap().retry_later();
    assert_eq!(drain(&mut inbox, SECOND).await.0, Vec::<String>::new());
    assert_eq!((store.parked().await.len(), wecom.pulls()), (1, 1));
    inbox.handle().stop();
    assert!(inbox.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_restart_continues_from_what_is_stored_and_filters_repeats() {
    let wecom = FakeWeCom::new(2, (0..6).map(|number| text(&format!("m{number}"), "wmA")));
    let store = FakeStore::default();
    for (patience, expected) in [(SECOND, ["m0", "m1", "m2"]), (Duration::ZERO, ["m3", "m4", "m5"])] {
        let mut inbox = opened(&wecom, &store, ColdStart::Everything).await;
        for expected in expected {
            let delivery = inbox.next().await.unwrap().unwrap();
            assert_eq!(delivery.id(), expected);
            delivery.ack();
        }
        sleep(patience).await;
        drop(inbox);
        sleep(SECOND).await;
    }
    assert_eq!(
        store.settled(),
        ["m0", "m1", "m2", "m3"],
        "what was acknowledged in the last half second is not stored"
    );
    let mut inbox = opened(&wecom, &store, ColdStart::FromNow).await;
    assert_eq!(drain(&mut inbox, SECOND).await.0, ["m4", "m5"], "it is repeated");
    // WeCom returns an old message again.
    wecom.add([text("m3", "wmA"), text("m6", "wmA")]);
    assert_eq!(drain(&mut inbox, Duration::from_secs(31)).await.0, ["m6"]);
    assert!(inbox.metrics().duplicates >= 1);
}

#[tokio::test(start_paused = true)]
async fn a_stop_hands_out_nothing_new_and_lets_what_is_in_progress_end() {
    let wecom = FakeWeCom::new(4, (0..40).map(|number| text(&format!("m{number:02}"), &format!("wm{number}"))));
    let store = FakeStore::default();
    let inbox = builder(&wecom, store.clone()).concurrency(3).open().await.unwrap();
    let started = Instant::now();
    let begun = Arc::new(Mutex::new(Vec::new()));
    let noted = begun.clone();
    let summary = inbox
        .run_until(sleep(Duration::from_millis(4500)), move |_| {
            noted.lock().unwrap().push(started.elapsed());
            async {
                sleep(SECOND * 3).await;
                Ok(())
            }
        })
        .await
        .unwrap();
    assert!(started.elapsed() < Duration::from_millis(6100), "{:?}", started.elapsed());
    let begun = begun.lock().unwrap().clone();
    assert!(begun.len() == 6 && begun.iter().all(|at| *at < Duration::from_millis(4500)), "{begun:?}");
    assert_eq!((summary.handled, summary.parked, summary.left), (6, 0, 34), "none was aborted");
    let mut inbox = opened(&wecom, &store, ColdStart::Everything).await;
    assert_eq!(inbox.next().await.unwrap().unwrap().id(), "m06", "at once: the lease was released");
}

#[tokio::test(start_paused = true)]
async fn a_stop_does_not_wait_for_a_message_that_waits_for_a_retry() {
    let wecom = FakeWeCom::new(4, [text("m0", "wmA"), text("m1", "wmB")]);
    let store = FakeStore::default();
    let inbox = opened(&wecom, &store, ColdStart::Everything).await;
    let started = Instant::now();
    let fails =
        |delivery: Delivery| async move { if delivery.id() == "m0" { Err(Failure::retry("no")) } else { Ok(()) } };
    let summary = inbox.run_until(sleep(SECOND * 10), fails).await.unwrap();
    assert!(started.elapsed() < SECOND * 10 + SECOND / 10, "{:?}", started.elapsed());
    assert_eq!((summary.handled, summary.parked, summary.left), (1, 0, 1));
    let mut inbox = opened(&wecom, &store, ColdStart::Everything).await;
    assert_eq!(drain(&mut inbox, SECOND).await.0, ["m0"]);
}

#[tokio::test(start_paused = true)]
async fn a_stop_waits_for_a_running_handler_and_not_for_a_due_retry() {
    let wecom = FakeWeCom::new(4, [text("slow", "wmA"), text("fails", "wmB"), text("m2", "wmB")]);
    let store = FakeStore::default();
    let inbox = opened(&wecom, &store, ColdStart::Everything).await;
    let started = Instant::now();
    let begun = Arc::new(Mutex::new(Vec::new()));
    let noted = begun.clone();
    let summary = inbox
        .run_until(sleep(SECOND / 4), move |delivery| {
            noted.lock().unwrap().push(delivery.id().to_owned());
            async move {
                if delivery.id() == "fails" {
                    return Err(Failure::retry("no"));
                }
                sleep(SECOND * 3).await;
                Ok(())
            }
        })
        .await
        .unwrap();
    assert!((3000..3200).contains(&started.elapsed().as_millis()), "{:?}", started.elapsed());
    assert_eq!(*begun.lock().unwrap(), ["slow", "fails"]);
    assert_eq!((summary.handled, summary.left), (1, 2));
}

#[tokio::test(start_paused = true)]
async fn a_standby_reads_at_once_after_a_stop() {
    let wecom = FakeWeCom::new(4, [text("m0", "wmA"), text("m1", "wmB")]);
    let store = FakeStore::default();
    let mut first = opened(&wecom, &store, ColdStart::Everything).await;
    let mut second = opened(&wecom, &store, ColdStart::Everything).await;
    first.next().await.unwrap().unwrap().ack();
    let held = first.next().await.unwrap().unwrap();
    assert!(timeout(SECOND * 600, second.next()).await.is_err(), "it stands by");
    first.handle().stop();
    let started = Instant::now();
    let ends = async {
        sleep(SECOND).await;
        drop(held);
        assert!(first.next().await.is_none());
        Instant::now()
    };
    let (ended_at, next) = tokio::join!(ends, second.next());
    assert_eq!(next.unwrap().unwrap().id(), "m1");
    assert!(ended_at - started < SECOND + SECOND / 10);
    assert!(ended_at.elapsed() < SECOND / 2, "{:?} after the stop", ended_at.elapsed());
}

#[tokio::test(start_paused = true)]
async fn what_a_stop_cannot_wait_for_is_repeated_and_nothing_else() {
    let wecom = FakeWeCom::new(4, (0..4).map(|number| text(&format!("m{number}"), &format!("wm{number}"))));
    let store = FakeStore::default();
    let inbox = opened(&wecom, &store, ColdStart::Everything).await;
    let started = Instant::now();
    let summary = inbox
        .run_until(sleep(SECOND), |delivery| async move {
            if delivery.id() == "m2" {
                sleep(SECOND * 3600).await;
            }
            Ok(())
        })
        .await
        .unwrap();
    assert_eq!(started.elapsed().as_secs(), 21, "20 s after the stop");
    assert_eq!(summary.to_string(), "handled 3, parked 0, left 1");
    assert_eq!(store.state().await.cursor, None);
    let mut inbox = opened(&wecom, &store, ColdStart::Everything).await;
    assert_eq!(drain(&mut inbox, SECOND).await.0, ["m2"]);
    assert_eq!(store.state().await.cursor.as_deref(), Some("c4"));
}

#[tokio::test(start_paused = true)]
async fn a_stop_keeps_parked_messages_and_replays() {
    let wecom = FakeWeCom::new(4, [text("m0", "wmA"), text("m1", "wmB")]);
    let store = FakeStore::default();
    let mut inbox = opened(&wecom, &store, ColdStart::Everything).await;
    inbox.next().await.unwrap().unwrap().park("look at this");
    let _held = inbox.next().await.unwrap().unwrap();
    inbox.handle().stop();
    assert!(inbox.next().await.is_none());
    assert_eq!(store.parked().await.iter().map(|parked| parked.id.as_str()).collect::<Vec<_>>(), ["m0"]);

    let mut inbox = opened(&wecom, &store, ColdStart::Everything).await;
    let held = inbox.next().await.unwrap().unwrap();
    assert_eq!(held.id(), "m1");
    assert!(inbox.handle().replay("m0").await.unwrap());
    inbox.next().await.unwrap().unwrap().ack();
    inbox.handle().stop();
    assert!(inbox.next().await.is_none());
    assert_eq!((store.parked().await.len(), store.state().await.cursor), (0, None));
}

#[tokio::test(start_paused = true)]
async fn a_stop_while_the_store_is_down_ends_in_time_and_says_what_is_left() {
    for is_back in [false, true] {
        let wecom = FakeWeCom::new(1, [text("m0", "wmA"), text("m1", "wmB")]);
        let store = FakeStore::default();
        let mut inbox = opened(&wecom, &store, ColdStart::Everything).await;
        let first = inbox.next().await.unwrap().unwrap();
        let second = inbox.next().await.unwrap().unwrap();
        store.fail_next(usize::MAX);
        first.ack();
        assert!(inbox.next().await.unwrap().is_err());
        second.ack();
        inbox.handle().stop();
        let started = Instant::now();
        while let Ok(Some(item)) = timeout(SECOND * 7, inbox.next()).await {
            assert!(item.is_err());
        }
        if is_back {
            store.fail_next(0);
        }
        assert!(timeout(SECOND * 60, inbox.next()).await.expect("it ends").is_none());
        assert!(started.elapsed() <= SECOND * 20 + SECOND / 10, "{:?}", started.elapsed());
        assert_eq!(store.state().await.cursor, is_back.then(|| "c2".to_owned()));
        assert_eq!(inbox.metrics().lag_messages, if is_back { 0 } else { 2 }, "what is not stored is left");
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_ends_after_a_stop_when_everything_that_is_out_was_answered() {
    let wecom = FakeWeCom::new(2, (0..4).map(|number| text(&format!("m{number}"), &format!("wm{number}"))));
    let store = FakeStore::default();
    let mut inbox = opened(&wecom, &store, ColdStart::Everything).await;
    let (first, second) = (inbox.next().await.unwrap().unwrap(), inbox.next().await.unwrap().unwrap());
    inbox.handle().stop();
    assert!(timeout(SECOND, inbox.next()).await.is_err(), "nothing new is handed out");
    first.ack();
    second.ack();
    assert!(inbox.next().await.is_none());
    assert!(inbox.next().await.is_none());
    assert_eq!(store.state().await.cursor.as_deref(), Some("c2"));
    assert_eq!(store.state().await.settled, ["m0", "m1"]);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_down_at_the_start_is_waited_for_visibly() {
    let wecom = FakeWeCom::new(2, [text("m0", "wmA")]);
    let store = FakeStore::default();
    store.fail_next_loads(5);
    let mut inbox = opened(&wecom, &store, ColdStart::Everything).await;
    assert!(matches!(inbox.next().await, Some(Err(Error::Store(StoreError::Down(_))))));
    assert_eq!(inbox.metrics().status, Status::StoreIsDown);
    assert_eq!(drain(&mut inbox, SECOND * 30).await.0, ["m0"]);
}

#[tokio::test(start_paused = true)]
async fn settings_that_cannot_be_are_refused() {
    let build = || Inbox::builder(client(), KF).source(FakeWeCom::new(1, [])).store(Memory::new());
    for bad in [
        build().concurrency(0),
        build().retries(RetryPolicy::within(SECOND).at_most(0)),
        build().max_unsettled(0),
        build().lease(Duration::ZERO),
        build().poll(Duration::ZERO),
    ] {
        assert!(matches!(bad.open().await, Err(Error::Settings(_))));
    }
}

#[tokio::test(start_paused = true)]
async fn every_future_of_an_inbox_can_be_spawned() {
    fn spawnable<T: Send + 'static>(future: T) -> T {
        future
    }
    let inbox = spawnable(Inbox::builder(client(), KF).source(FakeWeCom::new(1, [])).open()).await.unwrap();
    let handle = inbox.handle();
    drop(spawnable(async move {
        (handle.parked(&ParkedQuery::first(1)).await, handle.replay("").await, handle.replay_all(|_| true).await)
    }));
    drop(spawnable(inbox.run_until(async {}, |delivery| async move {
        delivery.reply("hi").await?;
        delivery.reply("hi").named("answer").await?;
        delivery.welcome("hi").await?;
        Ok(())
    })));
}

#[tokio::test(start_paused = true)]
async fn a_stop_ends_at_once_wherever_the_engine_waits() {
    for wherever in
        ["paused", "stands by", "cannot load", "store is down", "waits for a stray", "gives time to another"]
    {
        let wecom = FakeWeCom::new(1, (0..3).map(|number| text(&format!("m{number}"), &format!("wm{number}"))));
        let store = FakeStore::default();
        let other = (wherever == "stands by" || wherever == "gives time to another")
            .then_some(opened(&wecom, &store, ColdStart::Everything).await);
        let mut other = other;
        if let Some(other) = &mut other {
            other.next().await.unwrap().unwrap().ack();
            sleep(SECOND).await;
        }
        if wherever == "cannot load" {
            store.fail_next_loads(1000);
        }
        let mut inbox = opened(&wecom, &store, ColdStart::Everything).await;
        let handle = inbox.handle();
        let mut held = None;
        match wherever {
            "stands by" => {}
            "gives time to another" => {
                assert!(timeout(SECOND, inbox.next()).await.is_err());
                drop(other.take());
                store.memory.forget();
            }
            "cannot load" => assert!(inbox.next().await.unwrap().is_err()),
            _ => held = Some(inbox.next().await.unwrap().unwrap()),
        }
        match wherever {
            "paused" => {
                handle.pause();
                drop(held.take());
            }
            "store is down" => {
                store.fail_next(1000);
                held.take().unwrap().ack();
            }
            "waits for a stray" => {
                let thief = store.steal().await;
                store.moves_on(&thief, None).await;
                sleep(SECOND * 11).await;
                store.memory.release(&thief).await.unwrap();
            }
            _ => {}
        }
        while let Ok(item) = timeout(SECOND * 3, inbox.next()).await {
            assert!(item.unwrap().is_err(), "{wherever}: nothing is handed out");
        }
        let (stopped_at, status) = (Instant::now(), handle.metrics().status);
        handle.stop();
        while inbox.next().await.is_some() {}
        let limit = if wherever == "store is down" { SECOND * 20 } else { SECOND / 10 };
        assert!(stopped_at.elapsed() <= limit, "{wherever}, {status:?}: {:?}", stopped_at.elapsed());
        assert_eq!(handle.metrics().status, Status::Stopped);
    }
}
