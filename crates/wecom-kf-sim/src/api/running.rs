//! Starts a simulator, and ends it when its last handle is dropped.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::task::AbortHandle;

use crate::api::routes::serve;
use crate::delivery;
use crate::http::connection::{Connections, Loopback};
use crate::world::corps::Corps;
use crate::world::export::{State, StateError};
use crate::world::outbox::CallbackError;
use crate::world::setup::{CallbackSetup, Corp, Setup};
use crate::world::{Listeners, World};

/// The server and the tasks of a simulator. They run until this is dropped.
pub(super) struct Running {
    pub(super) corps: Arc<Corps>,
    pub(super) address: SocketAddr,
    connections: Connections,
    tasks: Vec<AbortHandle>,
}

impl Running {
    /// Starts all corps, on the tokio runtime of the caller. The others share the settings of the first.
    pub(super) async fn start(
        wanted: SocketAddr,
        first: Setup,
        others: Vec<Corp>,
        listeners: Listeners,
        state: Option<State>,
    ) -> Result<Self, StartError> {
        let cannot_listen = |source| StartError::Listen { address: wanted, source };
        let listener = TcpListener::bind(wanted).await.map_err(cannot_listen)?;
        let address = listener.local_addr().map_err(cannot_listen)?;
        let connections = Connections::default();
        let places = others.into_iter().zip(1..);
        let others = places.map(|(corp, place)| first.of_another(corp, place)).collect();
        let (corps, queues) = Corps::new(first, others, listeners);
        if let Some(corp_id) = corps.ambiguous_id() {
            return Err(StartError::SameCorpId { corp_id: corp_id.to_owned() });
        }
        state.map_or(Ok(()), |state| corps.first().import(state))?;
        corps.all().try_for_each(|world| set_callback(world))?;
        let loopback = Loopback { listener, connections: connections.clone() };
        let server = tokio::spawn(serve(loopback, address, corps.clone()));
        let callbacks = corps.all().zip(queues);
        let callbacks = callbacks.map(|(world, jobs)| tokio::spawn(delivery::deliver_all(world.clone(), jobs)));
        let tasks = [server.abort_handle()].into_iter().chain(callbacks.map(|task| task.abort_handle())).collect();
        Ok(Self { corps, address, connections, tasks })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.tasks.iter().for_each(AbortHandle::abort);
        self.connections.close();
    }
}

/// Sets the callback URL of a corp, if its settings have one.
fn set_callback(world: &World) -> Result<(), StartError> {
    let Some(CallbackSetup { url, keys }) = &world.setup.corp.callback else { return Ok(()) };
    let keys = keys.as_ref().map(|(token, aes_key)| (token.as_str(), aes_key.as_str()));
    let (token, aes_key) = keys.unzip();
    let set = world.set_callback(url, token, aes_key);
    set.map_err(|source| StartError::Callback { corp_id: world.corp_id.clone(), source })
}

/// The simulator could not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The state cannot be loaded.
    #[error("cannot load the state")]
    State(#[from] StateError),
    /// The simulator cannot listen.
    #[error("cannot listen on {address}")]
    #[non_exhaustive]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why not.
        source: io::Error,
    },
    /// The settings of a callback are invalid.
    #[error("cannot send callbacks of the corp {corp_id}")]
    #[non_exhaustive]
    Callback {
        /// The corp that the callback belongs to.
        corp_id: String,
        /// Why not.
        source: CallbackError,
    },
    /// Two corps have the same id.
    #[error("two corps have the id {corp_id}: each needs one of its own")]
    #[non_exhaustive]
    SameCorpId {
        /// The id.
        corp_id: String,
    },
}
