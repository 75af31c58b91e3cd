//! One connection to a Redis, made again when it is lost.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ::redis::{ErrorKind, FromRedisValue, RedisError, RedisResult, ServerErrorKind, Value};
use tokio::time::timeout;

use super::Redis;
use super::connect::{Connection, Connector, Server};
use super::error::{Failure, says};
use super::scripts::Question;

/// Sends questions to a Redis over one connection.
///
/// The redis crate has a `ConnectionManager`, but that one keeps a connection whose answers time out. If the other side
/// disappeared silently, it would do so for many minutes.
pub(super) struct Link {
    connector: Connector,
    /// The address without user and password.
    address: String,
    /// The name of the connection at the server.
    name: Option<String>,
    /// How many replicas must have a commit before it counts.
    replicas: usize,
    /// Whether the server, or a proxy in front of it, refuses to run a script by its hash.
    only_by_text: AtomicBool,
    /// Whether it has run a script by its hash.
    runs_by_hash: AtomicBool,
    connecting: tokio::sync::Mutex<()>,
    current: Mutex<Option<Live>>,
}

/// A connection in use.
#[derive(Clone)]
pub(super) struct Live {
    pub(super) connection: Connection,
    /// Distinguishes this connection from others.
    id: Arc<()>,
}

/// Whether replicas must have the result of a question.
#[derive(Clone, Copy)]
pub(super) enum Waits {
    No,
    ForReplicas,
}

impl Link {
    /// Creates a link that connects when the first question is asked.
    pub(super) fn new(connector: Connector, address: String, name: Option<String>, replicas: usize) -> Self {
        Self {
            connector,
            address,
            name,
            replicas,
            only_by_text: AtomicBool::new(false),
            runs_by_hash: AtomicBool::new(false),
            connecting: tokio::sync::Mutex::default(),
            current: Mutex::default(),
        }
    }

    pub(super) fn address(&self) -> &str {
        &self.address
    }

    pub(super) fn connector(&self) -> &Connector {
        &self.connector
    }

    pub(super) async fn ask<T: FromRedisValue>(&self, question: &Question<'_>, waits: Waits) -> Result<T, Failure> {
        let mut used = None;
        match timeout(Redis::ANSWER_TIMEOUT, self.ask_and_repeat(question, waits, &mut used)).await {
            Ok(Ok(answer)) => ::redis::from_redis_value(answer).map_err(|_| Failure::nonsense(&self.address)),
            Ok(Err(error)) => Err(self.failure(&error)),
            Err(_) => {
                self.forget(used);
                Err(Failure::silence(&self.address))
            }
        }
    }

    pub(super) fn failure(&self, error: &RedisError) -> Failure {
        match self.connector.reconnects() {
            true => Failure::of_cluster(error, &self.address),
            false => Failure::of(error, &self.address),
        }
    }

    /// Asks, and if the connection was lost, asks once more over a new one. The old one may have been cut long ago, as
    /// idle ones are.
    async fn ask_and_repeat(
        &self,
        question: &Question<'_>,
        waits: Waits,
        used: &mut Option<Live>,
    ) -> RedisResult<Value> {
        match self.ask_once(question, waits, used).await {
            Err(error) if used.is_some() && is_lost(&error) && !self.connector.reconnects() => {
                self.forget(used.take());
                // Some proxies close the connection after a command that they do not know.
                let suspects_the_hash = !self.runs_by_hash.load(Ordering::Relaxed);
                if suspects_the_hash {
                    self.only_by_text.store(true, Ordering::Relaxed);
                }
                let answer = self.ask_once(question, waits, used).await;
                if suspects_the_hash && answer.as_ref().is_err_and(is_lost) {
                    self.only_by_text.store(false, Ordering::Relaxed);
                }
                if answer.as_ref().is_err_and(is_lost) {
                    self.forget(used.take());
                }
                answer
            }
            answer => answer,
        }
    }

    async fn ask_once(&self, question: &Question<'_>, waits: Waits, used: &mut Option<Live>) -> RedisResult<Value> {
        let live = used.insert(self.live().await?);
        let answer = self.run(&mut live.connection, question, &Server::OfKeys).await?;
        if matches!(waits, Waits::ForReplicas) && self.replicas > 0 {
            self.wait_for_replicas(&mut live.connection, question.key()).await?;
        }
        Ok(answer)
    }

