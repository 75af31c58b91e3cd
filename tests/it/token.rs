//! The access token: one load for all callers, a shared outcome, no loops. With a paused clock, unless a test says otherwise.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::Barrier;
use tokio::time::{Instant, advance, sleep, timeout};
use wecom_kf::raw::Repeat;
use wecom_kf::{
    AccessToken, BoxFuture, Client, Credentials, ErrCode, Error, IssuedToken, Lang, RetryPolicy, TokenSource,
};

use crate::fake::{FakeCall, FakeSource};
use crate::line;

const HOURS_2: Duration = Duration::from_secs(7200);

async fn thousand_gets(client: &Client) -> Vec<Result<String, Error>> {
    let get = || async { client.token().get().await.map(|token| token.expose().to_owned()) };
    join_all((0..1000).map(|_| get())).await
}

#[tokio::test(start_paused = true)]
async fn a_thousand_callers_share_one_load_also_after_expiry() {
    let source = FakeSource::numbered();
    let client = source.client();
    assert!(thousand_gets(&client).await.into_iter().all(|token| token.unwrap() == "T1"));
    assert_eq!(source.loads(), 1);
    advance(HOURS_2 + Duration::from_secs(1)).await;
    assert!(thousand_gets(&client).await.into_iter().all(|token| token.unwrap() == "T2"));
    assert_eq!(source.loads(), 2);
}

