//! Parked messages: listed, replayed, dropped.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::StreamExt;
use tokio::time::{Instant, sleep, timeout};
use wecom_kf_inbox::store::{InboxStore, ParkedQuery};
use wecom_kf_inbox::{Failure, Inbox, InboxHandle};

use crate::fake::{Answer, FakeStore, FakeWeCom, builder, callback, caught_up, drain, key, now, text};

const SECOND: Duration = Duration::from_secs(1);

async fn parked(handle: &InboxHandle) -> Vec<String> {
    let page = handle.parked(&ParkedQuery::first(1000)).await.unwrap();
    page.items.into_iter().map(|parked| parked.id).collect()
}

async fn opened(wecom: &FakeWeCom, store: &FakeStore) -> Inbox {
    builder(wecom, store.clone()).open().await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_replayed_message_stays_parked_until_it_is_acknowledged() {
    let wecom = FakeWeCom::new(10, [text("m0", "wmA"), text("m1", "wmB")]);
    let store = FakeStore::default();
    let mut inbox = opened(&wecom, &store).await;
    for _ in 0..2 {
        inbox.next().await.unwrap().unwrap().park("look at this");
    }
    assert!(timeout(SECOND, inbox.next()).await.is_err());
    let handle = inbox.handle();
    assert_eq!(parked(&handle).await, ["m0", "m1"]);

    assert!(!handle.replay("m9").await.unwrap());
    assert!(handle.replay("m0").await.unwrap());
    let again = inbox.next().await.unwrap().unwrap();
    assert_eq!(again.id(), "m0");
    assert_eq!(parked(&handle).await.len(), 2, "it stays until it is acknowledged");
    assert_eq!(handle.metrics().replays, 1);
    again.ack();
    assert!(timeout(SECOND, inbox.next()).await.is_err());
    assert_eq!(parked(&handle).await, ["m1"]);

    assert!(handle.replay("m1").await.unwrap());
    inbox.next().await.unwrap().unwrap().park("still no good");
    assert!(timeout(SECOND, inbox.next()).await.is_err());
    let found = handle.parked(&ParkedQuery::id("m1")).await.unwrap();
    assert_eq!((found.items.len(), found.items[0].reason.as_str()), (1, "still no good"));
    assert!(handle.drop_parked("m1").await.unwrap());
    assert!(!handle.drop_parked("m1").await.unwrap());
    assert_eq!(store.state().await.cursor.as_deref(), Some("c2"));
}

#[tokio::test(start_paused = true)]
async fn a_replay_asked_of_a_standby_is_executed_once_by_the_reader() {
    let wecom = FakeWeCom::new(10, [text("m0", "wmA")]);
    let store = FakeStore::default();
    let log = Arc::new(Mutex::new(Vec::new()));
    let mut all = Vec::new();
    for name in ["reader", "standby"] {
        let inbox = builder(&wecom, store.clone()).holder(name).open().await.unwrap();
        let handle = inbox.handle();
        let noted = log.clone();
        let run = tokio::spawn(inbox.run(move |delivery| {
            let is_first = noted.lock().unwrap().is_empty();
            noted.lock().unwrap().push(format!("{name} handles {}", delivery.id()));
            async move { if is_first { Err(Failure::park("no")) } else { Ok(()) } }
        }));
        sleep(SECOND * 5).await;
        all.push((handle, run));
    }
    let standby = all[1].0.clone();
    assert!(standby.replay("m0").await.unwrap());
    sleep(SECOND).await;
    assert_eq!(*log.lock().unwrap(), ["reader handles m0", "reader handles m0"]);
    assert_eq!(parked(&standby).await, Vec::<String>::new());
    assert!(!standby.replay("m0").await.unwrap(), "it is settled");

    let (reader, run) = all.remove(0);
    reader.stop();
    run.await.unwrap().unwrap();
    sleep(SECOND * 86_400).await;
    assert_eq!(log.lock().unwrap().len(), 2, "a day later nothing came again");
}

#[tokio::test(start_paused = true)]
async fn without_a_notification_a_wish_is_found_when_the_lease_is_renewed() {
    let wecom = FakeWeCom::new(10, [text("m0", "wmA")]);
    let store = FakeStore::default();
    let mut inbox = opened(&wecom, &store).await;
    inbox.next().await.unwrap().unwrap().park("no");
    assert!(timeout(SECOND, inbox.next()).await.is_err());
    store.is_silent();
    store.wish_replays(&key(), &["m0".to_owned()]).await.unwrap();
    let again = timeout(SECOND * 11, inbox.next()).await.expect("within a third of the lease");
    assert_eq!(again.unwrap().unwrap().id(), "m0");
}

#[tokio::test(start_paused = true)]
async fn a_message_that_is_dropped_before_its_replay_begins_is_not_delivered() {
    let wecom = FakeWeCom::new(10, [text("m0", "wmA"), text("m1", "wmA")]);
    let store = FakeStore::default();
    let mut inbox = opened(&wecom, &store).await;
    inbox.next().await.unwrap().unwrap().park("no");
    // The customer's next message is in progress, so the replay waits for it.
    let held = inbox.next().await.unwrap().unwrap();
    assert!(timeout(SECOND, inbox.next()).await.is_err());
    let handle = inbox.handle();
    assert!(handle.replay("m0").await.unwrap());
    assert!(timeout(SECOND, inbox.next()).await.is_err());
    assert!(handle.drop_parked("m0").await.unwrap());
    held.ack();
    assert!(timeout(SECOND * 100, inbox.next()).await.is_err());
    assert_eq!(handle.metrics().replays, 0);
}

#[tokio::test(start_paused = true)]
async fn five_hundred_replays_do_not_delay_a_live_message() {
    let wecom = FakeWeCom::new(1000, (0..500).map(|number| text(&format!("m{number:03}"), &format!("wm{number}"))));
    let store = FakeStore::default();
    let inbox = opened(&wecom, &store).await;
    let handle = inbox.handle();
    let log = Arc::new(Mutex::new(Vec::new()));
    let noted = log.clone();
    let run = tokio::spawn(inbox.run(move |delivery| {
        let noted = noted.clone();
        async move {
            if !delivery.id().starts_with("live") && noted.lock().unwrap().is_empty() {
                return Err(Failure::park("all of them"));
            }
            sleep(SECOND).await;
            noted.lock().unwrap().push((delivery.id().to_owned(), Instant::now()));
            Ok(())
        }
    }));
    caught_up(&handle).await;
    sleep(SECOND).await;
    assert_eq!(parked(&handle).await.len(), 500);
    log.lock().unwrap().push(("from now on all is well".to_owned(), Instant::now()));
    assert_eq!(handle.replay_all(|parked| parked.id != "m007").await.unwrap(), 499);
    for number in 0..50 {
        sleep(Duration::from_millis(700)).await;
        let id = format!("live{number}");
        wecom.add([text(&id, &id)]);
        handle.wake(&callback(crate::fake::KF, "T", now()));
        let asked_at = Instant::now();
        sleep(Duration::from_millis(1100)).await;
        let done = log.lock().unwrap().iter().find(|(noted, _)| *noted == id).map(|(_, at)| *at);
        let took = done.expect("it is handled") - asked_at;
        assert!(took <= Duration::from_millis(1050), "{id} took {took:?}");
    }
    while parked(&handle).await.len() > 1 {
        sleep(SECOND).await;
    }
    assert_eq!(parked(&handle).await, ["m007"], "all that were meant were handled, and nothing else");
    assert_eq!(log.lock().unwrap().len(), 1 + 499 + 50);
    run.abort();
}

#[tokio::test(start_paused = true)]
async fn a_parked_page_is_replayed_if_it_can_be_decoded() {
    let page = format!(r#"{{"errcode":0,"msg_list":[{},{}]}}"#, text("p0", "wmA"), text("p1", "wmB"));
    for (body, expected) in [(page.as_str(), vec!["p0", "p1"]), ("{broken", vec![])] {
        let wecom = FakeWeCom::new(1000, [text("m0", "wmC")]).delay(Duration::ZERO);
        for _ in 0..6 {
            wecom.fault(Answer::UnreadableBody(body.to_owned(), Some("c1")));
        }
        let store = FakeStore::default();
        let mut inbox = opened(&wecom, &store).await;
        drain(&mut inbox, SECOND * 31).await;
        let handle = inbox.handle();
        let ids = parked(&handle).await;
        assert_eq!(ids.len(), 1);
        assert!(handle.replay(&ids[0]).await.unwrap());
        assert_eq!(drain(&mut inbox, SECOND).await.0, expected);
        let left = handle.parked(&ParkedQuery::first(10)).await.unwrap().items;
        match expected.is_empty() {
            false => assert_eq!(left, []),
            true => assert!(left[0].reason.contains("cannot decode it either"), "{}", left[0].reason),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_stop_renews_the_wishes_that_it_did_not_fulfil() {
    let wecom = FakeWeCom::new(10, [text("m0", "wmA"), text("m1", "wmB")]);
    let store = FakeStore::default();
    let mut inbox = opened(&wecom, &store).await;
    for _ in 0..2 {
        inbox.next().await.unwrap().unwrap().park("no");
    }
    assert!(timeout(SECOND, inbox.next()).await.is_err());
    let handle = inbox.handle();
    assert_eq!(handle.replay_all(|_| true).await.unwrap(), 2);
    inbox.next().await.unwrap().unwrap().ack();
    assert!(
        timeout(SECOND, async {
            while handle.metrics().replays != 1 {
                sleep(SECOND / 100).await
            }
        })
        .await
        .is_ok()
    );
    handle.stop();
    assert!(inbox.next().await.is_none());
    let mut inbox = opened(&wecom, &store).await;
    assert_eq!(drain(&mut inbox, SECOND).await.0, ["m1"]);
    assert_eq!(store.parked().await, []);
}

#[tokio::test(start_paused = true)]
async fn replays_asked_for_without_a_reader_are_executed_once() {
    for reader_is in ["stopped", "killed"] {
        let wecom = FakeWeCom::new(10, (0..4).map(|number| text(&format!("m{number}"), &format!("wm{number}"))));
        let store = FakeStore::default();
        let mut first = opened(&wecom, &store).await;
        let mut second = opened(&wecom, &store).await;
        for _ in 0..4 {
            first.next().await.unwrap().unwrap().park("no");
        }
        assert!(timeout(SECOND, futures_util::future::join(first.next(), second.next())).await.is_err());
        let standby = second.handle();
        match reader_is {
            "stopped" => first.handle().stop(),
            _ => drop(store.steal().await),
        }
        // Both inboxes ask for replays while the reading one is about to end, and one wish is withdrawn.
        assert!(standby.replay("m0").await.unwrap() && first.handle().replay("m1").await.unwrap());
        assert!(standby.replay("m2").await.unwrap() && standby.drop_parked("m2").await.unwrap());
        assert!(standby.replay("m0").await.unwrap(), "again");
        if reader_is == "stopped" {
            assert!(first.next().await.is_none());
        } else {
            drop(first);
        }
        assert_eq!(drain(&mut second, SECOND * 70).await.0, ["m0", "m1"], "the reader was {reader_is}");
        assert_eq!(parked(&standby).await, ["m3"]);
        assert!(!standby.replay("m2").await.unwrap(), "it was dropped");
    }
}
