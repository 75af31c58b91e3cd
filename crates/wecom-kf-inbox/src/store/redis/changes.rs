//! Receives the messages about changes of inboxes, over one connection for all of them.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ::redis::RedisResult;
use futures_util::stream::{BoxStream, StreamExt};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::link::{Link, in_time};
use wecom_kf::__private::Backoff;

use crate::store::memory::Changes;
use crate::store::{Change, InboxKey};

/// The waits before another attempt to listen. They double, since a proxy may never allow it.
const AGAIN_AFTER: Backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(60));
/// After this much silence, the connection is checked with a `PING`.
const PING_AFTER: Duration = Duration::from_secs(30);

/// The listeners, and the task that receives for them. The task ends when this is dropped.
#[derive(Default)]
pub(super) struct Listeners {
    shared: Arc<Shared>,
    task: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Default)]
struct Shared {
    changes: Changes,
    channels: Mutex<HashMap<String, InboxKey>>,
    /// Wakes the task when there are channels to subscribe to.
    news: Notify,
}

impl Shared {
    fn channels(&self) -> MutexGuard<'_, HashMap<String, InboxKey>> {
        self.channels.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, channel: &str, change: Change) {
        let key = self.channels().get(channel).cloned();
        if let Some(key) = key {
            self.changes.tell(&key, change);
        }
    }
}

impl Listeners {
    /// Without a runtime, no task can listen.
    pub(super) fn listen(&self, link: &Arc<Link>, key: &InboxKey, channel: String) -> BoxStream<'static, Change> {
        let stream = self.shared.changes.listen(key);
        self.shared.channels().insert(channel, key.clone());
        self.shared.news.notify_one();
        let mut task = self.task.lock().unwrap_or_else(PoisonError::into_inner);
        if task.is_none()
            && link.connector().can_listen()
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            *task = Some(runtime.spawn(hear(link.clone(), self.shared.clone())));
        }
        stream
    }
}

impl Drop for Listeners {
    fn drop(&mut self) {
        if let Some(task) = self.task.get_mut().unwrap_or_else(PoisonError::into_inner) {
            task.abort();
        }
    }
}

async fn hear(link: Arc<Link>, shared: Arc<Shared>) {
    let mut failures = 0_u32;
    loop {
        let mut has_listened = false;
        if let Err(error) = hear_until_it_fails(&link, &shared, &mut has_listened).await {
            tracing::debug!(code = error.code(), "not hearing what other processes tell through Redis");
        }
        failures = if has_listened { 0 } else { failures.saturating_add(1) };
        sleep(AGAIN_AFTER.wait(failures)).await;
    }
}

async fn hear_until_it_fails(link: &Link, shared: &Shared, has_listened: &mut bool) -> RedisResult<()> {
    let (mut sink, mut heard) = in_time(link.connector().listen()).await?.split();
    let mut subscribed = HashSet::new();
    loop {
        let new: Vec<String> =
            shared.channels().keys().filter(|channel| !subscribed.contains(*channel)).cloned().collect();
        if !new.is_empty() {
            in_time(sink.subscribe(&new)).await?;
            *has_listened = true;
            // Messages may have been missed before. The listeners of other channels have missed nothing: if they were told too,
            // a thousand inboxes that are opened one after the other would ask the store a million times.
            for channel in &new {
                shared.tell(channel, Change::Something);
            }
            subscribed.extend(new);
        }
        tokio::select! {
            message = timeout(PING_AFTER, heard.next()) => match message {
                Ok(Some(message)) => {
                    let what: String = message.get_payload().unwrap_or_default();
                    shared.tell(message.get_channel_name(), change_of(&what));
                }
                Ok(None) => return Ok(()),
                Err(_) => in_time(sink.ping::<::redis::Value>()).await.map(drop)?,
            },
            () = shared.news.notified() => {}
        }
    }
}

fn change_of(what: &str) -> Change {
    match what {
        "released" => Change::Released,
        "replay" => Change::ReplayWished,
        "woken" => Change::Woken,
        "members" => Change::Members,
        _ => Change::Something,
    }
}
