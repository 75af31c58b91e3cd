//! Messages whose handler ends the process.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::StreamExt;
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};
use wecom_kf_inbox::InboxHandle;
use wecom_kf_inbox::store::InboxStore;

use crate::fake::{FakeStore, FakeWeCom, KF, builder, callback, caught_up, drain, now, text};

const SECOND: Duration = Duration::from_secs(1);

/// How often the handler of each message was started.
type Begun = Arc<Mutex<BTreeMap<String, usize>>>;

/// Starts a bot whose process dies this long after the handler of the message "kills" began. Returns whether the
/// process died before everything was handled.
async fn start(wecom: &FakeWeCom, store: &FakeStore, begun: &Begun, dies_after: Duration) -> bool {
    let (dead, noted) = (Arc::new(Notify::new()), begun.clone());
    let inbox = builder(wecom, store.clone()).open().await.unwrap();
    let handle = inbox.handle();
    let dies = dead.clone();
    let run = inbox.run(move |delivery| {
        let (dies, noted) = (dies.clone(), noted.clone());
        async move {
            *noted.lock().unwrap().entry(delivery.id().to_owned()).or_default() += 1;
            if delivery.id() == "kills" {
                sleep(dies_after).await;
                dies.notify_one();
                std::future::pending::<()>().await;
            }
            Ok(())
        }
    });
    tokio::select! {
        biased;
        () = dead.notified() => true,
        () = all_is_handled(&handle) => false,
        ended = run => panic!("{ended:?}"),
    }
}

async fn all_is_handled(inbox: &InboxHandle) {
    caught_up(inbox).await;
    sleep(SECOND).await;
    caught_up(inbox).await;
}

fn log() -> Vec<String> {
    let ids = ["m0", "m1", "m2", "kills", "m4", "m5", "m6"];
    ids.iter().map(|id| text(id, &format!("wm{id}"))).collect()
}

#[tokio::test(start_paused = true)]
async fn a_message_that_kills_its_process_is_parked_after_three_deaths() {
    for dies_after in [Duration::ZERO, SECOND / 10, SECOND * 2] {
        let (wecom, store, begun) = (FakeWeCom::new(10, log()), FakeStore::default(), Begun::default());
        let mut deaths = 0;
        while start(&wecom, &store, &begun, dies_after).await {
            deaths += 1;
            assert!(deaths < 12, "{begun:?}");
            sleep(SECOND).await;
        }
        let begun = begun.lock().unwrap().clone();
        println!("dies after {dies_after:?}: {deaths} deaths, {begun:?}");
        assert!(deaths <= 4, "{deaths} deaths");
        let others = begun.iter().filter(|(id, _)| *id != "kills");
        assert!(others.clone().count() == 6 && others.clone().all(|(_, times)| *times <= 3), "{begun:?}");
        let parked = store.parked().await;
        assert_eq!((parked.len(), parked[0].id.as_str()), (1, "kills"));
        assert!(parked[0].reason.contains("the process ended"), "{}", parked[0].reason);
        assert_eq!((store.state().await.starts, store.state().await.in_progress), (0, None));
    }
}

