//! What the store of a fleet must pass.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::join_all;
use tokio::time::{Instant, sleep, timeout};

use super::super::{Acquired, Change, FleetStore, InboxKey, InboxStore, Wake};
use super::inbox::new_key;
use super::{LATER, LONG, SHORT};

/// Checks the [`FleetStore`] of a store.
pub async fn fleet_store<S: InboxStore>(make: impl AsyncFn() -> S) {
    a_callback_is_kept_for_the_reader(&make().await).await;
    callbacks_do_not_meet(&make().await).await;
    members_come_and_go(&make().await).await;
    a_member_that_is_not_renewed_is_gone(&make().await).await;
    reads_are_counted_together(&make().await).await;
}

fn fleet(store: &impl InboxStore) -> &dyn FleetStore {
    store.fleet().expect("a store that is checked with `fleet_store` has one")
}

fn names<const N: usize>(names: [&str; N]) -> BTreeSet<String> {
    names.into_iter().map(str::to_owned).collect()
}

async fn a_callback_is_kept_for_the_reader(store: &impl InboxStore) {
    let (key, fleet) = (new_key(), fleet(store));
    let Acquired::Lease(lease) = store.acquire(&key, "reader", LONG).await.unwrap() else { panic!("nobody has it") };
    assert_eq!(fleet.last_wake(&key).await.unwrap(), None);
    assert_eq!(store.renew(&lease, LONG).await.unwrap().wake, 0, "there was no callback");
    let mut changes = store.changes(&key);
    let mut last = 0;
    for (token, create_time) in [(Some("t1"), 1_700_000_001), (Some("t2"), 1_700_000_002), (None, 1_700_000_002)] {
        let wake = Wake::new(token.map(Into::into), create_time);
        let told = fleet.wake(&key, &wake).await.unwrap();
        let (number, kept) = fleet.last_wake(&key).await.unwrap().expect("it is kept");
        assert_eq!(kept, wake, "the last callback is kept");
        assert_eq!(number, told, "the number is that of the callback");
        assert!(number != 0 && number != last, "each callback has another number");
        assert_eq!(
            store.renew(&lease, LONG).await.unwrap().wake,
            number,
            "a reader that misses the change learns of it"
        );
        last = number;
    }
    // The stream is a hint. Whoever hears it finds a callback.
    if let Ok(Some(Change::Woken | Change::Something)) = timeout(SHORT, changes.next()).await {
        assert!(fleet.last_wake(&key).await.unwrap().is_some());
    }
}

async fn callbacks_do_not_meet(store: &impl InboxStore) {
    let (one, other, fleet) = (new_key(), new_key(), fleet(store));
    fleet.wake(&one, &Wake::new(None, 1)).await.unwrap();
    assert_eq!(fleet.last_wake(&other).await.unwrap(), None, "it was another account's callback");
}

async fn members_come_and_go(store: &impl InboxStore) {
    let (scope, other) = (new_key().scope().to_owned(), new_key().scope().to_owned());
    let fleet = fleet(store);
    assert_eq!(fleet.meet(&scope, "a", LONG).await.unwrap(), names(["a"]));
    let mut changes = store.changes(&InboxKey::of_fleet(&scope));
    assert_eq!(fleet.meet(&scope, "b", LONG).await.unwrap(), names(["a", "b"]));
    assert_eq!(fleet.meet(&scope, "a", LONG).await.unwrap(), names(["a", "b"]), "again is no new member");
    assert_eq!(fleet.meet(&other, "c", LONG).await.unwrap(), names(["c"]), "fleets do not meet");
    fleet.leave(&scope, "a").await.unwrap();
    fleet.leave(&scope, "a").await.unwrap();
    assert_eq!(fleet.meet(&scope, "b", LONG).await.unwrap(), names(["b"]));
    if let Ok(change) = timeout(SHORT, changes.next()).await {
        assert!(matches!(change, None | Some(Change::Members | Change::Something)), "{change:?}");
    }
}

async fn a_member_that_is_not_renewed_is_gone(store: &impl InboxStore) {
    let scope = new_key().scope().to_owned();
    let fleet = fleet(store);
    fleet.meet(&scope, "killed", SHORT).await.unwrap();
    assert_eq!(fleet.meet(&scope, "alive", LONG).await.unwrap(), names(["alive", "killed"]));
    sleep(LATER).await;
    assert_eq!(fleet.meet(&scope, "alive", LONG).await.unwrap(), names(["alive"]));
    assert_eq!(fleet.meet(&scope, "killed", LONG).await.unwrap(), names(["alive", "killed"]), "it may come back");
}

async fn reads_are_counted_together(store: &impl InboxStore) {
    let scope = new_key().scope().to_owned();
    let (fleet, window) = (fleet(store), SHORT);
    let begun = Instant::now();
    let waits = join_all((0..6).map(|_| fleet.reserve_read(&scope, 2, window))).await;
    let took = begun.elapsed();
    let mut waits: Vec<Duration> = waits.into_iter().map(Result::unwrap).collect();
    waits.sort_unstable();
    for (number, wait) in waits.iter().enumerate() {
        let turn = window * u32::try_from(number / 2).unwrap();
        // A store may count in milliseconds, and time passes while it answers.
        let least = turn.saturating_sub(took + Duration::from_millis(2));
        assert!(*wait >= least && *wait <= turn + took + Duration::from_millis(2), "{number}: {wait:?} of {waits:?}");
    }
    let other = new_key().scope().to_owned();
    assert_eq!(fleet.reserve_read(&other, 2, window).await.unwrap(), Duration::ZERO, "fleets do not meet");
}
