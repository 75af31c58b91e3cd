//! One access token for several clients, as for several processes. The simulator answers `gettoken`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use futures_util::future::join_all;
use wecom_kf::raw::op;
use wecom_kf::{AccessToken, BoxFuture, Client, ClientBuilder, CorpSecret, Credentials, ErrCode, Lang, TokenSource};
use wecom_kf_inbox::store::{
    Memory, Refresh, StoreError, TokenFailure, TokenKey, TokenOutcome, TokenStore, TokenTurn, TokenWish,
};
use wecom_kf_inbox::{Report, SharedToken};
use wecom_kf_sim::Simulator;

/// A store that can be taken down.
#[derive(Clone, Default)]
struct Tokens {
    memory: Memory,
    is_down: Arc<AtomicBool>,
}

impl Tokens {
    fn check(&self) -> Result<(), StoreError> {
        if self.is_down.load(Relaxed) { Err(StoreError::down("a test said so")) } else { Ok(()) }
    }
}

impl TokenStore for Tokens {
    fn turn<'a>(&'a self, key: &'a TokenKey, wish: &'a TokenWish) -> BoxFuture<'a, Result<TokenTurn, StoreError>> {
        Box::pin(async {
            self.check()?;
            self.memory.turn(key, wish).await
        })
    }

    fn finish<'a>(&'a self, refresh: &'a Refresh, outcome: &'a TokenOutcome) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async {
            self.check()?;
            self.memory.finish(refresh, outcome).await
        })
    }
}

fn builder(sim: &Simulator) -> ClientBuilder {
    let credentials = Credentials::new(sim.corp_id(), sim.secret());
    Client::builder(credentials).base_url(sim.base_url()).http(|http| http.no_proxy())
}

fn shared(sim: &Simulator, store: &Tokens) -> SharedToken {
    let credentials = Credentials::new(sim.corp_id(), sim.secret());
    SharedToken::new(&builder(sim).build().unwrap(), &credentials, store.clone())
}

fn client(sim: &Simulator, store: &Tokens) -> Client {
    builder(sim).token_source(shared(sim, store)).build().unwrap()
}

fn clients(sim: &Simulator, store: &Tokens) -> Vec<Client> {
    (0..5).map(|_| client(sim, store)).collect()
}

#[tokio::test]
async fn clients_that_share_a_store_share_one_gettoken() {
    let (sim, store) = (Simulator::start().await.unwrap(), Tokens::default());
    let clients = clients(&sim, &store);
    for gettokens in 1..=3 {
        let answers = join_all(clients.iter().map(|client| client.accounts().list())).await;
        assert!(answers.iter().all(Result::is_ok), "{answers:?}");
        assert_eq!(sim.calls(op::GETTOKEN), gettokens);
        sim.revoke_token();
    }
}

#[tokio::test]
async fn a_failed_gettoken_is_shared_with_its_cause_and_remedy() {
    let (sim, store) = (Simulator::start().await.unwrap(), Tokens::default());
    sim.fault(op::GETTOKEN).errcode(40001).times(1);
    let clients = clients(&sim, &store);
    // After five failures the next fetch is held for 30 s, so the speed of the machine does not matter.
    let key = TokenKey::new(&sim.base_url(), &sim.corp_id(), &CorpSecret::from(sim.secret()));
    let wish = TokenWish::new(Duration::ZERO, Duration::from_secs(10));
    for _ in 0..5 {
        let TokenTurn::Refresh(refresh) = store.turn(&key, &wish).await.unwrap() else { panic!("nothing is held") };
        let failure = TokenFailure::new(None, "before");
        store.finish(&refresh, &TokenOutcome::Failed { failure, hold: Duration::ZERO }).await.unwrap();
    }
    let answers = join_all(clients.iter().map(|client| client.accounts().list())).await;
    assert_eq!(sim.calls(op::GETTOKEN), 1);
    let mut texts: Vec<String> =
        answers.into_iter().map(|answer| Report::line(&answer.unwrap_err(), Lang::En)).collect();
    texts.dedup();
    assert_eq!(texts.len(), 1, "whoever fetched says the same as who waited: {texts:#?}");
    assert_eq!(texts[0].matches("gettoken refused: 40001").count(), 1, "{}", texts[0]);
    assert!(texts[0].contains(ErrCode(40001).remedy_at("gettoken", Lang::En)), "{}", texts[0]);
}

#[tokio::test]
async fn while_the_store_is_down_each_client_uses_its_own_token() {
    let (sim, store) = (Simulator::start().await.unwrap(), Tokens::default());
    let token = shared(&sim, &store);
    token.fetch(None).await.unwrap();
    assert_eq!(sim.calls(op::GETTOKEN), 1);

    store.is_down.store(true, Relaxed);
    token.fetch(None).await.unwrap();
    assert_eq!(sim.calls(op::GETTOKEN), 1, "it has one");
    let old = AccessToken::from(sim.access_token().unwrap());
    sim.revoke_token();
    token.fetch(Some(&old)).await.unwrap();
    assert_eq!(sim.calls(op::GETTOKEN), 2, "another one was needed");
    let new_one = client(&sim, &store);
    new_one.accounts().list().await.unwrap();
    assert_eq!(sim.calls(op::GETTOKEN), 3, "this one has none yet");

    store.is_down.store(false, Relaxed);
    let late = client(&sim, &store);
    late.accounts().list().await.unwrap();
    client(&sim, &store).accounts().list().await.unwrap();
    assert_eq!(sim.calls(op::GETTOKEN), 4, "the store still had the one that was revoked; now one for all again");
}

#[tokio::test]
async fn a_token_that_ends_soon_is_not_fetched_by_each_who_asks() {
    let sim = Simulator::builder().token_lifetime(Duration::from_secs(100)).start().await.unwrap();
    let store = Tokens::default();
    for client in clients(&sim, &store) {
        client.accounts().list().await.unwrap();
    }
    assert_eq!(sim.calls(op::GETTOKEN), 1);
}
