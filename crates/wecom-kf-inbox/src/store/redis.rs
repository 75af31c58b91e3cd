use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use ::redis::ScriptInvocation;
use wecom_kf::{AccessToken, BoxFuture, ErrCode};

use self::link::Link;
use self::scripts::Scripts;
use super::{
    Acquired, Commit, InboxKey, InboxState, InboxStore, Lease, Parked, REMEMBERED, Refresh, StoreError, StoredToken,
    TokenFailure, TokenKey, TokenOutcome, TokenStore, TokenTurn, TokenWish,
};

mod link;
mod scripts;

/// Keeps everything in a Redis, for many processes on many machines: access tokens, cursors, leases, parked messages.
/// Redis 6.2 or later, or Valkey. Clones share one connection, which is made anew when it is lost.
///
/// Every step is one script, which Redis runs alone; time is Redis's. A call takes 5 seconds at most
/// ([`ANSWER_TIMEOUT`](Self::ANSWER_TIMEOUT)), then the store counts as [down](StoreError::Down).
///
/// **What it promises is what that Redis promises.** With `appendonly yes` and `appendfsync always` nothing that was
/// committed is lost; with `everysec`, the usual, up to a second of it when the machine fails. Without an append-only
/// file, and when a replica takes over that had not heard the last of it, Redis forgets: an inbox that runs writes its
/// place back, one that starts obeys its cold start, parked messages are gone. Set `maxmemory-policy noeviction`, or
/// Redis forgets whenever it is short of memory.
///
/// It holds access tokens, and what customers wrote in parked messages: keep others away from it. Of the secret it has a
/// fingerprint only. All keys begin with `wecom-kf:`, those of one inbox or token lie on one node of a cluster. An
/// account that is given up leaves `…:state` and `…:settled` behind, which can be deleted.
#[derive(Clone)]
pub struct Redis(Arc<Inner>);

struct Inner {
    link: Link,
    scripts: Scripts,
}

impl Redis {
    /// How long a connection may take to come about.
    pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
    /// How long a call may take, a new connection included.
    pub const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

    /// Connects to `redis://[user][:password@]host[:port][/database]`, `rediss://…` for TLS (feature `redis-rustls`), or
    /// `unix:///path`.
    ///
    /// # Errors
    ///
    /// [`StoreError::Settings`]: the URL cannot be used. [`StoreError::Down`]: it cannot be reached, or refuses the
    /// login or scripts. The password is in none of them.
    pub async fn open(url: &str) -> Result<Self, StoreError> {
        let redis = Self(Arc::new(Inner { link: Link::new(url)?, scripts: Scripts::new() }));
        // That it answers, and runs scripts for this user, is better known now than at the first message.
        let _: i64 = redis.ask(&redis.scripts().probe.prepare_invoke()).await?;
        Ok(redis)
    }

    fn scripts(&self) -> &Scripts {
        &self.0.scripts
    }

    async fn ask<T: ::redis::FromRedisValue>(&self, question: &ScriptInvocation<'_>) -> Result<T, StoreError> {
        self.0.link.ask(question).await
    }

    async fn commit(&self, lease: &Lease, commit: &Commit) -> Result<(), StoreError> {
        let mut question = self.scripts().commit.prepare_invoke();
        all_keys(&mut question, &lease.key);
        question
            .arg(&lease.holder)
            .arg(lease.fence)
            .arg(commit.revision)
            .arg(optional(commit.cursor.as_deref()))
            .arg(optional(commit.since))
            .arg(REMEMBERED)
            .arg(commit.settled.len())
            .arg(commit.unparked.len())
            .arg(commit.parked.len())
            .arg(&commit.settled)
            .arg(&commit.unparked);
        for parked in &commit.parked {
            question.arg(&parked.id).arg(parked.keep_until).arg(to_json(parked)?);
        }
        current(self.ask(&question).await?)
    }

    async fn load(&self, key: &InboxKey) -> Result<InboxState, StoreError> {
        let mut question = self.scripts().load.prepare_invoke();
        question.key(inbox_key(key, "state")).key(inbox_key(key, "settled"));
        let (revision, cursor, since, settled): (Option<String>, _, Option<String>, _) = self.ask(&question).await?;
        Ok(InboxState {
            revision: revision.map_or(Ok(0), |revision| number(&revision, key))?,
            cursor,
            since: since.map(|since| number(&since, key)).transpose()?,
            settled,
        })
    }

