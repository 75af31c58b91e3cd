use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ::redis::aio::MultiplexedConnection;
use ::redis::{
    AsyncConnectionConfig, Client, ErrorKind, FromRedisValue, RedisError, RedisResult, ScriptInvocation,
    ServerErrorKind,
};
use tokio::time::timeout;

use super::Redis;
use crate::store::StoreError;

/// One connection, made anew when it is lost.
///
/// The redis crate has a `ConnectionManager` for that, but it keeps a connection whose answers time out: if the other
/// side went away without a word, for many minutes.
pub(super) struct Link {
    client: Client,
    connecting: tokio::sync::Mutex<()>,
    current: Mutex<Option<Live>>,
}

#[derive(Clone)]
struct Live {
    connection: MultiplexedConnection,
    /// Tells it from others.
    id: Arc<()>,
}

impl Link {
    /// Connects when it is first asked.
    pub(super) fn new(url: &str) -> Result<Self, StoreError> {
        let client = Client::open(url).map_err(|error| StoreError::Settings(bad_url(url, &error)))?;
        Ok(Self { client, connecting: tokio::sync::Mutex::default(), current: Mutex::default() })
    }

    /// Without user and password.
    pub(super) fn address(&self) -> String {
        let info = self.client.get_connection_info();
        match info.redis_settings().db() {
            0 => info.addr().to_string(),
            database => format!("{}/{database}", info.addr()),
        }
    }

    pub(super) async fn ask<T: FromRedisValue>(&self, question: &ScriptInvocation<'_>) -> Result<T, StoreError> {
        let mut used = None;
        match timeout(Redis::ANSWER_TIMEOUT, self.ask_and_repeat(question, &mut used)).await {
            Ok(answer) => answer.map_err(|error| explain(&error, &self.address())),
            Err(_) => {
                self.forget(used);
                let (address, limit) = (self.address(), Redis::ANSWER_TIMEOUT.as_secs());
                Err(StoreError::down(format!("no answer of the Redis at {address} within {limit} s")))
            }
        }
    }

    /// If the connection was lost, asks once more over a new one: it may have been cut long ago, as idle ones are. All
    /// scripts may be repeated.
    async fn ask_and_repeat<T: FromRedisValue>(
        &self,
        question: &ScriptInvocation<'_>,
        used: &mut Option<Live>,
    ) -> RedisResult<T> {
        match self.ask_once(question, used).await {
            Err(error) if used.is_some() && is_lost(&error) => {
                self.forget(used.take());
                let answer = self.ask_once(question, used).await;
                if answer.as_ref().is_err_and(is_lost) {
                    self.forget(used.take());
                }
                answer
            }
            answer => answer,
        }
    }

    async fn ask_once<T: FromRedisValue>(
        &self,
        question: &ScriptInvocation<'_>,
        used: &mut Option<Live>,
    ) -> RedisResult<T> {
        let live = used.insert(self.live().await?);
        question.invoke_async(&mut live.connection).await
    }

    async fn live(&self) -> RedisResult<Live> {
        if let Some(live) = self.current().clone() {
            return Ok(live);
        }
        let _one_at_a_time = self.connecting.lock().await;
        if let Some(live) = self.current().clone() {
            return Ok(live);
        }
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(Redis::CONNECT_TIMEOUT))
            // The limit of a call is kept by `ask`, which learns by it that the connection is lost.
            .set_response_timeout(None);
        let connection = self.client.get_multiplexed_async_connection_with_config(&config).await?;
        Ok(self.current().insert(Live { connection, id: Arc::default() }).clone())
    }

    fn forget(&self, lost: Option<Live>) {
        if let Some(lost) = lost {
            self.current().take_if(|live| Arc::ptr_eq(&live.id, &lost.id));
        }
    }

    fn current(&self) -> MutexGuard<'_, Option<Live>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Also if the primary became a replica: the address may lead to the new one.
fn is_lost(error: &RedisError) -> bool {
    error.is_io_error() || error.is_unrecoverable_error() || says(error, "READONLY")
}

/// Whether Redis answered with this code, be it through a script, which older ones put before it.
fn says(error: &RedisError, code: &str) -> bool {
    error.code() == Some(code) || error.detail().is_some_and(|detail| detail.contains(code))
}

/// The URL may hold a password, and is not shown.
fn bad_url(url: &str, error: &RedisError) -> String {
    let is_tls = ["rediss:", "valkeys:"].iter().any(|scheme| url.starts_with(scheme));
    if is_tls && cfg!(not(feature = "redis-rustls")) {
        return "the URL of the Redis asks for TLS; build wecom-kf-inbox with the feature redis-rustls".to_owned();
    }
    // Without a detail it is a fixed text.
    let what = if error.detail().is_none() { error.to_string() } else { "it cannot be read".to_owned() };
    format!("the URL of the Redis: {what}; it should be like redis://:PASSWORD@127.0.0.1:6379/0")
}

/// For the person on call.
fn explain(error: &RedisError, address: &str) -> StoreError {
    let answer = in_words(error);
    match error.kind() {
        ErrorKind::Io => StoreError::down(format!("no connection with the Redis at {address}: {error}")),
        ErrorKind::Parse | ErrorKind::UnexpectedReturnType => StoreError::corrupt(format!(
            "the Redis at {address} answered what no script of ours does; what is below wecom-kf: may be another program's"
        )),
        ErrorKind::Server(ServerErrorKind::Moved | ServerErrorKind::Ask | ServerErrorKind::CrossSlot) => {
            StoreError::Settings(format!("the Redis at {address} is part of a cluster, for which a proxy is needed"))
        }
        _ if says(error, "WRONGTYPE") => StoreError::corrupt(format!(
            "what the Redis at {address} has below wecom-kf: is another program's ({answer})"
        )),
        _ => StoreError::down(format!("the Redis at {address} refused: {answer}{}", advice(error))),
    }
}

fn advice(error: &RedisError) -> &'static str {
    if error.kind() == ErrorKind::AuthenticationFailed || says(error, "NOAUTH") || says(error, "WRONGPASS") {
        "; put the right user and password into its URL"
    } else if says(error, "NOPERM") {
        "; let the user run scripts, on the keys wecom-kf:*"
    } else if says(error, "READONLY") {
        "; that is a replica, the URL should lead to the primary"
    } else {
        ""
    }
}

/// What Redis said, without the arguments that it may repeat: passwords, tokens, what customers wrote.
fn in_words(error: &RedisError) -> String {
    let words = match (error.code(), error.detail()) {
        (Some(code), Some(detail)) => format!("{code} {detail}"),
        (Some(code), None) => code.to_owned(),
        (None, _) => error.category().to_owned(),
    };
    let end = ["with args", "args beginning"].iter().filter_map(|start| words.find(start)).min();
    words[..end.unwrap_or(words.len())].trim_end_matches([' ', ',']).to_owned()
}
