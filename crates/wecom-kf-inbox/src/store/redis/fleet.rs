//! Fleets in a [`Redis`]: callbacks for readers, members, and reads that are counted together.

use std::collections::BTreeSet;
use std::time::Duration;

use wecom_kf::{Bilingual, BoxFuture};

use super::{Question, Redis, in_ms, limit_in_ms};
use crate::store::{FleetStore, InboxKey, StoreError, WAKE_KEPT, Wake};

impl FleetStore for Redis {
    fn wake<'a>(&'a self, key: &'a InboxKey, wake: &'a Wake) -> BoxFuture<'a, Result<u64, StoreError>> {
        Box::pin(async move {
            let json = serde_json::to_string(wake)
                .map_err(|_| StoreError::corrupt(Bilingual::fixed("a callback cannot be written", "回调无法写入")))?;
            let mut question = Question::new(&self.0.scripts.wake, self.0.keys.of_wake(key));
            question.arg(json).arg(limit_in_ms(WAKE_KEPT)).arg(self.0.keys.channel(key));
            self.ask(&question).await
        })
    }

    fn last_wake<'a>(&'a self, key: &'a InboxKey) -> BoxFuture<'a, Result<Option<(u64, Wake)>, StoreError>> {
        Box::pin(async move {
            let question = Question::new(&self.0.scripts.last_wake, self.0.keys.of_wake(key));
            let (number, json): (Option<u64>, Option<String>) = self.ask(&question).await?;
            let Some((number, json)) = number.zip(json) else { return Ok(None) };
            let wake = serde_json::from_str(&json).map_err(|_| {
                StoreError::corrupt(Bilingual::new(
                    format!("the callback kept for {key} cannot be read"),
                    format!("为 {key} 保存的回调无法读取"),
                ))
            })?;
            Ok(Some((number, wake)))
        })
    }

    fn meet<'a>(
        &'a self,
        fleet: &'a str,
        member: &'a str,
        limit: Duration,
    ) -> BoxFuture<'a, Result<BTreeSet<String>, StoreError>> {
        Box::pin(async move {
            let mut question = Question::new(&self.0.scripts.meet, self.0.keys.of_fleet(fleet));
            question.arg(member).arg(limit_in_ms(limit)).arg(self.0.keys.channel(&InboxKey::of_fleet(fleet)));
            self.ask(&question).await
        })
    }

    fn leave<'a>(&'a self, fleet: &'a str, member: &'a str) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async move {
            let mut question = Question::new(&self.0.scripts.leave, self.0.keys.of_fleet(fleet));
            question.arg(member).arg(self.0.keys.channel(&InboxKey::of_fleet(fleet)));
            self.ask::<i64>(&question).await.map(drop)
        })
    }

    fn reserve_read<'a>(
        &'a self,
        fleet: &'a str,
        most: usize,
        window: Duration,
    ) -> BoxFuture<'a, Result<Duration, StoreError>> {
        Box::pin(async move {
            let mut question = Question::new(&self.0.scripts.reserve_read, self.0.keys.of_fleet(fleet));
            // The last argument tells reads at the same time apart, and a repeated question from a new one.
            question.arg(most.max(1)).arg(in_ms(window)).arg(format!("{:016x}", fastrand::u64(..)));
            self.ask(&question).await.map(Duration::from_millis)
        })
    }
}
