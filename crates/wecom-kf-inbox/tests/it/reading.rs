//! What the inbox requests from WeCom, and when.

use std::time::Duration;

use futures_util::StreamExt;
use tokio::time::{Instant, sleep};
use wecom_kf::ErrCode;
use wecom_kf::messages::Content;
use wecom_kf_inbox::store::{Memory, ParkedKind};
use wecom_kf_inbox::{ColdStart, Error, InboxBuilder, Status, UnreadableThen};

use crate::fake::{Answer, FakeStore, FakeWeCom, KF, builder, callback, caught_up, drain, now, text, text_at};

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn an_empty_page_with_has_more_is_not_the_end_and_without_it_is() {
    let wecom = FakeWeCom::new(2, (0..5).map(|number| text(&format!("m{number}"), "wmA")));
    let wecom = wecom.empty_before(0).empty_before(2).empty_before(4);
    let mut inbox = builder(&wecom, Memory::new()).open().await.unwrap();
    let (ids, errors) = drain(&mut inbox, SECOND).await;
    assert_eq!(ids, ["m0", "m1", "m2", "m3", "m4"]);
    assert!(errors.is_empty());
    assert_eq!(wecom.pulls(), 6, "three pages, three empty ones, then no more");
}

#[tokio::test(start_paused = true)]
async fn a_cursor_that_stands_still_ends_the_reading_whatever_has_more_says() {
    let wecom = FakeWeCom::new(10, [text("m0", "wmA")]);
    let message = text("x", "wmA");
    let store = FakeStore::default();
    let mut inbox = builder(&wecom, store.clone()).open().await.unwrap();
    assert_eq!(drain(&mut inbox, SECOND).await.0, ["m0"]);
    for cursor in [r#","next_cursor":"c1""#, r#","next_cursor":"""#, ""] {
        let before = wecom.pulls();
        wecom.fault(Answer::Body(format!(r#"{{"errcode":0{cursor},"has_more":1,"msg_list":[{message}]}}"#)));
        inbox.wake(&callback(KF, "T", now()));
        drain(&mut inbox, SECOND).await;
        assert_eq!(wecom.pulls() - before, 1);
    }
    assert_eq!(store.state().await.cursor.as_deref(), Some("c1"), "no empty cursor is stored");
    assert_eq!(inbox.metrics().duplicates, 2, "the same message on a page that stands still comes once");
    assert_eq!(inbox.metrics().acked, 2);
}

#[tokio::test(start_paused = true)]
async fn one_odd_message_among_many_costs_itself_only_and_the_cursor_moves_on() {
    let mut log: Vec<String> = (0..1000).map(|number| text(&format!("m{number}"), &format!("wm{number}"))).collect();
    log[500] = r#"{"msgid":17,"msgtype":["?"],"text":"odd"}"#.to_owned();
    let wecom = FakeWeCom::new(1000, log);
    let store = FakeStore::default();
    let mut inbox = builder(&wecom, store.clone()).open().await.unwrap();
    let (mut texts, mut unknown) = (0, Vec::new());
    while let Ok(Some(item)) = tokio::time::timeout(SECOND, inbox.next()).await {
        let delivery = item.unwrap();
        match delivery.content() {
            Content::Text(_) => texts += 1,
            _ => unknown.push(delivery.message().raw().to_owned()),
        }
        delivery.ack();
    }
    assert_eq!((texts, unknown.len()), (999, 1));
    assert!(unknown[0].contains("odd"), "its JSON is at hand");
    assert_eq!(store.state().await.cursor.as_deref(), Some("c1000"));
}

#[tokio::test(start_paused = true)]
async fn an_error_is_an_item_and_the_page_is_read_again_with_backoff() {
    let wecom = FakeWeCom::new(1, [text("m0", "wmA")]).delay(Duration::ZERO);
    let mut inbox = builder(&wecom, Memory::new()).open().await.unwrap();
    inbox.next().await.unwrap().unwrap().ack();
    wecom.add([text("m1", "wmA")]);
    for _ in 0..8 {
        wecom.fault(Answer::Errcode(-1));
    }
    inbox.wake(&callback(KF, "T", now()));
    let (ids, errors) = drain(&mut inbox, Duration::from_secs(31)).await;
    assert_eq!(ids, ["m1"]);
    assert_eq!(errors.len(), 8);
    assert!(errors.iter().all(|error| matches!(error, Error::Read(cause) if cause.code() == Some(ErrCode(-1)))));
    let cursors: Vec<_> = wecom.requests()[1..10].iter().map(|request| request.cursor.clone().unwrap()).collect();
    assert_eq!(cursors, ["c1"; 9], "always the same place");
    assert_eq!(wecom.waits()[1..9], [800, 1600, 3200, 6400, 12_800, 25_600, 30_000, 30_000]);
    assert!(inbox.metrics().last_error.unwrap().text.contains("-1"));
}

#[tokio::test(start_paused = true)]
async fn the_waits_begin_anew_after_120_seconds_without_an_error() {
    let wecom = FakeWeCom::new(1, []).delay(Duration::ZERO);
    let mut inbox = builder(&wecom, Memory::new()).poll(Duration::from_secs(10)).open().await.unwrap();
    wecom.fault(Answer::Errcode(-1));
    wecom.fault(Answer::Errcode(-1));
    let until = Instant::now() + Duration::from_secs(150);
    while Instant::now() < until {
        let _ = tokio::time::timeout_at(until, inbox.next()).await;
    }
    wecom.fault(Answer::Errcode(-1));
    let before = wecom.waits().len();
    drain(&mut inbox, Duration::from_secs(20)).await;
    let waits = wecom.waits();
    assert_eq!((waits[0], waits[1]), (800, 1600));
    assert!(waits[before..].contains(&800), "{waits:?}");
}

#[tokio::test(start_paused = true)]
async fn a_callback_is_read_at_once_with_its_token_on_all_pages_of_that_reading() {
    let wecom = FakeWeCom::new(1, []).delay(Duration::ZERO);
    let mut inbox = builder(&wecom, Memory::new()).open().await.unwrap();
    drain(&mut inbox, SECOND).await;
    let before = wecom.pulls();
    wecom.add([text("m0", "wmA"), text("m1", "wmA")]);
    let asked_at = Instant::now();
    assert!(inbox.wake(&callback(KF, "T1", now())));
    assert!(!inbox.wake(&callback("wkOther", "T2", now())), "another account's");
    assert_eq!(drain(&mut inbox, SECOND).await.0, ["m0", "m1"]);
    assert!(asked_at.elapsed() < 2 * SECOND);
    let tokens: Vec<_> =
        wecom.requests()[before..].iter().map(|request| request.token.as_ref().unwrap().expose().to_owned()).collect();
    assert_eq!(tokens, ["T1", "T1"]);
    drain(&mut inbox, Duration::from_secs(31)).await;
    assert!(wecom.requests().last().unwrap().token.is_none(), "the poll after it has none");
}

#[tokio::test(start_paused = true)]
async fn fifty_callbacks_at_once_cause_two_reads_and_miss_nothing() {
    let wecom = FakeWeCom::new(100, []).delay(Duration::from_millis(100));
    let inbox = builder(&wecom, Memory::new()).open().await.unwrap();
    let handle = inbox.handle();
    let run = tokio::spawn(inbox.run(|_| async { Ok(()) }));
    caught_up(&handle).await;
    let before = wecom.pulls();
    for number in 0..50 {
        wecom.add([text(&format!("m{number}"), &format!("wm{number}"))]);
        assert!(handle.wake(&callback(KF, &format!("T{number}"), now())));
        sleep(Duration::from_millis(1)).await;
    }
    caught_up(&handle).await;
    sleep(SECOND).await;
    assert_eq!(wecom.pulls() - before, 2);
    assert_eq!(wecom.most_running(), 1);
    assert_eq!(handle.metrics().acked, 50);
    handle.stop();
    assert_eq!(run.await.unwrap().unwrap().to_string(), "handled 50, parked 0, left 0");
}

#[tokio::test(start_paused = true)]
async fn a_page_is_read_without_the_callbacks_token_if_it_is_refused() {
    for errcode in [95007, 95012] {
        the_same_page_is_read_without_a_token_refused_with(errcode).await;
    }
}

async fn the_same_page_is_read_without_a_token_refused_with(errcode: i32) {
    let wecom = FakeWeCom::new(10, []).delay(Duration::ZERO);
    let mut inbox = builder(&wecom, Memory::new()).open().await.unwrap();
    drain(&mut inbox, SECOND).await;
    let before = wecom.pulls();
    wecom.add([text("m0", "wmA")]);
    wecom.fault(Answer::Errcode(errcode));
    inbox.wake(&callback(KF, "old", now()));
    let (ids, errors) = drain(&mut inbox, SECOND).await;
    assert_eq!((ids.len(), errors.len()), (1, 0));
    let tokens: Vec<_> = wecom.requests()[before..].iter().map(|request| request.token.is_some()).collect();
    assert_eq!(tokens, [true, false], "{errcode}");
    // If the read without a token is refused too, that is an ordinary error, and the next read waits.
    wecom.fault(Answer::Errcode(errcode));
    wecom.fault(Answer::Errcode(errcode));
    inbox.wake(&callback(KF, "old", now()));
    assert_eq!(drain(&mut inbox, SECOND).await.1.len(), 1);
    assert_eq!(*wecom.waits().last().unwrap(), 800);
}

#[tokio::test(start_paused = true)]
async fn a_slow_poll_finds_what_no_callback_told() {
    let wecom = FakeWeCom::new(10, []).delay(Duration::ZERO);
    let mut inbox = builder(&wecom, Memory::new()).open().await.unwrap();
    drain(&mut inbox, SECOND).await;
    wecom.add([text("m0", "wmA")]);
    assert_eq!(drain(&mut inbox, Duration::from_secs(31)).await.0, ["m0"]);
    assert_eq!(wecom.waits()[0], 30_000);
}

#[tokio::test(start_paused = true)]
async fn it_reads_ahead_until_the_window_is_full() {
    let wecom = FakeWeCom::new(10, (0..100).map(|number| text(&format!("m{number}"), &format!("wm{number}"))));
    let mut inbox = builder(&wecom, Memory::new()).max_unsettled(25).open().await.unwrap();
    let first = inbox.next().await.unwrap().unwrap();
    // Meanwhile nobody polls the stream.
    sleep(SECOND).await;
    assert_eq!((wecom.pulls(), inbox.metrics().lag_messages), (3, 30), "by less than a page more than the window has");
    let mut held = Vec::new();
    for settled in 1..10 {
        let delivery = inbox.next().await.unwrap().unwrap();
        if settled < 6 { delivery.ack() } else { held.push(delivery) }
    }
    sleep(SECOND).await;
    assert_eq!(wecom.pulls(), 3, "25 of them are still unsettled");
    first.ack();
    sleep(SECOND).await;
    assert_eq!((wecom.pulls(), inbox.metrics().lag_messages), (4, 34));
}

#[tokio::test(start_paused = true)]
async fn fetching_and_handling_overlap() {
    let wecom = FakeWeCom::new(1, (0..10).map(|number| text(&format!("m{number}"), "wmA")));
    let wecom = wecom.delay(Duration::from_millis(20));
    let mut inbox = builder(&wecom, Memory::new()).open().await.unwrap();
    let first = inbox.next().await.unwrap().unwrap();
    let started = Instant::now();
    first.ack();
    for _ in 0..9 {
        let delivery = inbox.next().await.unwrap().unwrap();
        sleep(Duration::from_millis(30)).await;
        delivery.ack();
    }
    // The time is nine times the longer of 20 and 30 ms, not their sum.
    let took = started.elapsed().as_millis();
    assert!((270..300).contains(&took), "{took} ms");
}

#[tokio::test(start_paused = true)]
async fn circular_cursors_are_told_once_and_read_at_the_pace_of_polls() {
    let old = text_at("old", "wmA", now() - 3600);
    let of_servicer = text("servicer", "wmA").replace("\"origin\":3", "\"origin\":5");
    // The number of pages in the circle, and the content of each.
    for (length, holds) in [(2, ""), (3, ""), (50, ""), (2, &*old), (3, &old), (50, &old), (3, &of_servicer)] {
        let (wecom, store) = (FakeWeCom::new(1, []), FakeStore::default());
        for number in 0..2000 {
            let cursor = number % length;
            let body = format!(r#"{{"errcode":0,"next_cursor":"x{cursor}","has_more":1,"msg_list":[{holds}]}}"#);
            wecom.fault(Answer::Body(body));
        }
        let builder = builder(&wecom, store.clone()).cold_start(ColdStart::FromNow);
        let errors = calls_in_ten_minutes(builder, &wecom, &store, length + 30).await;
        // A long circle of empty pages is read so slowly that the circle is not complete by then.
        assert_eq!(errors.len(), usize::from(length < 50 || !holds.is_empty()), "{length} {holds}: {errors:?}");
        assert!(errors.iter().all(|error| matches!(error, Error::CursorCircle)));
    }
}

#[tokio::test(start_paused = true)]
async fn empty_pages_without_end_are_read_at_the_pace_of_polls() {
    let (wecom, store) = (FakeWeCom::new(1, []), FakeStore::default());
    for number in 0..2000 {
        let body = format!(r#"{{"errcode":0,"next_cursor":"x{number}","has_more":1,"msg_list":[]}}"#);
        wecom.fault(Answer::Body(body));
    }
    let errors = calls_in_ten_minutes(builder(&wecom, store.clone()), &wecom, &store, 30).await;
    assert!(errors.is_empty(), "{errors:?}");
}

/// Reads for ten minutes. Then a message and its callback come. Returns the errors.
async fn calls_in_ten_minutes(builder: InboxBuilder, wecom: &FakeWeCom, store: &FakeStore, most: usize) -> Vec<Error> {
    let mut inbox = builder.open().await.unwrap();
    let until = Instant::now() + 10 * Duration::from_secs(60);
    let mut errors = Vec::new();
    while let Ok(item) = tokio::time::timeout_at(until, inbox.next()).await {
        errors.push(item.unwrap().unwrap_err());
    }
    assert!((15..=most).contains(&wecom.pulls()), "{} calls in ten minutes", wecom.pulls());
    assert!(store.commits().len() <= wecom.pulls() + 1);
    wecom.clear_faults(0);
    wecom.add([text("m0", "wmA")]);
    inbox.wake(&callback(KF, "T", now()));
    assert_eq!(drain(&mut inbox, Duration::from_secs(31)).await.0, ["m0"]);
    errors
}

#[tokio::test(start_paused = true)]
async fn pages_of_what_was_settled_before_do_not_delay_what_comes_behind_them() {
    let wecom = FakeWeCom::new(10, (0..500).map(|number| text(&format!("m{number:03}"), &format!("wm{number}"))));
    let store = FakeStore::default();
    let mut inbox = builder(&wecom, store.clone()).open().await.unwrap();
    // The first message is not answered, so the next start reads all pages again.
    let _first = inbox.next().await.unwrap().unwrap();
    assert_eq!(drain(&mut inbox, Duration::from_secs(1)).await.0.len(), 499);
    drop(inbox);
    wecom.add([text("new", "wmNew")]);
    let mut inbox = builder(&wecom, store).open().await.unwrap();
    let started = Instant::now();
    let mut ids = Vec::new();
    while !ids.contains(&"new".to_owned()) {
        let delivery = inbox.next().await.unwrap().unwrap();
        ids.push(delivery.id().to_owned());
        delivery.ack();
    }
    assert_eq!(ids, ["m000", "new"]);
    assert!(started.elapsed() < Duration::from_secs(1), "{:?}", started.elapsed());
}

#[tokio::test(start_paused = true)]
async fn an_undecodable_page_is_read_in_parts_then_parked_whole() {
    let wecom = FakeWeCom::new(1000, (0..2).map(|number| text(&format!("m{number}"), "wmA"))).delay(Duration::ZERO);
    for _ in 0..6 {
        wecom.fault(Answer::Unreadable(Some("c1")));
    }
    let store = FakeStore::default();
    let mut inbox = builder(&wecom, store.clone()).open().await.unwrap();
    let (ids, errors) = drain(&mut inbox, Duration::from_secs(31)).await;
    assert_eq!(ids, ["m1"], "what comes behind it");
    let limits: Vec<_> = wecom.requests()[..7].iter().map(|request| request.limit).collect();
    assert_eq!(limits, [None, Some(100), Some(10), Some(1), Some(1), Some(1), None]);
    let then: Vec<_> = errors
        .iter()
        .map(|error| match error {
            Error::Unreadable { then, .. } => *then,
            other => panic!("{other}"),
        })
        .collect();
    assert_eq!(then, [[UnreadableThen::AsksAgain; 5].as_slice(), &[UnreadableThen::Parked]].concat());
    let parked = store.parked().await;
    assert_eq!((parked.len(), parked[0].kind, parked[0].body.as_str()), (1, ParkedKind::Page, "{broken 客户的话}"));
    assert_eq!(store.cursors()[1].as_deref(), Some("c1"), "it was recorded before anything behind it was");
    for error in &errors {
        assert!(!format!("{error} {error:?}").contains("客户"), "no error shows what customers wrote");
    }
}

#[tokio::test(start_paused = true)]
async fn a_page_without_a_readable_cursor_stops_the_inbox_visibly() {
    let wecom = FakeWeCom::new(1000, [text("m0", "wmA")]).delay(Duration::ZERO);
    for _ in 0..9 {
        wecom.fault(Answer::Unreadable(None));
    }
    let store = FakeStore::default();
    let mut inbox = builder(&wecom, store.clone()).open().await.unwrap();
    let (ids, errors) = drain(&mut inbox, Duration::from_secs(31)).await;
    assert_eq!(ids, ["m0"]);
    let stuck = errors.iter().filter(|error| matches!(error, Error::Unreadable { then: UnreadableThen::Stuck, .. }));
    assert_eq!((errors.len(), stuck.count()), (9, 2));
    assert_eq!(store.parked().await.len(), 0);
}

#[tokio::test(start_paused = true)]
async fn an_undecodable_page_with_the_same_cursor_is_not_passed() {
    let wecom = FakeWeCom::new(1000, [text("m0", "wmA")]).delay(Duration::ZERO);
    let store = FakeStore::default();
    let mut inbox = builder(&wecom, store.clone()).open().await.unwrap();
    drain(&mut inbox, SECOND).await;
    for _ in 0..6 {
        wecom.fault(Answer::Unreadable(Some("c1")));
    }
    inbox.wake(&callback(KF, "T", now()));
    let (_, errors) = drain(&mut inbox, Duration::from_secs(29)).await;
    assert!(matches!(errors.last(), Some(Error::Unreadable { then: UnreadableThen::Stuck, .. })), "{errors:?}");
    assert_eq!((errors.len(), store.parked().await.len()), (6, 0));
}

#[tokio::test(start_paused = true)]
async fn what_it_does_can_be_seen_from_outside() {
    let wecom = FakeWeCom::new(2, (0..3).map(|number| text(&format!("m{number}"), &format!("wm{number}"))));
    let mut inbox = builder(&wecom, Memory::new()).open().await.unwrap();
    assert_eq!(inbox.metrics().status, Status::Opened);
    let first = inbox.next().await.unwrap().unwrap();
    let second = inbox.next().await.unwrap().unwrap();
    let third = inbox.next().await.unwrap().unwrap();
    assert!(tokio::time::timeout(Duration::from_millis(100), inbox.next()).await.is_err());
    let metrics = inbox.metrics();
    assert_eq!((metrics.status, metrics.lag_messages, metrics.delivered), (Status::Reads, 3, 3));
    assert_eq!((metrics.in_progress, metrics.settled_ahead), (3, 0));
    assert!(metrics.lag.as_secs() <= 2 && metrics.oldest_send_time.is_some());
    second.ack();
    assert_eq!((inbox.metrics().in_progress, inbox.metrics().settled_ahead), (2, 1));
    first.ack();
    third.ack();
    drain(&mut inbox, SECOND).await;
    let metrics = inbox.metrics();
    assert_eq!((metrics.status, metrics.lag_messages, metrics.lag), (Status::CaughtUp, 0, Duration::ZERO));
    assert_eq!((metrics.acked, metrics.pages, metrics.pulls), (3, 2, 2));
}
