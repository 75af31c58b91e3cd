//! Fakes without sockets, for tests with a paused clock: a source of tokens, and a request with a scripted answer.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use wecom_kf::raw::{self, Operation, Repeat, Request, op, types};
use wecom_kf::{AccessToken, BoxFuture, Client, Credentials, ErrCode, Error, IssuedToken, RetryPolicy, TokenSource};

type Issue = Pin<Box<dyn Future<Output = Result<IssuedToken, Error>> + Send>>;

/// A source of tokens that counts its fetches. `answer` returns the outcome of each, by its number from 1.
#[derive(Clone)]
pub(crate) struct FakeSource {
    issued: Arc<AtomicUsize>,
    answer: Arc<dyn Fn(usize) -> Issue + Send + Sync>,
}

impl FakeSource {
    pub(crate) fn new<F: Future<Output = Result<IssuedToken, Error>> + Send + 'static>(
        answer: impl Fn(usize) -> F + Send + Sync + 'static,
    ) -> Self {
        Self { issued: Arc::default(), answer: Arc::new(move |number| Box::pin(answer(number))) }
    }

    /// Returns the tokens T1, T2 and so on after 100 ms, each valid for two hours.
    pub(crate) fn numbered() -> Self {
        Self::new(|number| async move {
            tokio::time::sleep(Duration::from_millis(100)).await;
            Ok(IssuedToken::new(format!("T{number}"), Some(7200)))
        })
    }

    pub(crate) fn loads(&self) -> usize {
        self.issued.load(SeqCst)
    }

    pub(crate) fn client(&self) -> Client {
        self.client_with(RetryPolicy::default())
    }

    pub(crate) fn client_with(&self, policy: RetryPolicy) -> Client {
        let builder = Client::builder(Credentials::new("", "")).base_url("http://127.0.0.1:9");
        // Tests of pacing create their own client.
        let builder = builder.pacing(wecom_kf::Pacing::unlimited());
        builder.token_source(self.clone()).retry(policy).build().unwrap()
    }
}

impl TokenSource for FakeSource {
    fn fetch<'a>(&'a self, _rejected: Option<&'a AccessToken>) -> BoxFuture<'a, Result<IssuedToken, Error>> {
        let number = self.issued.fetch_add(1, SeqCst) + 1;
        (self.answer)(number)
    }
}

type Answer = Pin<Box<dyn Future<Output = Result<types::SendResponse, raw::Error>> + Send>>;

/// A call that counts its attempts. `answer` returns the errcode of each, by its number from 1 and its token.
#[derive(Clone)]
pub(crate) struct FakeCall {
    repeat: Repeat,
    sent: Arc<AtomicUsize>,
    answer: Arc<dyn Fn(usize, String) -> Answer + Send + Sync>,
}

impl FakeCall {
    pub(crate) fn new<F: Future<Output = i64> + Send + 'static>(
        repeat: Repeat,
        answer: impl Fn(usize, String) -> F + Send + Sync + 'static,
    ) -> Self {
        Self {
            repeat,
            sent: Arc::default(),
            answer: Arc::new(move |number, token| {
                let errcode = answer(number, token);
                Box::pin(async move { Ok(types::SendResponse { errcode: errcode.await, ..Default::default() }) })
            }),
        }
    }

    /// Returns these errcodes one after another, then repeats the last one.
    pub(crate) fn answering(repeat: Repeat, errcodes: &'static [i64]) -> Self {
        Self::new(repeat, |number, _| std::future::ready(errcodes[(number - 1).min(errcodes.len() - 1)]))
    }

    pub(crate) fn sent(&self) -> usize {
        self.sent.load(SeqCst)
    }
}

impl Request for FakeCall {
    type Reply = types::SendResponse;

    fn operation(&self) -> Operation {
        op::SEND_MSG
    }

    async fn send(&self, _: &raw::Client, token: &AccessToken) -> Result<Self::Reply, raw::Error> {
        let number = self.sent.fetch_add(1, SeqCst) + 1;
        (self.answer)(number, token.expose().to_owned()).await
    }

    fn repeat(&self) -> Repeat {
        self.repeat
    }

    fn reply_to_repeat(&self, errcode: ErrCode) -> Option<Self::Reply> {
        (errcode == ErrCode::DUPLICATE_MSGID).then(Self::Reply::default)
    }
}
