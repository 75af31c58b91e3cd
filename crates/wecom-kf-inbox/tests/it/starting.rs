//! Where an inbox begins, and how it ends.

use std::time::{Duration, UNIX_EPOCH};

use futures_util::StreamExt;
use tokio::time::{Instant, sleep, timeout};
use wecom_kf_inbox::store::{InboxStore, Memory};
use wecom_kf_inbox::{ColdStart, Error, Inbox};

use crate::fake::{FakeStore, FakeWeCom, KF, builder, client, now, text, text_at};
use crate::reading::{callback, drain};

const SECOND: Duration = Duration::from_secs(1);

/// m600 was sent 600 seconds ago, and so on; of customers of their own.
fn ago(seconds: &[i64]) -> Vec<String> {
    seconds.iter().map(|ago| text_at(&format!("m{ago}"), &format!("wm{ago}"), now() - ago)).collect()
}

async fn opened(wecom: &FakeWeCom, store: &FakeStore, cold_start: ColdStart) -> Inbox {
    builder(wecom, store.clone()).cold_start(cold_start).open().await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn from_now_passes_over_what_is_older_than_a_minute_and_everything_passes_over_nothing() {
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
async fn where_a_cold_start_began_is_kept_so_that_a_crash_in_the_middle_moves_nothing() {
    let wecom = FakeWeCom::new(2, ago(&[4000, 3000, 2000, 1000, 30]));
    let store = FakeStore::default();
    let mut inbox = opened(&wecom, &store, ColdStart::FromNow).await;
    // The first step commits the start and reads; then the process dies.
    assert!(timeout(Duration::from_micros(10), inbox.next()).await.is_err());
    drop(inbox);
    sleep(SECOND).await;
    let since = store.state().await.since.unwrap();
    assert!((now() - 62..=now() - 58).contains(&since));
    // What a second start says does not matter any more.
    let mut inbox = opened(&wecom, &store, ColdStart::Everything).await;
    assert_eq!(drain(&mut inbox, SECOND).await.0, ["m30"]);
}

#[tokio::test(start_paused = true)]
async fn the_message_that_woke_a_new_bot_is_delivered_however_late_the_bot_was() {
    // Woken before it was polled.
    let wecom = FakeWeCom::new(2, ago(&[4000, 630, 600]));
    let store = FakeStore::default();
    let mut inbox = opened(&wecom, &store, ColdStart::FromNow).await;
    inbox.wake(&callback(KF, "T", now() - 600));
    assert_eq!(drain(&mut inbox, SECOND).await.0, ["m630", "m600"]);

    // Woken when everything was read already.
    let wecom = FakeWeCom::new(2, ago(&[4000, 630, 600, 10]));
    let store = FakeStore::default();
    let mut inbox = opened(&wecom, &store, ColdStart::FromNow).await;
    assert_eq!(drain(&mut inbox, SECOND).await.0, ["m10"]);
    inbox.wake(&callback(KF, "T", now() - 600));
    assert_eq!(drain(&mut inbox, SECOND).await.0, ["m630", "m600"], "and m10 is not repeated");
    assert_eq!(store.state().await.cursor.as_deref(), Some("c4"));

    // A later callback of that kind is late, and tells of nothing that was passed over.
    let pulls = wecom.pulls();
    inbox.wake(&callback(KF, "T", now() - 5000));
    assert_eq!(drain(&mut inbox, SECOND).await.0, Vec::<String>::new());
    assert_eq!(wecom.pulls() - pulls, 1);
}

#[tokio::test(start_paused = true)]
async fn a_start_that_reaches_back_does_so_too_when_the_lease_goes_before_that_is_written() {
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
async fn an_inbox_that_is_opened_right_after_another_was_dropped_reads_within_a_second() {
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
    let mut inbox = inbox.tries(2, never).keep_parked(never).open().await.unwrap();
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
async fn a_restart_goes_on_from_the_cursor_and_filters_repeats() {
    let wecom = FakeWeCom::new(2, (0..5).map(|number| text(&format!("m{number}"), "wmA")));
    let store = FakeStore::default();
    let mut inbox = opened(&wecom, &store, ColdStart::Everything).await;
    for expected in ["m0", "m1", "m2"] {
        let delivery = inbox.next().await.unwrap().unwrap();
        assert_eq!(delivery.id(), expected);
        delivery.ack();
    }
    // m2 was acknowledged, its page was not: a crash repeats it.
    drop(inbox);
    sleep(SECOND).await;
    let mut inbox = opened(&wecom, &store, ColdStart::FromNow).await;
    assert_eq!(drain(&mut inbox, SECOND).await.0, ["m2", "m3", "m4"]);
    // WeCom gives an old page again.
    wecom.add([text("m3", "wmA"), text("m5", "wmA")]);
    assert_eq!(drain(&mut inbox, Duration::from_secs(31)).await.0, ["m5"]);
    assert_eq!(inbox.metrics().duplicates, 1);
}

#[tokio::test(start_paused = true)]
async fn a_stop_finishes_the_page_at_work_commits_and_ends() {
    let wecom = FakeWeCom::new(4, (0..12).map(|number| text(&format!("m{number}"), "wmA")));
    let store = FakeStore::default();
    let inbox = opened(&wecom, &store, ColdStart::Everything).await;
    let stop = sleep(Duration::from_millis(1500));
    let summary = inbox
        .run_until(stop, |_| async {
            sleep(Duration::from_millis(250)).await;
            Ok(())
        })
        .await
        .unwrap();
    // At 1.5 s the sixth message was at work.
    assert_eq!(summary.to_string(), "handled 8, parked 0, left 0");
    assert_eq!(store.state().await.cursor.as_deref(), Some("c8"));
    let mut inbox = opened(&wecom, &store, ColdStart::Everything).await;
    assert_eq!(inbox.next().await.unwrap().unwrap().id(), "m8", "at once: the lease was given back");
}

#[tokio::test(start_paused = true)]
async fn what_a_stop_cannot_wait_for_is_repeated_and_nothing_else_of_its_page() {
    let wecom = FakeWeCom::new(4, (0..4).map(|number| text(&format!("m{number}"), &format!("wm{number}"))));
    let store = FakeStore::default();
    let inbox = opened(&wecom, &store, ColdStart::Everything).await;
    let started = Instant::now();
    let summary = inbox
        .run_until(sleep(SECOND), |delivery| async move {
            if delivery.id() == "m2" {
                sleep(Duration::from_secs(3600)).await;
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
async fn a_stop_keeps_what_was_parked_and_replayed_while_another_message_of_the_page_is_not_answered() {
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
async fn a_stop_while_the_store_is_down_ends_in_time_and_writes_all_that_was_answered_if_the_store_is_back() {
    for is_back in [false, true] {
        let wecom = FakeWeCom::new(1, [text("m0", "wmA"), text("m1", "wmB")]);
        let store = FakeStore::default();
        let mut inbox = opened(&wecom, &store, ColdStart::Everything).await;
        let first = inbox.next().await.unwrap().unwrap();
        // It takes long, so that the page ahead is put to work.
        let second = inbox.next().await.unwrap().unwrap();
        store.fail_next(usize::MAX);
        first.ack();
        assert!(inbox.next().await.unwrap().is_err());
        second.ack();
        inbox.handle().stop();
        let started = Instant::now();
        while let Ok(Some(item)) = timeout(Duration::from_secs(7), inbox.next()).await {
            assert!(item.is_err());
        }
        if is_back {
            store.fail_next(0);
        }
        assert!(timeout(Duration::from_secs(60), inbox.next()).await.expect("it ends").is_none());
        assert_eq!(started.elapsed().as_secs(), 20);
        assert_eq!(store.state().await.cursor, is_back.then(|| "c2".to_owned()));
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_ends_after_a_stop_when_what_is_out_was_answered() {
    let wecom = FakeWeCom::new(2, (0..4).map(|number| text(&format!("m{number}"), &format!("wm{number}"))));
    let store = FakeStore::default();
    let mut inbox = opened(&wecom, &store, ColdStart::Everything).await;
    let first = inbox.next().await.unwrap().unwrap();
    inbox.handle().stop();
    let second = inbox.next().await.unwrap().unwrap();
    first.ack();
    second.ack();
    assert!(inbox.next().await.is_none());
    assert!(inbox.next().await.is_none());
    assert_eq!(store.state().await.cursor.as_deref(), Some("c2"));
    assert_eq!(store.state().await.settled, ["m0", "m1"]);
}

#[tokio::test(start_paused = true)]
async fn settings_that_cannot_be_are_refused() {
    let build = || Inbox::builder(client(), KF).source(FakeWeCom::new(1, [])).store(Memory::new());
    for bad in
        [build().concurrency(0), build().tries(0, SECOND), build().lease(Duration::ZERO), build().poll(Duration::ZERO)]
    {
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
    drop(spawnable(async move { (handle.parked().await, handle.replay("").await) }));
    drop(spawnable(inbox.run_until(async {}, |delivery| async move {
        delivery.reply(wecom_kf::message::Text::new("hi")?).await?;
        delivery.welcome(wecom_kf::message::Text::new("hi")?).await?;
        Ok(())
    })));
}