#[tokio::test(start_paused = true)]
async fn a_killer_is_parked_although_others_keep_coming() {
    let (wecom, store, begun) = (FakeWeCom::new(10, log()), FakeStore::default(), Begun::default());
    let mut deaths = 0;
    loop {
        for number in 0..20 {
            let id = format!("life{deaths}n{number}");
            wecom.add([text(&id, &id)]);
        }
        if !start(&wecom, &store, &begun, SECOND * 3).await {
            break;
        }
        deaths += 1;
        assert!(deaths < 12, "{begun:?}");
        sleep(SECOND).await;
    }
    let begun = begun.lock().unwrap().clone();
    println!("{deaths} deaths, {begun:?}");
    assert!(deaths <= 4, "{deaths} deaths");
    assert!(begun.iter().all(|(id, times)| id == "kills" || *times <= 3), "{begun:?}");
    assert_eq!(store.parked().await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn kills_from_outside_park_nothing_as_long_as_some_progress_is_made() {
    let (wecom, store) =
        (FakeWeCom::new(10, (0..60).map(|n| text(&format!("m{n:02}"), &format!("wm{n}")))), FakeStore::default());
    let mut handled = std::collections::BTreeSet::new();
    for _ in 0..30 {
        let mut inbox = builder(&wecom, store.clone()).open().await.unwrap();
        // Two messages are handled. Then the process is killed while it handles the third.
        for place in 0..3 {
            let Ok(Some(Ok(delivery))) = timeout(SECOND, inbox.next()).await else { break };
            if place < 2 {
                handled.insert(delivery.id().to_owned());
                delivery.ack();
                sleep(Duration::from_millis(1)).await;
            }
        }
        drop(inbox);
        sleep(SECOND).await;
    }
    let mut inbox = builder(&wecom, store.clone()).open().await.unwrap();
    handled.extend(drain(&mut inbox, SECOND).await.0);
    assert_eq!((handled.len(), store.parked().await.len()), (60, 0));
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_is_lost_during_the_search_parks_nothing() {
    let (wecom, store) = (FakeWeCom::new(10, [text("m0", "wmA"), text("m1", "wmB")]), FakeStore::default());
    // Two starts make no progress.
    for _ in 0..2 {
        let mut inbox = builder(&wecom, store.clone()).open().await.unwrap();
        let _delivery = inbox.next().await.unwrap().unwrap();
        drop(inbox);
        sleep(SECOND).await;
    }
    let mut inbox = builder(&wecom, store.clone()).open().await.unwrap();
    let m0 = inbox.next().await.unwrap().unwrap();
    assert_eq!(store.state().await.in_progress.as_deref(), Some("m0"));
    let thief = store.steal().await;
    let _ = timeout(SECOND * 15, inbox.next()).await;
    store.memory.release(&thief).await.unwrap();
    m0.ack();
    let (ids, _) = drain(&mut inbox, SECOND * 40).await;
    assert_eq!((ids.as_slice(), store.parked().await.len()), (&["m0".to_owned(), "m1".to_owned()][..], 0));
}

#[tokio::test(start_paused = true)]
async fn a_stop_in_order_counts_as_progress() {
    let (wecom, store) = (FakeWeCom::new(10, [text("m0", "wmA")]), FakeStore::default());
    for _ in 0..6 {
        let mut inbox = builder(&wecom, store.clone()).open().await.unwrap();
        inbox.next().await.unwrap().unwrap().retry_later();
        inbox.handle().stop();
        assert!(inbox.next().await.is_none());
        assert_eq!((store.state().await.starts, store.state().await.in_progress), (0, None));
    }
}

#[tokio::test(start_paused = true)]
async fn a_replay_that_kills_its_process_is_not_replayed_again_by_itself() {
    let (wecom, store, begun) = (FakeWeCom::new(10, [text("kills", "wmA")]), FakeStore::default(), Begun::default());
    let mut inbox = builder(&wecom, store.clone()).open().await.unwrap();
    inbox.next().await.unwrap().unwrap().park("look at this");
    sleep(SECOND).await;
    assert!(inbox.handle().replay("kills").await.unwrap());
    drop(inbox);
    sleep(SECOND).await;
    assert!(start(&wecom, &store, &begun, SECOND).await, "the wish is fulfilled, and the process dies");
    for _ in 0..3 {
        wecom.add([text(&format!("m{}", wecom.pulls()), "wmB")]);
        assert!(!start(&wecom, &store, &begun, SECOND).await);
    }
    assert_eq!(begun.lock().unwrap()["kills"], 1);
    assert_eq!(store.parked().await.len(), 1, "it stays parked");
    let inbox = builder(&wecom, store.clone()).open().await.unwrap();
    assert!(inbox.wake(&callback(KF, "T", now())));
}
