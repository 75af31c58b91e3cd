//! The corps of one simulator, found by id.

use std::sync::Arc;

use tokio::sync::mpsc::Receiver;

use crate::world::masking::Masking;
use crate::world::outbox::Job;
use crate::world::setup::Setup;
use crate::world::{Listeners, World};

/// The corps of a simulator, in their order. They share its address and its clock, and nothing else.
#[derive(Debug)]
pub(crate) struct Corps {
    first: Arc<World>,
    others: Vec<Arc<World>>,
}

impl Corps {
    /// The corps, and of each the callbacks that wait.
    pub(crate) fn new(first: Setup, others: Vec<Setup>, listeners: Listeners) -> (Arc<Self>, Vec<Receiver<Job>>) {
        let (clock, listeners) = (Arc::new(first.clock()), Arc::new(listeners));
        let secret_and_ids = |setup: &Setup| {
            let platform = setup.platform();
            (platform.secret, platform.ids)
        };
        let masking = Arc::new(Masking::new([&first].into_iter().chain(&others).map(secret_and_ids)));
        let mut queues = Vec::new();
        let corps = Arc::new_cyclic(|corps| {
            let mut found = |setup: Setup| {
                let (world, jobs) = World::new(setup, clock.clone(), masking.clone(), listeners.clone(), corps.clone());
                queues.push(jobs);
                Arc::new(world)
            };
            let first = found(first);
            Self { first, others: others.into_iter().map(found).collect() }
        });
        (corps, queues)
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Arc<World>> {
        [&self.first].into_iter().chain(&self.others)
    }

    pub(crate) fn first(&self) -> &Arc<World> {
        &self.first
    }

    pub(crate) fn others(&self) -> &[Arc<World>] {
        &self.others
    }

    pub(crate) fn find(&self, corp_id: &str) -> Option<&Arc<World>> {
        self.all().find(|world| world.corp_id == corp_id)
    }

    /// The corp that issued an access token, whatever became of it since.
    pub(crate) fn issuer(&self, access_token: &str) -> Option<&Arc<World>> {
        self.all().find(|world| world.has_issued(access_token))
    }

    /// A corp id that two of them have.
    pub(crate) fn ambiguous_id(&self) -> Option<&str> {
        let is_another = |one: &Arc<World>| self.find(&one.corp_id).is_some_and(|first| !Arc::ptr_eq(first, one));
        self.all().find(|world| is_another(world)).map(|world| world.corp_id.as_str())
    }
}
