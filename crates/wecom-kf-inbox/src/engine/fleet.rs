//! What an inbox does because other processes read accounts of the same app: it passes callbacks on to the reader, asks for
//! those that others passed on, and waits for its turn to read without a callback's token.

use std::sync::Arc;

use tokio::runtime::Handle;
use tokio::time::sleep;

use super::in_time;
use crate::report::in_one_line;
use crate::shared::Shared;
use crate::store::{InboxKey, InboxStore, Wake};

/// Passes a callback on to the process that reads the account, in the background. `note` is called with its number.
pub(crate) fn pass_on(store: &Arc<dyn InboxStore>, key: InboxKey, wake: Wake, note: impl FnOnce(u64) + Send + 'static) {
    let Ok(runtime) = Handle::try_current() else { return };
    if store.fleet().is_none() {
        return;
    }
    let store = store.clone();
    runtime.spawn(async move {
        let Some(fleet) = store.fleet() else { return };
        match in_time(fleet.wake(&key, &wake)).await {
            Ok(number) => note(number),
            Err(error) => tracing::warn!(
                inbox = %key, error = %in_one_line(&error),
                "a callback was not passed on to the process that reads the account, which learns of the messages at its next poll"
            ),
        }
    });
}

/// Asks in the background for the callback that another process passed on last, and reads if it is a new one.
pub(super) fn ask_for_wake(shared: &Arc<Shared>) {
    if shared.store.fleet().is_none() {
        return;
    }
    let shared = shared.clone();
    tokio::spawn(async move {
        let Some(fleet) = shared.store.fleet() else { return };
        match in_time(fleet.last_wake(&shared.key)).await {
            Ok(Some((number, wake))) => shared.exchange.wake_from_afar(number, wake),
            Ok(None) => {}
            Err(error) => {
                tracing::debug!(inbox = %shared.key, error = %in_one_line(&error), "cannot ask for callbacks")
            }
        }
    });
}

/// Waits until the app may read once more without a callback's token. All processes that share the store count together. A
/// store that is down does not stop the reading, since the client paces its own reads anyway.
pub(super) async fn await_turn(shared: &Shared) {
    let Some(fleet) = shared.store.fleet().filter(|_| shared.reads_wecom) else { return };
    let (most, window) = shared.client.poll_schedule().limit();
    if window.is_zero() {
        return;
    }
    if let Ok(wait) = in_time(fleet.reserve_read(shared.key.scope(), most, window)).await {
        sleep(wait).await;
    }
}