    async fn parked(&self, key: &InboxKey) -> Result<Vec<Parked>, StoreError> {
        let mut question = self.scripts().parked.prepare_invoke();
        all_keys(&mut question, key);
        let values: Vec<String> = self.ask(&question).await?;
        let read: Option<Vec<(u64, Parked)>> = values.iter().map(|value| from_value(value)).collect();
        let mut all = read.ok_or_else(|| StoreError::corrupt(format!("a parked message of {key}")))?;
        all.sort_by_key(|(order, _)| *order);
        Ok(all.into_iter().map(|(_, parked)| parked).collect())
    }

    async fn acquire(&self, key: &InboxKey, holder: &str, limit: Duration) -> Result<Acquired, StoreError> {
        let mut question = self.scripts().acquire.prepare_invoke();
        question.key(inbox_key(key, "lease")).key(inbox_key(key, "state")).arg(holder).arg(limit_in_ms(limit));
        let (outcome, value, left): (String, String, i64) = self.ask(&question).await?;
        match &*outcome {
            "lease" => {
                Ok(Acquired::Lease(Lease { key: key.clone(), holder: holder.to_owned(), fence: number(&value, key)? }))
            }
            _ => Ok(Acquired::Held { holder: value, left: Duration::from_millis(left.max(1).unsigned_abs()) }),
        }
    }

    async fn turn(&self, key: &TokenKey, wish: &TokenWish) -> Result<TokenTurn, StoreError> {
        let id = format!("{:032x}", fastrand::u128(..));
        let mut question = self.scripts().turn.prepare_invoke();
        question
            .key(token_key(key))
            .arg(&id)
            .arg(limit_in_ms(wish.limit))
            .arg(in_ms(wish.at_least))
            .arg(optional(wish.rejected.as_ref().map(AccessToken::expose)));
        let (outcome, text, number, code): (String, String, i64, String) = self.ask(&question).await?;
        Ok(match &*outcome {
            "token" => TokenTurn::Token(StoredToken {
                token: AccessToken::from(text),
                left: Duration::from_millis(number.max(0).unsigned_abs()),
            }),
            "wait" => TokenTurn::Wait,
            "failed" => TokenTurn::Failed(TokenFailure { code: code.parse().ok().map(ErrCode), message: text }),
            _ => TokenTurn::Refresh(Refresh { key: key.clone(), id, failures: number.try_into().unwrap_or(u32::MAX) }),
        })
    }

    async fn finish(&self, refresh: &Refresh, outcome: &TokenOutcome) -> Result<(), StoreError> {
        let mut question = self.scripts().finish.prepare_invoke();
        question.key(token_key(&refresh.key)).arg(&refresh.id);
        match outcome {
            TokenOutcome::Token { token, hold } => {
                question.arg(in_ms(*hold)).arg("token").arg(token.token.expose()).arg(in_ms(token.left))
            }
            TokenOutcome::Failed { failure, hold } => {
                let code = failure.code.map_or_else(String::new, |code| code.0.to_string());
                question.arg(in_ms(*hold)).arg("failed").arg(&failure.message).arg(code)
            }
        };
        current(self.ask(&question).await?)
    }
}

impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redis").field("address", &self.0.link.address()).finish_non_exhaustive()
    }
}

