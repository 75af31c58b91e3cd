//! Stores that fail, leases that end, and two inboxes on one account.

use std::time::Duration;

use futures_util::StreamExt;
use tokio::time::{Instant, advance, sleep, timeout};
use wecom_kf::Lang;
use wecom_kf_inbox::store::{Acquired, Commit, Committed, Generation, InboxStore, StoreError};
use wecom_kf_inbox::{ColdStart, Error, Inbox, Report, Status};

use crate::fake::{Answer, FakeStore, FakeWeCom, builder, drain, key, text};

const SECOND: Duration = Duration::from_secs(1);

async fn opened(wecom: &FakeWeCom, store: &FakeStore) -> Inbox {
    builder(wecom, store.clone()).cold_start(ColdStart::Everything).open().await.unwrap()
}

fn messages(count: usize) -> impl Iterator<Item = String> {
    (0..count).map(|number| text(&format!("m{number}"), "wmA"))
}

#[tokio::test(start_paused = true)]
async fn the_inbox_waits_for_a_store_that_is_down_and_continues() {
    let wecom = FakeWeCom::new(2, messages(6));
    let store = FakeStore::default();
    let mut inbox = opened(&wecom, &store).await;
    for _ in 0..2 {
        inbox.next().await.unwrap().unwrap().ack();
    }
    store.fail_next(4);
    let started = Instant::now();
    let (ids, errors) = drain(&mut inbox, Duration::from_secs(29)).await;
    assert_eq!(ids, ["m2", "m3", "m4", "m5"], "nothing is repeated, nothing is passed over");
    assert_eq!(errors.len(), 4);
    assert!(errors.iter().all(|error| matches!(error, Error::Store(StoreError::Down(_)))));
    assert!(started.elapsed() >= Duration::from_millis(800 + 1600 + 3200 + 6400));
    let metrics = inbox.metrics();
    assert_eq!((metrics.store_failures, metrics.status), (4, Status::CaughtUp));
    assert!(metrics.last_error.unwrap().text.contains("the store is down"));
    assert_eq!(store.state().await.cursor.as_deref(), Some("c6"));
}

#[tokio::test(start_paused = true)]
async fn a_commit_whose_answer_was_lost_is_repeated_and_counts_once() {
    let wecom = FakeWeCom::new(2, messages(4));
    let store = FakeStore::default();
    let mut inbox = opened(&wecom, &store).await;
    for _ in 0..2 {
        inbox.next().await.unwrap().unwrap().ack();
    }
    store.lose_next_answer();
    let (ids, errors) = drain(&mut inbox, Duration::from_secs(29)).await;
    assert_eq!((ids.len(), errors.len()), (2, 1));
    assert_eq!(store.state().await.settled, ["m0", "m1", "m2", "m3"]);
}

