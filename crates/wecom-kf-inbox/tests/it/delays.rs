//! How long customers wait for each other: one figure per test, on a paused clock.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::StreamExt;
use tokio::time::{Instant, sleep, timeout};
use wecom_kf_inbox::store::Memory;
use wecom_kf_inbox::{Delivery, Failure, InboxBuilder, InboxHandle};

use crate::fake::{FakeStore, FakeWeCom, KF, builder, callback, enters, now, text};

const SECOND: Duration = Duration::from_secs(1);

/// When a message was written, and when its handler ended.
type Written = (Instant, Option<Instant>);

/// The times of each message.
#[derive(Clone, Default)]
struct Times(Arc<Mutex<BTreeMap<String, Written>>>);

impl Times {
    fn write(&self, wecom: &FakeWeCom, inbox: &InboxHandle, messages: impl IntoIterator<Item = (String, String)>) {
        let messages: Vec<(String, String)> = messages.into_iter().collect();
        for (id, _) in &messages {
            self.0.lock().unwrap().insert(id.clone(), (Instant::now(), None));
        }
        wecom.add(messages.iter().map(|(id, customer)| text(id, customer)));
        inbox.wake(&callback(KF, "T", now()));
    }

    fn ends(&self, id: &str) {
        self.0.lock().unwrap().get_mut(id).unwrap().1.get_or_insert_with(Instant::now);
    }

    /// Returns the longest time from writing to the end of the handler, among messages whose id begins with `prefix`.
    fn longest(&self, prefix: &str) -> Duration {
        let times = self.0.lock().unwrap();
        let all = times.iter().filter(|(id, _)| id.starts_with(prefix));
        let took = |(id, (written, ended)): (&String, &Written)| {
            ended.unwrap_or_else(|| panic!("{id} was not handled")) - *written
        };
        all.map(took).max().expect("some were written")
    }
}

/// Returns an account whose calls take 50 ms each.
fn account() -> (FakeWeCom, InboxBuilder) {
    let wecom = FakeWeCom::new(1000, []).delay(Duration::from_millis(50));
    let builder = builder(&wecom, FakeStore::default());
    (wecom, builder)
}

/// Writes one message a second during this time, each of another customer, and also what `more` adds. Handles all of
/// them with `handler`.
async fn one_a_second<F>(
    seconds: usize,
    more: impl Fn(usize) -> Option<(String, String)>,
    handler: impl Fn(Delivery) -> F + Send + Sync + 'static,
) -> Times
where
    F: Future<Output = Result<(), Failure>> + Send + 'static,
{
    let (wecom, builder) = account();
    let inbox = builder.open().await.unwrap();
    let (handle, times) = (inbox.handle(), Times::default());
    let ended = times.clone();
    let run = tokio::spawn(inbox.run(move |delivery| {
        let (id, ended, handling) = (delivery.id().to_owned(), ended.clone(), handler(delivery));
        async move {
            handling.await?;
            ended.ends(&id);
            Ok(())
        }
    }));
    sleep(SECOND).await;
    for number in 0..seconds {
        let good = (format!("good{number}"), format!("wm{number}"));
        times.write(&wecom, &handle, [good].into_iter().chain(more(number)));
        sleep(SECOND).await;
    }
    sleep(SECOND * 200).await;
    run.abort();
    times
}

async fn fails_if_bad(delivery: Delivery) -> Result<(), Failure> {
    sleep(Duration::from_millis(10)).await;
    if delivery.id().starts_with("bad") { Err(Failure::retry("always")) } else { Ok(()) }
}

#[tokio::test(start_paused = true)]
async fn others_wait_at_most_200_ms_beside_a_message_that_always_fails() {
    let bad = |number| (number == 5).then(|| ("bad".to_owned(), "wmBad".to_owned()));
    let longest = one_a_second(700, bad, fails_if_bad).await.longest("good");
    println!("beside an always-failing message: {longest:?}");
    assert!(longest <= Duration::from_millis(200), "{longest:?}");
}

#[tokio::test(start_paused = true)]
async fn others_wait_at_most_200_ms_beside_a_handler_of_a_minute() {
    let slow = |number| (number == 5).then(|| ("slow".to_owned(), "wmSlow".to_owned()));
    let times = one_a_second(100, slow, |delivery| async move {
        sleep(if delivery.id() == "slow" { SECOND * 60 } else { SECOND / 100 }).await;
        Ok(())
    });
    let longest = times.await.longest("good");
    println!("beside a handler of 60 s: {longest:?}");
    assert!(longest <= Duration::from_millis(200), "{longest:?}");
}

#[tokio::test(start_paused = true)]
async fn others_wait_at_most_a_second_beside_a_customer_who_fails_every_40_s() {
    let bad = |number| (number % 40 == 5).then(|| (format!("bad{number}"), "wmBad".to_owned()));
    let longest = one_a_second(600, bad, fails_if_bad).await.longest("good");
    println!("beside a customer who fails every 40 s, for 10 minutes: {longest:?}");
    assert!(longest <= SECOND, "{longest:?}");
}

#[tokio::test(start_paused = true)]
async fn handlers_of_10_s_at_one_message_a_second_end_within_10_and_a_half() {
    let times = one_a_second(
        300,
        |_| None,
        |_| async {
            sleep(SECOND * 10).await;
            Ok(())
        },
    );
    let longest = times.await.longest("good");
    println!("all handlers take 10 s, one message a second: {longest:?}");
    assert!(longest <= Duration::from_millis(10_500), "{longest:?}");
}

#[tokio::test(start_paused = true)]
async fn two_customers_a_second_get_5_s_answers_within_5_500_ms() {
    let second = |number| Some((format!("good{number}b"), format!("wm{number}b")));
    let times = one_a_second(120, second, |_| async {
        sleep(SECOND * 5).await;
        Ok(())
    });
    let longest = times.await.longest("good");
    println!("two customers a second, 5 s answers: {longest:?}");
    assert!(longest <= Duration::from_millis(5500), "{longest:?}");
}

#[tokio::test(start_paused = true)]
async fn a_customer_is_welcomed_while_another_handler_takes_25_s() {
    let wecom = FakeWeCom::new(1, [text("slow", "wmSlow"), text("quick", "wmB")]);
    let mut inbox = builder(&wecom, Memory::new()).open().await.unwrap();
    let _slow = inbox.next().await.unwrap().unwrap();
    inbox.next().await.unwrap().unwrap().ack();
    sleep(SECOND).await;
    wecom.add([enters("enters", "wmC", now())]);
    inbox.wake(&callback(KF, "T", now()));
    let welcome = timeout(Duration::from_millis(200), inbox.next()).await.expect("it does not wait");
    assert_eq!(welcome.unwrap().unwrap().id(), "enters");
}