impl InboxStore for Redis {
    fn acquire<'a>(
        &'a self,
        key: &'a InboxKey,
        holder: &'a str,
        limit: Duration,
    ) -> BoxFuture<'a, Result<Acquired, StoreError>> {
        Box::pin(self.acquire(key, holder, limit))
    }

    fn renew<'a>(&'a self, lease: &'a Lease, limit: Duration) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async move {
            let mut question = self.scripts().renew.prepare_invoke();
            question.key(inbox_key(&lease.key, "lease")).arg(&lease.holder).arg(lease.fence).arg(limit_in_ms(limit));
            current(self.ask(&question).await?)
        })
    }

    fn release<'a>(&'a self, lease: &'a Lease) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async {
            let mut question = self.scripts().release.prepare_invoke();
            question.key(inbox_key(&lease.key, "lease")).arg(&lease.holder).arg(lease.fence);
            self.ask(&question).await
        })
    }

    fn load<'a>(&'a self, key: &'a InboxKey) -> BoxFuture<'a, Result<InboxState, StoreError>> {
        Box::pin(self.load(key))
    }

    fn commit<'a>(&'a self, lease: &'a Lease, commit: &'a Commit) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(self.commit(lease, commit))
    }

    fn parked<'a>(&'a self, key: &'a InboxKey) -> BoxFuture<'a, Result<Vec<Parked>, StoreError>> {
        Box::pin(self.parked(key))
    }

    fn drop_parked<'a>(&'a self, key: &'a InboxKey, id: &'a str) -> BoxFuture<'a, Result<bool, StoreError>> {
        Box::pin(async move {
            let mut question = self.scripts().drop_parked.prepare_invoke();
            all_keys(&mut question, key);
            self.ask(question.arg(id)).await
        })
    }
}

impl TokenStore for Redis {
    fn turn<'a>(&'a self, key: &'a TokenKey, wish: &'a TokenWish) -> BoxFuture<'a, Result<TokenTurn, StoreError>> {
        Box::pin(self.turn(key, wish))
    }

    fn finish<'a>(&'a self, refresh: &'a Refresh, outcome: &'a TokenOutcome) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(self.finish(refresh, outcome))
    }
}

/// In the braces is what a cluster goes by, so that one script finds all keys of an inbox on one node.
fn inbox_key(key: &InboxKey, what: &str) -> String {
    format!("wecom-kf:{{{}}}:{what}", without_braces(&key.to_string()))
}

fn all_keys(question: &mut ScriptInvocation<'_>, key: &InboxKey) {
    for what in ["lease", "state", "settled", "parked", "parked_until"] {
        question.key(inbox_key(key, what));
    }
}

fn token_key(key: &TokenKey) -> String {
    format!("wecom-kf:{{{}}}:token", key.as_str())
}

/// Braces of its own would end the part that a cluster goes by too early. No two texts become one.
fn without_braces(text: &str) -> String {
    text.replace('%', "%25").replace('{', "%7B").replace('}', "%7D")
}

/// `''` for none, else `=` and the value.
fn optional(value: Option<impl fmt::Display>) -> String {
    value.map_or_else(String::new, |value| format!("={value}"))
}

fn in_ms(duration: Duration) -> u64 {
    /// Three years: more would leave the range of Redis's clock.
    const LONGEST: u64 = 1000 * 86_400_000;
    u64::try_from(duration.as_millis()).unwrap_or(LONGEST).min(LONGEST)
}

/// A limit of 0 would be none.
fn limit_in_ms(duration: Duration) -> u64 {
    in_ms(duration).max(1)
}

/// What scripts answer to the holder of a lease or a turn: 0 if it is not the current one.
fn current(answer: i64) -> Result<(), StoreError> {
    if answer == 0 { Err(StoreError::StaleLease) } else { Ok(()) }
}

fn number<T: std::str::FromStr>(text: &str, key: &InboxKey) -> Result<T, StoreError> {
    text.parse().map_err(|_| StoreError::corrupt(format!("a number in the state of {key}")))
}

fn to_json(parked: &Parked) -> Result<String, StoreError> {
    serde_json::to_string(parked).map_err(|_| StoreError::corrupt("a message to be parked that is no JSON"))
}

/// `order JSON`: which one it is of all that were ever parked, then the message.
fn from_value(value: &str) -> Option<(u64, Parked)> {
    let (order, json) = value.split_once(' ')?;
    Some((order.parse().ok()?, serde_json::from_str(json).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_keys_of_an_inbox_share_what_a_cluster_goes_by() {
        let key = InboxKey::new("http://127.0.0.1:9500/ww1", "wk1".into());
        assert_eq!(inbox_key(&key, "lease"), "wecom-kf:{http://127.0.0.1:9500/ww1/wk1}:lease");
        let odd = InboxKey::new("}a{%7D", "wk}".into());
        assert_eq!(inbox_key(&odd, "state"), "wecom-kf:{%7Da%7B%257D/wk%7D}:state");
    }
}