/// Uses the real clock and real threads: a thousand tasks start together, 200 times.
#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn a_thousand_callers_on_eight_threads_share_one_load() {
    for _ in 0..200 {
        let source = FakeSource::new(|number| async move {
            tokio::task::yield_now().await;
            Ok(IssuedToken::new(format!("T{number}"), Some(7200)))
        });
        let client = source.client();
        let start = Arc::new(Barrier::new(8));
        let threads = (0..8).map(|_| {
            let (client, start) = (client.clone(), start.clone());
            tokio::spawn(async move {
                start.wait().await;
                join_all((0..125).map(|_| client.token().get())).await
            })
        });
        for got in join_all(threads).await {
            assert!(got.unwrap().into_iter().all(|token| token.unwrap().expose() == "T1"));
        }
        assert_eq!(source.loads(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_thousand_callers_share_one_failing_load_and_its_cause() {
    let source = FakeSource::new(|_| async {
        sleep(Duration::from_secs(2)).await;
        Err(Error::token_source("the one cause"))
    });
    let client = source.client();
    let started = Instant::now();
    let causes: Vec<Error> = thousand_gets(&client).await.into_iter().map(Result::unwrap_err).collect();
    assert!(started.elapsed() <= Duration::from_millis(2010), "{:?}", started.elapsed());
    assert_eq!(source.loads(), 1);
    let Error::TokenSource(first) = &causes[0] else { panic!("{:?}", causes[0]) };
    assert!(causes.iter().all(|cause| matches!(cause, Error::TokenSource(other) if Arc::ptr_eq(first, other))));
    // Until the back-off ends, callers get the same cause at once.
    let started = Instant::now();
    assert!(matches!(client.token().get().await, Err(Error::TokenSource(other)) if Arc::ptr_eq(first, &other)));
    assert_eq!((started.elapsed(), source.loads()), (Duration::ZERO, 1));
}

#[tokio::test(start_paused = true)]
async fn a_failing_gettoken_is_loaded_at_most_26_times_in_ten_minutes() {
    let works = Arc::new(AtomicBool::new(false));
    let source = FakeSource::new({
        let works = works.clone();
        move |_| {
            let works = works.load(SeqCst);
            async move { if works { Ok(IssuedToken::new("T", Some(7200))) } else { Err(Error::token_source("down")) } }
        }
    });
    let client = source.client();
    for _ in 0..60_000 {
        assert!(client.token().get().await.is_err());
        sleep(Duration::from_millis(10)).await;
    }
    assert!((20..=26).contains(&source.loads()), "{} loads", source.loads());
    works.store(true, SeqCst);
    let recovered = Instant::now();
    while client.token().get().await.is_err() {
        sleep(Duration::from_millis(10)).await;
    }
    assert!(recovered.elapsed() <= Duration::from_secs(30), "{:?}", recovered.elapsed());
}

#[tokio::test(start_paused = true)]
async fn cancelling_a_caller_does_not_affect_the_others() {
    for (loader_first, millis) in (0..=11).flat_map(|tenth| [(true, 10 * tenth), (false, 10 * tenth)]) {
        let source = FakeSource::numbered();
        let client = source.client();
        let spawn = || {
            let client = client.clone();
            tokio::spawn(async move { client.token().get().await })
        };
        let (first, second) = (spawn(), spawn());
        sleep(Duration::from_millis(millis)).await;
        let (cancelled, other) = if loader_first { (first, second) } else { (second, first) };
        cancelled.abort();
        assert_eq!(other.await.unwrap().unwrap().expose(), "T1");
        assert_eq!(source.loads(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn the_load_of_a_cancelled_caller_serves_the_next_one() {
    let source = FakeSource::numbered();
    let client = source.client();
    assert!(timeout(Duration::from_millis(50), client.token().get()).await.is_err());
    assert_eq!(client.token().get().await.unwrap().expose(), "T1");
    assert_eq!(source.loads(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_failing_renewal_fails_no_call_before_the_token_expires() {
    let source = FakeSource::new(|number| async move {
        if number == 1 { Ok(IssuedToken::new("T1", Some(7200))) } else { Err(Error::token_source("down")) }
    });
    let client = source.client();
    for second in 0..7200 {
        assert!(client.token().get().await.is_ok(), "at {second} s");
        sleep(Duration::from_secs(1)).await;
    }
    assert!((5..=12).contains(&source.loads()), "{} loads", source.loads());
    assert!(client.token().get().await.is_err());
}

#[tokio::test(start_paused = true)]
async fn clients_that_start_together_renew_at_different_times() {
    let mut renewed_after = Vec::new();
    for _ in 0..100 {
        let source = FakeSource::numbered();
        let client = source.client();
        let started = Instant::now();
        client.token().get().await.unwrap();
        advance(Duration::from_secs(6800)).await;
        while source.loads() < 2 {
            client.token().get().await.unwrap();
            sleep(Duration::from_secs(1)).await;
        }
        renewed_after.push(started.elapsed().as_secs());
    }
    let (first, last) = (renewed_after.iter().min().unwrap(), renewed_after.iter().max().unwrap());
    assert!(*first >= 6900 && *last <= 7052, "{first} to {last}");
    assert!(last - first >= 100, "{first} to {last}");
}

#[tokio::test(start_paused = true)]
async fn if_gettoken_returns_the_same_token_it_is_called_rarely() {
    let source = FakeSource::new(|_| async { Ok(IssuedToken::new("same", Some(7200))) });
    let client = source.client();
    client.token().get().await.unwrap();
    for lifetime in 0..3 {
        let before = source.loads();
        for _ in 0..7200 * 2 {
            sleep(Duration::from_millis(500)).await;
            client.token().get().await.unwrap();
        }
        let loads = source.loads() - before;
        assert!((2..=11).contains(&loads), "{loads} loads in lifetime {lifetime}");
    }
}

#[tokio::test(start_paused = true)]
async fn if_the_renewal_fails_all_calls_fail_with_its_cause() {
    let source = FakeSource::new(|number| async move {
        if number == 1 { Ok(IssuedToken::new("T1", Some(7200))) } else { Err(Error::token_source("the one cause")) }
    });
    let client = source.client();
    let call = FakeCall::answering(Repeat::Safe, &[42001]);
    for _ in 0..10 {
        let error = client.call(&call).await.unwrap_err();
        assert!(line(&error).contains("the one cause"), "{error}");
    }
    assert_eq!((source.loads(), call.sent()), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn a_single_wrong_rejection_causes_one_load() {
    let source = FakeSource::new(|_| async { Ok(IssuedToken::new("same", Some(7200))) });
    let client = source.client();
    let call = FakeCall::answering(Repeat::Safe, &[42001, 0]);
    for _ in 0..6000 {
        client.call(&call).await.unwrap();
        sleep(Duration::from_secs(1)).await;
    }
    assert_eq!(source.loads(), 2);
}

#[tokio::test(start_paused = true)]
async fn back_off_starts_again_after_a_recovery() {
    let source = FakeSource::new(|number| async move {
        if matches!(number, 1 | 8) {
            Ok(IssuedToken::new(format!("T{number}"), Some(7200)))
        } else {
            Err(Error::token_source("down"))
        }
    });
    let client = source.client();
    let call = FakeCall::new(Repeat::Safe, |_, token| async move { if token == "T1" { 42001 } else { 0 } });
    // An outage that begins with a rejected token and lasts for six loads.
    while client.call(&call).await.is_err() {
        sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(source.loads(), 8);
    advance(HOURS_2).await;
    assert!(client.call(&call).await.is_err());
    sleep(Duration::from_millis(1001)).await;
    assert!(client.call(&call).await.is_err());
    assert_eq!(source.loads(), 10, "another load one second after the first failure");
}

/// A token source that returns an empty token must not lead to an empty token in every URL.
#[tokio::test(start_paused = true)]
async fn an_empty_token_is_a_failure() {
    let source = FakeSource::new(|_| async { Ok(IssuedToken::new("", Some(7200))) });
    assert!(matches!(source.client().token().get().await, Err(Error::BadReply { .. })));
}

#[tokio::test(start_paused = true)]
async fn two_days_at_ten_calls_a_second_need_about_25_loads() {
    let source = FakeSource::numbered();
    let client = source.client();
    for _ in 0..48 * 3600 * 10 {
        client.token().get().await.unwrap();
        advance(Duration::from_millis(100)).await;
    }
    assert!((24..=26).contains(&source.loads()), "{} loads", source.loads());
}

/// Makes 200 calls at the same time with token T1, which WeCom rejects.
async fn two_hundred_calls(good: &'static str, errcode: i64) -> (FakeSource, FakeCall, Vec<Result<(), Error>>) {
    let source = FakeSource::numbered();
    let client = source.client();
    let all_in_flight = Arc::new(Barrier::new(200));
    let call = FakeCall::new(Repeat::Never, move |_, token| {
        let all_in_flight = all_in_flight.clone();
        async move {
            if token == "T1" {
                all_in_flight.wait().await;
            }
            if token == good { 0 } else { errcode }
        }
    });
    let results = join_all((0..200).map(|_| client.call(&call))).await;
    (source, call, results.into_iter().map(|result| result.map(drop)).collect())
}

#[tokio::test(start_paused = true)]
async fn two_hundred_rejected_calls_cause_one_renewal_and_one_repeat_each() {
    for errcode in [42001, 40014, 41001, 40001] {
        let (source, call, results) = two_hundred_calls("T2", errcode).await;
        assert!(results.iter().all(Result::is_ok), "{errcode}");
        assert_eq!((source.loads(), call.sent()), (2, 400), "{errcode}");
    }
}

/// Uses the real clock and real threads: a thousand calls whose token is rejected.
#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn a_thousand_rejected_calls_on_eight_threads_cause_one_renewal() {
    for _ in 0..50 {
        let source = FakeSource::new(|number| async move { Ok(IssuedToken::new(format!("T{number}"), Some(7200))) });
        let client = source.client();
        client.token().get().await.unwrap();
        let call = FakeCall::new(Repeat::Never, |_, token| async move {
            tokio::task::yield_now().await;
            if token == "T1" { 42001 } else { 0 }
        });
        let start = Arc::new(Barrier::new(8));
        let threads = (0..8).map(|_| {
            let (client, call, start) = (client.clone(), call.clone(), start.clone());
            tokio::spawn(async move {
                start.wait().await;
                join_all((0..125).map(|_| client.call(&call))).await
            })
        });
        for results in join_all(threads).await {
            assert!(results.unwrap().iter().all(Result::is_ok));
        }
        assert_eq!(source.loads(), 2);
        assert!(call.sent() <= 2000);
    }
}

#[tokio::test(start_paused = true)]
async fn if_the_new_token_is_rejected_too_the_call_fails() {
    let (source, call, results) = two_hundred_calls("none", 42001).await;
    assert!(results.iter().all(|result| result.as_ref().unwrap_err().code() == Some(ErrCode::ACCESS_TOKEN_EXPIRED)));
    assert_eq!((source.loads(), call.sent()), (2, 400));
}

#[tokio::test(start_paused = true)]
async fn a_late_rejection_of_an_old_token_keeps_the_new_one() {
    let source = FakeSource::numbered();
    let client = source.client();
    let slow = FakeCall::new(Repeat::Safe, |_, token| async move {
        sleep(Duration::from_secs(5)).await;
        if token == "T1" { 42001 } else { 0 }
    });
    let quick = FakeCall::new(Repeat::Safe, |_, token| async move { if token == "T1" { 42001 } else { 0 } });
    let late = client.call(&slow);
    let quickly = async {
        sleep(Duration::from_secs(1)).await;
        client.call(&quick).await
    };
    let (late, quickly) = tokio::join!(late, quickly);
    assert!(late.is_ok() && quickly.is_ok());
    assert_eq!((source.loads(), slow.sent(), quick.sent()), (2, 2, 2));
    assert_eq!(client.token().get().await.unwrap().expose(), "T2");
}

#[tokio::test(start_paused = true)]
async fn a_rejected_token_that_gettoken_returns_rests_for_30_s() {
    let source = FakeSource::new(|_| async { Ok(IssuedToken::new("same", Some(7200))) });
    let client = source.client();
    let call = FakeCall::answering(Repeat::Safe, &[42001]);
    assert_eq!(client.call(&call).await.unwrap_err().code(), Some(ErrCode::ACCESS_TOKEN_EXPIRED));
    assert_eq!((source.loads(), call.sent()), (2, 2));
    for _ in 0..29 {
        sleep(Duration::from_secs(1)).await;
        assert!(client.call(&call).await.is_err());
    }
    // One request for each call, and no gettoken.
    assert_eq!((source.loads(), call.sent()), (2, 2 + 29));
    sleep(Duration::from_secs(2)).await;
    assert!(client.call(&call).await.is_err());
    assert_eq!(source.loads(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_rejects_every_token_causes_few_loads() {
    let source = FakeSource::numbered();
    let client = source.client();
    let call = FakeCall::answering(Repeat::Safe, &[40014]);
    for _ in 0..6000 {
        assert!(client.call(&call).await.is_err());
        sleep(Duration::from_millis(100)).await;
    }
    assert!(source.loads() <= 30, "{} loads in ten minutes", source.loads());
}

#[tokio::test(start_paused = true)]
async fn a_stalled_gettoken_fails_all_callers_at_the_time_limit() {
    let source = FakeSource::new(|number| async move {
        if number == 1 {
            std::future::pending::<()>().await;
        }
        Ok(IssuedToken::new("T", Some(7200)))
    });
    let client = source.client();
    let started = Instant::now();
    let late = async {
        sleep(Duration::from_secs(10)).await;
        client.token().get().await
    };
    let (all, late) = tokio::join!(thousand_gets(&client), late);
    assert!(all.iter().all(|result| matches!(result, Err(Error::TimedOut { .. }))));
    assert!(matches!(late, Err(Error::TimedOut { .. })));
    let elapsed = started.elapsed().as_secs_f64();
    assert!((19.8..=20.2).contains(&elapsed), "{elapsed}");
    sleep(Duration::from_secs(2)).await;
    assert_eq!(client.token().get().await.unwrap().expose(), "T");
    assert_eq!(source.loads(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_invalid_expires_in_causes_one_load_in_30_seconds() {
    for expires_in in [Some(0), Some(-1), None, Some(1), Some(i64::MIN)] {
        let source =
            FakeSource::new(move |number| async move { Ok(IssuedToken::new(format!("T{number}"), expires_in)) });
        let client = source.client();
        for _ in 0..3000 {
            client.token().get().await.unwrap();
            sleep(Duration::from_millis(100)).await;
        }
        assert!((10..=11).contains(&source.loads()), "{expires_in:?}: {} loads in 300 s", source.loads());
    }
    for expires_in in [1_000_000_000_000, i64::MAX] {
        let source =
            FakeSource::new(move |number| async move { Ok(IssuedToken::new(format!("T{number}"), Some(expires_in))) });
        let client = source.client();
        assert_eq!(client.token().get().await.unwrap().expose(), "T1");
        advance(HOURS_2).await;
        assert_eq!(client.token().get().await.unwrap().expose(), "T2", "capped at two hours");
    }
}

#[tokio::test(start_paused = true)]
async fn a_panic_of_the_source_fails_only_its_callers() {
    let asked = Arc::new(AtomicUsize::new(0));
    let source = FakeSource::new({
        let asked = asked.clone();
        move |_| {
            let first = asked.fetch_add(1, SeqCst) == 0;
            async move {
                assert!(!first, "on purpose");
                Ok(IssuedToken::new("T", Some(7200)))
            }
        }
    });
    let client = source.client();
    assert!(matches!(client.token().get().await, Err(Error::TokenSource(_))));
    sleep(Duration::from_secs(1)).await;
    assert_eq!(client.token().get().await.unwrap().expose(), "T");
}

/// A client may outlive the runtime that loads its token, as in a program with one runtime per thread.
#[test]
fn a_client_works_after_a_runtime_ended_during_a_load() {
    let source = FakeSource::new(|number| async move {
        if number == 1 {
            std::future::pending::<()>().await;
        }
        Ok(IssuedToken::new("T", Some(7200)))
    });
    let client = source.client();
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime().block_on(async { assert!(timeout(Duration::from_millis(10), client.token().get()).await.is_err()) });
    let second = runtime();
    assert!(second.block_on(client.token().get()).is_err());
    // Wait for the back-off after the failure. The clock is real, because two runtimes share the client.
    second.block_on(async { sleep(Duration::from_millis(1100)).await });
    assert_eq!(second.block_on(client.token().get()).unwrap().expose(), "T");
}

/// Starts calls that succeed while another call is rejected, as if only some of WeCom's servers accepted the token.
fn others_succeed(client: &Client) -> Vec<tokio::task::JoinHandle<()>> {
    let fine = FakeCall::new(Repeat::Safe, |_, _| async {
        sleep(Duration::from_millis(150)).await;
        0
    });
    let run = |number: u64| {
        let (client, fine) = (client.clone(), fine.clone());
        async move {
            sleep(Duration::from_millis(20 * number)).await;
            loop {
                if client.call(&fine).await.is_err() {
                    sleep(Duration::from_millis(20)).await;
                }
            }
        }
    };
    (0..8).map(|number| tokio::spawn(run(number))).collect()
}

#[tokio::test(start_paused = true)]
async fn successful_calls_do_not_end_the_back_off_after_a_rejection() {
    for (works, most) in [(true, 3), (false, 8)] {
        let source = FakeSource::new(move |number| async move {
            sleep(Duration::from_millis(100)).await;
            if works || number == 1 {
                Ok(IssuedToken::new("same", Some(7200)))
            } else {
                Err(Error::token_source("down"))
            }
        });
        let client = source.client();
        let others = others_succeed(&client);
        sleep(Duration::from_secs(1)).await;
        let before = source.loads();
        let rejected = FakeCall::answering(Repeat::Safe, &[42001]);
        for _ in 0..290 {
            assert!(client.call(&rejected).await.is_err());
            sleep(Duration::from_millis(100)).await;
        }
        others.iter().for_each(|other| other.abort());
        let loads = source.loads() - before;
        assert!(loads <= most, "{loads} loads in half a minute, working: {works}");
    }
}

/// A token server that returns the same token until it learns that WeCom rejected it.
struct TokenServer(Arc<AtomicUsize>);

impl TokenSource for TokenServer {
    fn fetch<'a>(&'a self, rejected: Option<&'a AccessToken>) -> BoxFuture<'a, Result<IssuedToken, Error>> {
        let is_first = self.0.fetch_add(1, SeqCst) == 0;
        let token = if rejected.is_some() { "T2" } else { "T1" };
        Box::pin(async move {
            sleep(Duration::from_millis(if is_first { 0 } else { 500 })).await;
            Ok(IssuedToken::new(token, Some(7200)))
        })
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_rejected_during_its_renewal_is_fetched_again() {
    let loads = Arc::new(AtomicUsize::new(0));
    let builder = Client::builder(Credentials::new("", "")).base_url("http://127.0.0.1:9");
    let client = builder.token_source(TokenServer(loads.clone())).build().unwrap();
    client.token().get().await.unwrap();
    advance(HOURS_2 - Duration::from_secs(100)).await;
    client.token().get().await.unwrap();
    tokio::task::yield_now().await;
    let call = FakeCall::new(Repeat::Safe, |_, token| async move { if token == "T1" { 42001 } else { 0 } });
    client.call(&call).await.unwrap();
    assert_eq!((loads.load(SeqCst), call.sent()), (3, 2));
}

#[tokio::test(start_paused = true)]
async fn extreme_renewal_settings_are_limited() {
    for jitter in [|| 0.0, || f64::NAN, || f64::INFINITY, || -1.0] {
        let source = FakeSource::numbered();
        let builder = Client::builder(Credentials::new("", "")).base_url("http://127.0.0.1:9").token_source(source);
        let client = builder.renew_early(Duration::MAX).retry(RetryPolicy::default().jitter(jitter)).build().unwrap();
        assert!(client.token().get().await.is_ok());
        assert!(client.call(&FakeCall::answering(Repeat::Safe, &[-1, 0])).await.is_ok());
    }
}

/// Creates a call that WeCom refuses with 95012 unless its token is `good`.
fn call_that_needs(good: &'static str) -> FakeCall {
    FakeCall::new(Repeat::Never, move |_, token| async move { if token == good { 0 } else { 95012 } })
}

#[tokio::test(start_paused = true)]
async fn a_stale_token_is_renewed_once_and_the_call_is_repeated() {
    let source = FakeSource::numbered();
    let client = source.client();
    let call = call_that_needs("T2");
    client.call(&call).await.unwrap();
    assert_eq!((call.sent(), source.loads()), (2, 2));
    client.call(&call).await.unwrap();
    assert_eq!((call.sent(), source.loads()), (3, 2));
}

#[tokio::test(start_paused = true)]
async fn two_hundred_stale_calls_cause_one_load_and_one_repeat_each() {
    let source = FakeSource::numbered();
    let client = source.client();
    client.token().get().await.unwrap();
    let call = call_that_needs("T2");
    for outcome in join_all((0..200).map(|_| client.call(&call))).await {
        outcome.unwrap();
    }
    assert_eq!((call.sent(), source.loads()), (400, 2));
}

#[tokio::test(start_paused = true)]
async fn a_persistent_95012_causes_one_load_in_30_seconds() {
    let source = FakeSource::numbered();
    let client = source.client();
    let call = call_that_needs("none");
    let started = Instant::now();
    let mut refused = 0;
    while started.elapsed() < Duration::from_secs(300) {
        let error = client.call(&call).await.unwrap_err();
        assert_eq!(error.code(), Some(ErrCode(95012)));
        for lang in [Lang::En, Lang::Zh] {
            assert!(error.remedy(lang).contains("「开始使用」") && error.remedy(lang).contains("token"), "{error}");
        }
        refused += 1;
        sleep(Duration::from_secs(1)).await;
    }
    // One load for the first token, and one for each 30 s.
    assert_eq!(source.loads(), 11);
    assert_eq!(call.sent(), refused + 10);
}

#[tokio::test(start_paused = true)]
async fn a_possibly_stale_token_still_serves_other_calls() {
    let source = FakeSource::new(|number| async move {
        if number == 1 {
            return Ok(IssuedToken::new("T1", Some(7200)));
        }
        sleep(Duration::from_secs(5)).await;
        Err(Error::token_source("down"))
    });
    let client = source.client();
    client.token().get().await.unwrap();
    let call = call_that_needs("T2");
    let other = async {
        sleep(Duration::from_secs(1)).await;
        let started = Instant::now();
        let token = client.token().get().await.unwrap();
        assert_eq!((token.expose(), started.elapsed()), ("T1", Duration::ZERO));
    };
    let (refused, ()) = tokio::join!(client.call(&call), other);
    assert_eq!(refused.unwrap_err().code(), Some(ErrCode(95012)), "WeCom's answer, not gettoken's failure");
    assert_eq!(client.token().get().await.unwrap().expose(), "T1");
    assert_eq!((call.sent(), source.loads()), (1, 2));
}

#[tokio::test(start_paused = true)]
async fn a_call_is_not_repeated_with_the_same_stale_token() {
    let source = FakeSource::new(|_| async { Ok(IssuedToken::new("same", Some(7200))) });
    let client = source.client();
    let call = call_that_needs("T2");
    assert!(client.call(&call).await.is_err());
    assert_eq!((call.sent(), source.loads()), (1, 2));
}

#[tokio::test(start_paused = true)]
async fn one_call_causes_at_most_one_renewal() {
    for errcodes in [&[42001, 95012][..], &[95012, 42001]] {
        let source = FakeSource::numbered();
        let call = FakeCall::answering(Repeat::Safe, errcodes);
        let error = source.client().call(&call).await.unwrap_err();
        assert_eq!(error.code().map(|code| i64::from(code.0)), errcodes.last().copied());
        assert_eq!((call.sent(), source.loads()), (2, 2), "{errcodes:?}");
    }
    // If no attempt is left, the token is not renewed.
    let source = FakeSource::numbered();
    let call = call_that_needs("T2");
    assert!(source.client_with(RetryPolicy::default().max_attempts(1)).call(&call).await.is_err());
    assert_eq!((call.sent(), source.loads()), (1, 1));
}

/// A source that stores tokens must know which one it must not return again.
#[tokio::test(start_paused = true)]
async fn the_source_is_told_which_token_is_stale() {
    struct Keeps(AtomicUsize);
    impl TokenSource for Keeps {
        fn fetch<'a>(&'a self, rejected: Option<&'a AccessToken>) -> BoxFuture<'a, Result<IssuedToken, Error>> {
            self.0.fetch_add(1, SeqCst);
            let token = if rejected.is_some_and(|token| token.expose() == "old") { "new" } else { "old" };
            Box::pin(std::future::ready(Ok(IssuedToken::new(token, Some(7200)))))
        }
    }
    let builder = Client::builder(Credentials::new("", "")).base_url("http://127.0.0.1:9");
    let client = builder.token_source(Keeps(AtomicUsize::new(0))).build().unwrap();
    client.call(&call_that_needs("new")).await.unwrap();
}
