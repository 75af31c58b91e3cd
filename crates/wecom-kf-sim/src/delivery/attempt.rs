//! One attempt to deliver a callback, or to verify its URL: the HTTP exchange, and its row in the journal.

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::CONTENT_TYPE;
use reqwest::redirect::Policy;
use tokio::time::{Instant, timeout};

use crate::delivery::queue::ATTEMPTS;
use crate::world::World;
use crate::world::carrier::Carrier;
use crate::world::clock::Pace;
use crate::world::delivery_problem::DeliveryProblem;
use crate::world::finding::Proof;
use crate::world::journal::{Delivery, Row, VERIFY_URL};
use crate::world::masking::MASK;
use crate::world::outbox::Job;

rule!(callback_answer_within_5_seconds);
/// WeCom waits this long for an answer.
const PATIENCE: Duration = Duration::from_secs(5);
rule!(url_verification_within_1_second);
/// When the URL is saved WeCom waits 1 second.
const VERIFY_PATIENCE: Duration = Duration::from_secs(1);
const SHOWN_ANSWER_CHARS: usize = 1_000;

/// What came of an attempt.
pub(super) struct Outcome {
    /// Its place among all that began.
    begun: u64,
    status: u16,
    answer: String,
    pub(super) problem: Option<DeliveryProblem>,
    took: Duration,
}

impl Outcome {
    /// No answer came.
    pub(super) fn unanswered(begun: u64, problem: DeliveryProblem, took: Duration) -> Self {
        Self { begun, status: 0, answer: String::new(), problem: Some(problem), took }
    }
}

/// Brings a callback to the bot, or verifies its URL, once.
pub(super) async fn carry(world: &World, job: &Job) -> Outcome {
    match &job.carrier {
        Carrier::Http { url, sealed } => {
            let request = client(world).map(|http| http.post(with_query(url, &sealed.query)));
            let request = request.map(|request| request.header(CONTENT_TYPE, "text/xml").body(sealed.body.clone()));
            exchange(world.begin(), request, PATIENCE).await
        }
        Carrier::InProcess(event) => {
            let begun = world.begin();
            world.outbox.wakers.wake(event);
            Outcome { begun, status: 200, answer: String::new(), problem: None, took: Duration::ZERO }
        }
        Carrier::Verification { url, query, text } => {
            let request = client(world).map(|http| http.get(with_query(url, query)));
            let mut outcome = exchange(world.begin(), request, VERIFY_PATIENCE).await;
            if outcome.problem.is_none() && outcome.answer != *text {
                outcome.problem = Some(explain_echo(&outcome.answer, text));
            }
            outcome
        }
    }
}

/// Returns what to post with.
fn client(world: &World) -> Option<&reqwest::Client> {
    let made = world.outbox.client.get_or_init(|| {
        // The bot is on this machine, whatever proxy the environment names.
        let client = reqwest::Client::builder().no_proxy().redirect(Policy::none()).build();
        client.inspect_err(|error| tracing::error!(%error, "no callback can be sent")).ok()
    });
    made.as_ref()
}

/// Sends a request. Without one there was no client to make it with.
async fn exchange(begun: u64, request: Option<reqwest::RequestBuilder>, patience: Duration) -> Outcome {
    let started = Instant::now();
    let Some(request) = request else {
        return Outcome::unanswered(begun, DeliveryProblem::NoConnection, Duration::ZERO);
    };
    let answered = timeout(patience, async {
        let mut response = request.send().await?;
        let status = response.status().as_u16();
        let mut answer = Vec::new();
        // No more than is shown: what a bot answers is of no use.
        while answer.len() < 4 * SHOWN_ANSWER_CHARS
            && let Some(chunk) = response.chunk().await?
        {
            answer.extend_from_slice(&chunk);
        }
        Ok::<_, reqwest::Error>((status, answer))
    });
    let answered = answered.await;
    let took = started.elapsed();
    match answered {
        Err(_) => Outcome::unanswered(begun, DeliveryProblem::Slow(patience), took),
        Ok(Err(_)) => Outcome::unanswered(begun, DeliveryProblem::NoConnection, took),
        Ok(Ok((status, answer))) => {
            rule!(only_status_200_answers);
            let problem = (status != 200).then_some(DeliveryProblem::Status(status));
            let answer = String::from_utf8_lossy(&answer).chars().take(SHOWN_ANSWER_CHARS).collect();
            Outcome { begun, status, answer, problem, took }
        }
    }
}

fn with_query(url: &str, query: &str) -> String {
    let separator = if url.contains('?') { '&' } else { '?' };
    format!("{url}{separator}{query}")
}

fn explain_echo(answer: &str, text: &str) -> DeliveryProblem {
    if answer.trim() == text {
        DeliveryProblem::EchoHasSpace
    } else if answer.trim_matches('"') == text {
        DeliveryProblem::EchoHasQuotes
    } else {
        DeliveryProblem::EchoIsWrong
    }
}

/// Writes the row of an attempt.
pub(super) fn record(world: &World, job: &Job, attempt: u8, fault: Option<String>, outcome: Outcome) -> Arc<Row> {
    let slow = match outcome.problem {
        Some(DeliveryProblem::Slow(patience)) => {
            let (event, seconds) = (job.event, patience.as_secs());
            // A URL is verified once.
            Some(match event == VERIFY_URL {
                true => Proof::verification_unanswered(event, seconds),
                false => Proof::callback_unanswered(event, seconds, attempt, ATTEMPTS),
            })
        }
        _ => None,
    };
    let reading = world.clock.read();
    let took = if reading.pace == Pace::Manual { Duration::ZERO } else { outcome.took };
    let (mut answer, mut url) = (outcome.answer, job.carrier.place().to_owned());
    let keys = world.outbox.keys();
    for text in [&mut answer, &mut url] {
        world.masking.mask_text(text);
        for secret in keys.iter().flat_map(|keys| [&keys.token, &keys.aes_key]).filter(|secret| !secret.is_empty()) {
            *text = text.replace(secret.as_str(), MASK);
        }
    }
    let delivery = Delivery {
        number: 0,
        begun: outcome.begun,
        corp_id: world.corp_id.clone(),
        event: job.event,
        url,
        at: reading.now.saturating_sub(took).as_secs(),
        took,
        attempt,
        status: outcome.status,
        problem: outcome.problem,
        fault,
        open_kfid: job.open_kfid.clone(),
        request: job.shown.clone(),
        answer,
        findings: Vec::new(),
        carrier: job.carrier.clone(),
    };
    world.record_delivery(delivery, slow)
}