#[tokio::test(start_paused = true)]
async fn of_two_inboxes_one_reads_and_the_other_takes_over() {
    let wecom = FakeWeCom::new(1, messages(3));
    let store = FakeStore::default();
    let mut first = opened(&wecom, &store).await;
    let mut second = opened(&wecom, &store).await;
    let delivery = first.next().await.unwrap().unwrap();
    assert!(timeout(Duration::from_secs(300), second.next()).await.is_err(), "the lease is renewed meanwhile");
    assert_eq!(second.metrics().status, Status::StandsBy);
    delivery.ack();
    assert_eq!(first.next().await.unwrap().unwrap().id(), "m1");
    // Meanwhile the acknowledgement is stored.
    sleep(SECOND).await;
    drop(first);
    let started = Instant::now();
    assert_eq!(second.next().await.unwrap().unwrap().id(), "m1");
    assert!(started.elapsed() < Duration::from_secs(11), "{:?}", started.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_stale_reader_moves_nothing_drops_what_it_had_and_stands_by() {
    let wecom = FakeWeCom::new(2, messages(4));
    let store = FakeStore::default();
    let mut inbox = opened(&wecom, &store).await;
    let (first, key) = (inbox.next().await.unwrap().unwrap(), key());
    // Another holder took the lease, which had ended without our noticing, as while a process is stopped.
    let holder = {
        let mut left = Duration::from_secs(31);
        loop {
            // The lease may be renewed in between, so the store is made to forget it.
            match store.memory.acquire(&key, "thief", Duration::from_secs(60)).await.unwrap() {
                Acquired::Lease(lease) => break lease,
                Acquired::Held { holder, .. } => {
                    let mine = store.memory.acquire(&key, &holder, Duration::ZERO).await.unwrap();
                    assert!(matches!(mine, Acquired::Lease(_)));
                    left = left.saturating_sub(SECOND);
                    assert!(!left.is_zero());
                }
                other => panic!("{other:?}"),
            }
        }
    };
    let mut commit = Commit::next(&store.state().await);
    commit.cursor = Some("c3".into());
    store.memory.commit(&holder, &commit).await.unwrap();
    first.ack();
    let next = timeout(SECOND, inbox.next()).await;
    let rest = match next {
        Ok(Some(Ok(delivery))) => {
            delivery.ack();
            inbox.next().await.unwrap()
        }
        Ok(Some(error)) => error,
        other => panic!("{other:?}"),
    };
    assert!(matches!(rest, Err(Error::Store(StoreError::StaleLease))), "{rest:?}");
    assert_eq!(store.state().await.cursor.as_deref(), Some("c3"), "the cursor is where the new reader left it");
    assert!(timeout(Duration::from_secs(5), inbox.next()).await.is_err());
    assert_eq!(inbox.metrics().status, Status::StandsBy);
    store.memory.release(&holder).await.unwrap();
    assert_eq!(drain(&mut inbox, Duration::from_secs(20)).await.0, ["m3"], "from where the other one was");
}

#[tokio::test(start_paused = true)]
async fn a_stop_before_loading_overwrites_nothing() {
    let wecom = FakeWeCom::new(2, messages(6));
    let store = FakeStore::default();
    let mut inbox = opened(&wecom, &store).await;
    inbox.next().await.unwrap().unwrap().ack();
    let second = inbox.next().await.unwrap().unwrap();
    let thief = store.steal().await;
    store.moves_on(&thief, Some("c4")).await;
    second.ack();
    assert!(matches!(inbox.next().await, Some(Err(Error::Store(StoreError::StaleLease)))));
    store.memory.release(&thief).await.unwrap();
    store.fail_next_loads(1);
    assert!(matches!(inbox.next().await, Some(Err(Error::Store(StoreError::Down(_))))), "it has the lease again");
    inbox.handle().stop();
    assert!(inbox.next().await.is_none());
    let state = store.state().await;
    assert_eq!((state.settled.last().map(String::as_str), state.cursor.as_deref()), (Some("other"), Some("c4")));
    let next = store.memory.acquire(&key(), "next", SECOND).await.unwrap();
    assert!(matches!(next, Acquired::Lease(_)), "the lease was given back");
}

#[tokio::test(start_paused = true)]
async fn a_late_start_does_not_overwrite_a_newer_place() {
    let wecom = FakeWeCom::new(2, messages(4));
    let store = FakeStore::default();
    let mut inbox = opened(&wecom, &store).await;
    store.fail_next(1);
    assert!(matches!(inbox.next().await, Some(Err(Error::Store(StoreError::Down(_))))));
    let thief = store.steal().await;
    let begun = Commit::whole(&Committed::new(Generation::random()));
    store.memory.commit(&thief, &begun).await.unwrap();
    store.moves_on(&thief, Some("c4")).await;
    assert!(matches!(inbox.next().await, Some(Err(Error::Store(StoreError::StaleLease)))));
    store.memory.release(&thief).await.unwrap();
    assert_eq!(drain(&mut inbox, Duration::from_secs(5)).await.0, Vec::<String>::new(), "all is read");
    inbox.handle().stop();
    assert!(inbox.next().await.is_none());
    let state = store.state().await;
    assert_eq!((state.settled.last().map(String::as_str), state.cursor.as_deref()), (Some("other"), Some("c4")));
}

#[tokio::test(start_paused = true)]
async fn the_commit_of_another_reader_is_not_taken_for_its_own() {
    let wecom = FakeWeCom::new(2, []);
    for _ in 0..2 {
        // The pages have no cursor, so revision and cursor do not tell the commits of the two readers apart.
        wecom.fault(Answer::Body(format!(r#"{{"errcode":0,"msg_list":[{}]}}"#, text("x", "wmA"))));
    }
    let store = FakeStore::default();
    let mut inbox = opened(&wecom, &store).await;
    let delivery = inbox.next().await.unwrap().unwrap();
    let thief = store.steal().await;
    store.moves_on(&thief, None).await;
    delivery.park("it would be lost");
    assert!(matches!(inbox.next().await, Some(Err(Error::Store(StoreError::StaleLease)))));
    store.memory.release(&thief).await.unwrap();
    let again = timeout(Duration::from_secs(20), inbox.next()).await.expect("it comes again");
    assert_eq!(again.unwrap().unwrap().id(), "x");
}

#[tokio::test(start_paused = true)]
async fn a_stop_does_not_wait_for_what_another_reader_has_taken_over() {
    let wecom = FakeWeCom::new(2, messages(4));
    let store = FakeStore::default();
    let mut inbox = opened(&wecom, &store).await;
    let _held = inbox.next().await.unwrap().unwrap();
    let thief = store.steal().await;
    store.moves_on(&thief, Some("c2")).await;
    assert!(matches!(inbox.next().await, Some(Err(Error::Store(StoreError::StaleLease)))));
    store.memory.release(&thief).await.unwrap();
    assert!(timeout(SECOND, inbox.next()).await.is_err(), "before it reads on, what is out must come to its end");
    inbox.handle().stop();
    assert!(matches!(timeout(SECOND, inbox.next()).await, Ok(None)));
}

#[cfg(feature = "redb")]
#[tokio::test]
async fn the_file_of_a_store_can_be_opened_anew_as_soon_as_its_inbox_has_ended() {
    use crate::fake::caught_up;
    use wecom_kf_inbox::store::Redb;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("inbox.redb");
    for _ in 0..3 {
        let wecom = FakeWeCom::new(2, messages(2));
        let inbox = builder(&wecom, Redb::open(&path).unwrap()).open().await.unwrap();
        let handle = inbox.handle();
        inbox.run_until(async move { caught_up(&handle).await }, |_| async { Ok(()) }).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn after_a_standstill_the_lease_is_acquired_before_handing_out() {
    let wecom = FakeWeCom::new(2, [text("m0", "wmA"), text("m1", "wmB")]);
    let store = FakeStore::default();
    let mut inbox = opened(&wecom, &store).await;
    let _first = inbox.next().await.unwrap().unwrap();
    advance(Duration::from_secs(31)).await;
    assert!(matches!(inbox.next().await, Some(Err(Error::Store(StoreError::StaleLease)))));
    assert_eq!(inbox.next().await.unwrap().unwrap().id(), "m1");
}

#[tokio::test(start_paused = true)]
async fn an_answer_from_an_earlier_lease_settles_nothing() {
    let wecom = FakeWeCom::new(2, messages(2));
    let store = FakeStore::default();
    let mut inbox = opened(&wecom, &store).await;
    let stale = inbox.next().await.unwrap().unwrap();
    let thief = store.steal().await;
    store.moves_on(&thief, None).await;
    assert!(matches!(inbox.next().await, Some(Err(Error::Store(StoreError::StaleLease)))));
    store.memory.release(&thief).await.unwrap();
    let again = inbox.next().await.unwrap().unwrap();
    assert_eq!((stale.id(), again.id()), ("m0", "m0"));
    stale.ack();
    assert!(timeout(SECOND, inbox.next()).await.is_err(), "the next one waits for the answer to the second delivery");
    again.ack();
    assert_eq!(inbox.next().await.unwrap().unwrap().id(), "m1");
}

#[tokio::test(start_paused = true)]
async fn a_store_that_has_forgotten_gets_back_what_the_running_inbox_knows() {
    let wecom = FakeWeCom::new(2, messages(6));
    let store = FakeStore::default();
    let mut inbox = opened(&wecom, &store).await;
    for _ in 0..3 {
        inbox.next().await.unwrap().unwrap().ack();
    }
    // The store forgets everything: cursor, ids, lease.
    store.memory.forget();
    let (ids, errors) = drain(&mut inbox, Duration::from_secs(29)).await;
    assert_eq!(ids, ["m3", "m4", "m5"], "nothing is repeated, nothing is lost");
    assert!(errors.iter().all(|error| matches!(error, Error::Store(StoreError::StaleLease))), "{errors:?}");
    let state = store.state().await;
    assert_eq!((state.cursor.as_deref(), state.settled.len()), (Some("c6"), 6), "the ids are back too");
}

#[tokio::test(start_paused = true)]
async fn when_the_store_forgets_a_standby_yields_to_the_reader() {
    for first_is in ["alive", "gone"] {
        let wecom = FakeWeCom::new(2, messages(6));
        let store = FakeStore::default();
        let mut first = Some(opened(&wecom, &store).await);
        let mut second = opened(&wecom, &store).await;
        for _ in 0..3 {
            first.as_mut().unwrap().next().await.unwrap().unwrap().ack();
        }
        assert!(timeout(SECOND, second.next()).await.is_err(), "the first one reads");
        store.memory.forget();
        if first_is == "gone" {
            first = None;
        }
        let next = timeout(Duration::from_secs(25), second.next()).await;
        assert!(next.is_err(), "it knows that another one read: {next:?}");
        if let Some(mut first) = first {
            assert_eq!(drain(&mut first, Duration::from_secs(20)).await.0, ["m3", "m4", "m5"], "nothing is repeated");
            assert_eq!(store.state().await.settled.len(), 6, "what was forgotten is back");
            assert!(timeout(Duration::from_secs(60), second.next()).await.is_err(), "it stands by");
        } else {
            assert_eq!(drain(&mut second, Duration::from_secs(60)).await.0.len(), 6, "as at its cold start");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_former_reader_does_not_overwrite_the_place() {
    let wecom = FakeWeCom::new(2, messages(3));
    let store = FakeStore::default();
    let poll = SECOND * 5;
    let mut former = builder(&wecom, store.clone()).holder("former").poll(poll).open().await.unwrap();
    assert_eq!(drain(&mut former, SECOND).await.0, ["m0", "m1", "m2"]);
    let mut living = builder(&wecom, store.clone()).holder("living").poll(poll).open().await.unwrap();
    assert!(timeout(SECOND / 20, living.next()).await.is_err(), "it stands by");
    // The lease of the former reader ends without its noticing, and the other inbox gets it.
    let Ok(Acquired::Held { holder, .. }) = store.memory.acquire(&key(), "any", SECOND).await else { panic!() };
    assert!(holder.starts_with("former"));
    store.memory.acquire(&key(), &holder, Duration::ZERO).await.unwrap();
    let mut handled = Vec::new();
    for round in 0..20 {
        wecom.add([text(&format!("n{round:02}"), "wmA")]);
        handled.extend(drain(&mut living, SECOND * 3).await.0);
        if round == 10 {
            assert_eq!(former.metrics().status, Status::StandsBy);
            store.memory.forget();
        }
    }
    handled.extend(drain(&mut living, SECOND * 60).await.0);
    let again = drain(&mut former, SECOND * 60).await.0;
    let expected: Vec<String> = (0..20).map(|round| format!("n{round:02}")).collect();
    assert_eq!((handled, again), (expected, Vec::new()), "each once, by the living one");
    assert_eq!(store.state().await.settled.len(), 23);
}

#[tokio::test(start_paused = true)]
async fn a_corrupt_store_ends_the_inbox_with_an_error() {
    let store = FakeStore::default();
    let inbox = builder(&FakeWeCom::new(1, []), store.clone()).open().await.unwrap();
    store.corrupt();
    let ended = timeout(SECOND, inbox.run(|_| async { Ok(()) })).await.unwrap();
    let error = ended.unwrap_err();
    assert!(error.is_final() && Report::line(&error, Lang::En).contains("do:"), "{error}");
    assert!(Report::line(&error, Lang::Zh).contains("处理："));
}

#[tokio::test(start_paused = true)]
async fn a_busy_handler_does_not_cost_the_lease() {
    let wecom = FakeWeCom::new(1, messages(1));
    let store = FakeStore::default();
    let mut inbox = opened(&wecom, &store).await;
    let delivery = inbox.next().await.unwrap().unwrap();
    // For ten minutes nobody polls the stream.
    sleep(Duration::from_secs(600)).await;
    delivery.ack();
    let (ids, errors) = drain(&mut inbox, SECOND).await;
    assert!(ids.is_empty() && errors.is_empty(), "{errors:?}");
    assert_eq!(store.state().await.cursor.as_deref(), Some("c1"));
}