    /// Runs a script by its hash if the server knows it and allows that. Otherwise sends its text, which the server
    /// then remembers.
    pub(super) async fn run(
        &self,
        connection: &mut Connection,
        question: &Question<'_>,
        server: &Server,
    ) -> RedisResult<Value> {
        if !self.only_by_text.load(Ordering::Relaxed) {
            match connection.query_at(question.by_hash(), server).await {
                Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::NoScript) => {}
                Err(error) if is_refused_by_hash(&error) => self.only_by_text.store(true, Ordering::Relaxed),
                Ok(answer) => {
                    self.runs_by_hash.store(true, Ordering::Relaxed);
                    return Ok(answer);
                }
                Err(error) => return Err(error),
            }
        }
        connection.query_at(question.by_text(), server).await
    }

    /// Checks whether this user may wait for replicas, if commits do.
    pub(super) async fn try_waiting(&self, key: &str) -> Result<(), Failure> {
        if self.replicas == 0 {
            return Ok(());
        }
        let asked = async {
            let mut wait = ::redis::cmd("WAIT");
            wait.arg(0).arg(1);
            self.live().await?.connection.query_beside::<usize>(wait, key).await
        };
        match timeout(Redis::ANSWER_TIMEOUT, asked).await {
            Ok(answer) => answer.map(drop).map_err(|error| Failure::of(&error, &self.address)),
            Err(_) => Err(Failure::silence(&self.address)),
        }
    }

    async fn wait_for_replicas(&self, connection: &mut Connection, key: &str) -> RedisResult<()> {
        let mut wait = ::redis::cmd("WAIT");
        wait.arg(self.replicas).arg(Redis::REPLICA_TIMEOUT.as_millis() as u64);
        let have: usize = connection.query_beside(wait, key).await?;
        if have < self.replicas {
            let detail = format!("{have} of {} replicas have it", self.replicas);
            return Err((ErrorKind::Extension, "the commit is not on enough replicas", detail).into());
        }
        Ok(())
    }

    pub(super) async fn live(&self) -> RedisResult<Live> {
        if let Some(live) = self.current().clone() {
            return Ok(live);
        }
        let _one_at_a_time = self.connecting.lock().await;
        if let Some(live) = self.current().clone() {
            return Ok(live);
        }
        let mut connection = self.connector.connect().await?;
        if let Some(name) = &self.name {
            let mut command = ::redis::cmd("CLIENT");
            command.arg("SETNAME").arg(name);
            if let Err(error) = connection.query::<()>(&command).await {
                // Some services do not let their users name connections.
                tracing::debug!(code = error.code(), "the connection with Redis has no name");
            }
        }
        Ok(self.current().insert(Live { connection, id: Arc::default() }).clone())
    }

    pub(super) fn forget(&self, lost: Option<Live>) {
        if let Some(lost) = lost {
            self.current().take_if(|live| Arc::ptr_eq(&live.id, &lost.id));
        }
    }

    fn current(&self) -> MutexGuard<'_, Option<Live>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waits for an answer that is not limited in another way.
pub(super) async fn in_time<T>(asked: impl Future<Output = RedisResult<T>>) -> RedisResult<T> {
    match timeout(Redis::ANSWER_TIMEOUT, asked).await {
        Ok(answer) => answer,
        Err(_) => Err((ErrorKind::Io, "no answer").into()),
    }
}

/// Returns whether to connect again. The connection also counts as lost if the primary became a replica, or is not ready,
/// since the address or the sentinels may now lead to another server.
pub(super) fn is_lost(error: &RedisError) -> bool {
    error.is_io_error()
        || error.kind() == ErrorKind::Parse
        || error.is_unrecoverable_error()
        || ["READONLY", "MASTERDOWN", "LOADING", "UNBLOCKED"].iter().any(|code| says(error, code))
}

/// Returns whether `EVALSHA` is forbidden for this user, or unknown to a proxy.
fn is_refused_by_hash(error: &RedisError) -> bool {
    error.code() == Some("NOPERM") || error.detail().is_some_and(|detail| detail.contains("unknown command"))
}
