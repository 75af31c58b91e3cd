//! Which callbacks are delivered when: the outbox in its order, faults, up to three attempts [91144], repeats, and the
//! verification of the URL.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::Receiver;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::delivery::attempt::{Outcome, carry, record};
use crate::world::World;
use crate::world::carrier::Carrier;
use crate::world::delivery_problem::DeliveryProblem;
use crate::world::fault::Effect;
use crate::world::journal::{Delivery, Row};
use crate::world::outbox::Job;

rule!(callback_is_tried_3_times);
/// WeCom tries this often.
pub(super) const ATTEMPTS: u8 = 3;
rule!(pause_between_callback_attempts);
const PAUSE: Duration = Duration::from_millis(200);
/// A reordered callback waits this long for the one that is to overtake it.
const OVERTAKING: Duration = Duration::from_secs(2);
/// At most this many callbacks are in progress at once.
const IN_PROGRESS: usize = 64;

/// Delivers the callbacks that come, until it is dropped.
pub(crate) async fn deliver_all(world: Arc<World>, mut jobs: Receiver<Job>) {
    let mut in_progress = JoinSet::new();
    while let Some(job) = jobs.recv().await {
        let fault = world.faults.hit_callback();
        if fault == Some(Effect::Reordered) {
            // The next one goes first, whatever fault hits it.
            if let Ok(Some(next)) = timeout(OVERTAKING, jobs.recv()).await {
                // Overtaken is what arrives later.
                deliver(world.clone(), next, world.faults.hit_callback()).await;
            }
        }
        start(&mut in_progress, &world, job, fault).await;
    }
}

async fn start(in_progress: &mut JoinSet<()>, world: &Arc<World>, job: Job, fault: Option<Effect>) {
    if fault.is_some() {
        world.tell_faults();
    }
    while in_progress.try_join_next().is_some() {}
    if in_progress.len() == IN_PROGRESS {
        in_progress.join_next().await;
    }
    in_progress.spawn(deliver(world.clone(), job, fault));
}

async fn deliver(world: Arc<World>, job: Job, fault: Option<Effect>) {
    let shown = fault.as_ref().map(Effect::to_string);
    match fault {
        Some(Effect::Lost) => {
            let lost = Outcome::unanswered(world.begin(), DeliveryProblem::Lost, Duration::ZERO);
            record(&world, &job, 1, shown, lost);
            return;
        }
        Some(Effect::Late(by)) => sleep(by).await,
        Some(Effect::Duplicated) => try_thrice(&world, &job, shown.clone()).await,
        _ => {}
    }
    try_thrice(&world, &job, shown).await;
}

async fn try_thrice(world: &World, job: &Job, fault: Option<String>) {
    for attempt in 1..=ATTEMPTS {
        if attempt > 1 {
            sleep(PAUSE).await;
        }
        let outcome = carry(world, job).await;
        let is_done = outcome.problem.is_none();
        record(world, job, attempt, fault.clone(), outcome);
        if is_done {
            return;
        }
    }
}

/// Delivers the callback of a row once more. Returns the new row, or `None` if no URL is set.
pub(crate) async fn repeat(world: &World, delivery: &Delivery) -> Option<Arc<Row>> {
    let carrier = match delivery.carrier.clone() {
        Carrier::Http { sealed, .. } => Carrier::Http { url: world.outbox.url()?, sealed },
        other => other,
    };
    let (open_kfid, shown) = (delivery.open_kfid.clone(), delivery.request.clone());
    let job = Job { carrier, event: delivery.event, open_kfid, shown };
    let outcome = carry(world, &job).await;
    Some(record(world, &job, 1, None, outcome))
}

/// Verifies the URL as WeCom does when the settings are saved. Returns the row, or `None` if no URL is set.
pub(crate) async fn verify(world: &World) -> Option<Arc<Row>> {
    let job = world.verification()?;
    let outcome = carry(world, &job).await;
    Some(record(world, &job, 1, None, outcome))
}
