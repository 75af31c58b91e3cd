//! Repeating calls: which ones, how often and for how long. With a paused clock and without sockets.

use std::time::Duration;

use tokio::time::Instant;
use wecom_kf::raw::Repeat;
use wecom_kf::{Class, Client, Credentials, ErrCode, Error, RetryPolicy};

use crate::fake::{FakeCall, FakeSource};

fn is_repeated(code: ErrCode) -> bool {
    code.class() == Class::Busy || code == ErrCode::CONCURRENCY_LIMIT_EXCEEDED
}

/// Tests every row of spec/errcodes.yaml, and some unknown codes.
#[tokio::test(start_paused = true)]
async fn each_errcode_is_sent_as_often_as_its_class_says() {
    let unknown = [1, 99999, i32::MAX, i32::MIN].map(ErrCode);
    for code in ErrCode::all().chain(unknown).filter(|code| !code.is_ok()) {
        for (repeat, may_repeat) in [(Repeat::Safe, true), (Repeat::Keyed, true), (Repeat::Never, false)] {
            let client = FakeSource::numbered().client();
            let call = FakeCall::new(repeat, move |_, _| std::future::ready(i64::from(code.0)));
            let error = client.call(&call).await.unwrap_err();
            let expected = match code.class() {
                Class::Token => 2,
                _ if code.may_come_from_stale_token() => 2,
                _ if is_repeated(code) && may_repeat => 3,
                _ => 1,
            };
            assert_eq!(call.sent(), expected, "{code:?} {repeat:?}");
            assert_eq!(error.code(), Some(code));
            assert_eq!(error.is_retryable(), matches!(code.class(), Class::Busy | Class::RateLimited), "{code:?}");
            assert_eq!(error.refusal().unwrap().attempts as usize, expected);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn without_jitter_the_waits_are_200_and_400_ms() {
    let client = FakeSource::numbered().client_with(RetryPolicy::default().jitter(|| 1.0));
    client.token().get().await.unwrap();
    let call = FakeCall::answering(Repeat::Safe, &[-1, -1, 0]);
    let started = Instant::now();
    client.call(&call).await.unwrap();
    assert_eq!((started.elapsed().as_millis(), call.sent()), (600, 3));
    let call = FakeCall::answering(Repeat::Safe, &[45033, 45033, 0]);
    let started = Instant::now();
    client.call(&call).await.unwrap();
    assert_eq!((started.elapsed().as_millis(), call.sent()), (3000, 3));
}

#[tokio::test(start_paused = true)]
async fn a_duplicate_msgid_counts_as_sent_only_after_an_unclear_attempt() {
    let client = FakeSource::numbered().client();
    // The first answer is "busy", so the message may have been sent.
    client.call(&FakeCall::answering(Repeat::Keyed, &[-1, 95033])).await.unwrap();
    // Either this is the first attempt, or WeCom did not execute the earlier one: it refused the token, or there were
    // too many calls at once. So the msgid was used for another message.
    for errcodes in [&[95033][..], &[42001, 95033], &[45033, 95033]] {
        let client = FakeSource::numbered().client();
        let error = client.call(&FakeCall::answering(Repeat::Keyed, Box::leak(errcodes.into()))).await.unwrap_err();
        assert_eq!(error.code(), Some(ErrCode::DUPLICATE_MSGID), "{errcodes:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn repeating_sends_can_be_switched_off() {
    let client = FakeSource::numbered().client_with(RetryPolicy::default().without_repeating_sends());
    let keyed = FakeCall::answering(Repeat::Keyed, &[-1]);
    assert!(client.call(&keyed).await.is_err());
    assert_eq!(keyed.sent(), 1);
    let safe = FakeCall::answering(Repeat::Safe, &[-1]);
    assert!(client.call(&safe).await.is_err());
    assert_eq!(safe.sent(), 3);
}

#[tokio::test(start_paused = true)]
async fn with_at_most_one_attempt_nothing_is_repeated() {
    for attempts in [0, 1] {
        let source = FakeSource::numbered();
        let client = source.client_with(RetryPolicy::default().max_attempts(attempts));
        let call = FakeCall::answering(Repeat::Safe, &[42001, 0]);
        assert!(client.call(&call).await.is_err());
        assert_eq!((call.sent(), source.loads()), (1, 1));
        // The rejected token was dropped, so the next call gets a new one.
        client.call(&call).await.unwrap();
        assert_eq!((call.sent(), source.loads()), (2, 2));
    }
}

#[tokio::test(start_paused = true)]
async fn no_call_outlives_its_deadline() {
    let hang = FakeCall::new(Repeat::Safe, |_, _| std::future::pending());
    let client = FakeSource::numbered().client();
    let started = Instant::now();
    let error = client.call(&hang).await.unwrap_err();
    // Three attempts of 15 s and two waits.
    assert!(matches!(error, Error::TimedOut { attempts: 3, .. }), "{error:?}");
    assert!(started.elapsed() <= Duration::from_millis(45_700), "{:?}", started.elapsed());

    let never = FakeSource::new(|_| std::future::pending());
    let client = never.client();
    let calls: Vec<_> = (0..5).map(|_| client.call(&hang)).collect();
    let started = Instant::now();
    for result in futures_util::future::join_all(calls).await {
        assert!(matches!(result, Err(Error::NoToken { .. })));
    }
    assert!(started.elapsed() <= Duration::from_millis(20_050), "{:?}", started.elapsed());

    // Always busy, and each answer is slow: the time limit of the whole call ends it.
    let slow = FakeCall::new(Repeat::Safe, |_, _| async {
        tokio::time::sleep(Duration::from_secs(14)).await;
        -1
    });
    let client = FakeSource::numbered().client_with(RetryPolicy::default().max_attempts(100));
    let started = Instant::now();
    assert!(client.call(&slow).await.is_err());
    assert!(started.elapsed() <= Duration::from_millis(60_050), "{:?}", started.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_wait_longer_than_the_rest_of_the_call_is_not_started() {
    let source = FakeSource::numbered();
    let builder = Client::builder(Credentials::new("", "")).base_url("http://127.0.0.1:9").token_source(source);
    let client =
        builder.call_timeout(Duration::from_millis(900)).retry(RetryPolicy::default().jitter(|| 1.0)).build().unwrap();
    let busy = FakeCall::answering(Repeat::Safe, &[45033]);
    let started = Instant::now();
    let error = client.call(&busy).await.unwrap_err();
    // The call returns the cause at once, instead of a time-out later.
    assert_eq!((error.code(), busy.sent()), (Some(ErrCode::CONCURRENCY_LIMIT_EXCEEDED), 1));
    assert_eq!(started.elapsed(), Duration::from_millis(100));
}

#[tokio::test(start_paused = true)]
async fn all_calls_share_one_budget_of_repeats() {
    let client = FakeSource::numbered().client();
    let busy = FakeCall::answering(Repeat::Safe, &[-1]);
    for _ in 0..1000 {
        assert!(client.call(&busy).await.is_err());
    }
    // 1,000 first attempts, and 100 repeats: a budget of 500 with a cost of 5 for each repeat.
    assert_eq!(busy.sent(), 1100);
    let fine = FakeCall::answering(Repeat::Safe, &[0]);
    for _ in 0..100 {
        client.call(&fine).await.unwrap();
    }
    let again = FakeCall::answering(Repeat::Safe, &[-1, 0]);
    client.call(&again).await.unwrap();
    assert_eq!(again.sent(), 2);
}
