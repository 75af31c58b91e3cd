//! What operators do beside running inboxes: a new place to read from, and the parked messages of a whole group.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::{sleep, timeout};
use wecom_kf::messages::Content;
use wecom_kf::{Client, Credentials, OpenKfid};
use wecom_kf_inbox::store::{BeganAgain, IfHeld, InboxStore, Memory, Operator, ParkedQuery};
use wecom_kf_inbox::{ColdStart, Delivery, Failure, GroupHandle, GroupParked, Inbox, InboxGroup, Status};
use wecom_kf_sim::Simulator;

/// No machine takes longer for what is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

fn client(sim: &Simulator) -> Client {
    let client = Client::builder(Credentials::new(sim.corp_id(), sim.secret())).base_url(sim.base_url());
    client.http(|http| http.no_proxy()).pacing(wecom_kf::Pacing::unlimited()).build().unwrap()
}

async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let waits = async {
        while !is_so() {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, waits).await.unwrap_or_else(|_| panic!("never: {what}"));
}

/// The texts that were handled.
#[derive(Clone, Default)]
struct Handled(Arc<Mutex<Vec<String>>>);

impl Handled {
    fn add(&self, delivery: &Delivery) {
        if let Content::Text(text) = delivery.content() {
            self.0.lock().unwrap().push(text.content.clone());
        }
    }

    fn texts(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_whose_cursor_is_unknown_continues_where_the_operator_says() {
    let sim = Simulator::start().await.unwrap();
    let (store, handled) = (Memory::new(), Handled::default());
    let inbox = Inbox::builder(client(&sim), sim.open_kfid()).store(store.clone()).cold_start(ColdStart::Everything);
    // So short that the reader soon notices what the operator did.
    let lease = Duration::from_secs(3);
    let inbox = inbox.lease(lease).poll(Duration::from_millis(50)).open().await.unwrap();
    let (handle, of_handler) = (inbox.handle(), handled.clone());
    let bot = tokio::spawn(inbox.run(move |delivery| {
        of_handler.add(&delivery);
        async { Ok(()) }
    }));
    let customer = sim.customer("小王");
    customer.says("one");
    until("one is handled", || handled.texts() == ["one"]).await;
    until("one is stored", || handle.metrics().commits > 0 && handle.metrics().status == Status::CaughtUp).await;

    sim.fault(wecom_kf_sim::op::SYNC_MSG).cursors_lost();
    customer.says("two");
    until("WeCom refuses the cursor", || handle.metrics().last_error.is_some()).await;
    let operator = Operator::new(store.clone());
    let key = store.keys().await.unwrap().into_iter().next().unwrap();
    assert_eq!(&key, handle.key());
    let refused = operator.begin_again(&key, ColdStart::Everything, IfHeld::Refuse).await.unwrap();
    assert!(matches!(refused, BeganAgain::Held(_)), "{refused:?}");
    let done = operator.begin_again(&key, ColdStart::Everything, IfHeld::TakeOver).await.unwrap();
    assert_eq!(done, BeganAgain::Done);
    until("the reader continues", || handled.texts() == ["one", "two"]).await;
    handle.stop();
    bot.await.unwrap().unwrap();
    assert_eq!(handled.texts(), ["one", "two"], "what was settled before is not handled again");
}

async fn group(sim: &Simulator, store: &Memory, fails: bool, handled: &Handled) -> GroupHandle {
    let group = InboxGroup::builder(client(sim)).store(store.clone()).cold_start(ColdStart::Everything);
    let group = group.open().await.unwrap();
    let (handle, handled) = (group.handle(), handled.clone());
    tokio::spawn(group.run(move |delivery| {
        handled.add(&delivery);
        async move { if fails { Err(Failure::park("as the test said")) } else { Ok(()) } }
    }));
    handle
}

async fn all(handle: &GroupHandle, limit: usize) -> Vec<GroupParked> {
    let (mut all, mut query) = (Vec::new(), ParkedQuery::first(limit));
    loop {
        let page = handle.parked(&query).await.unwrap();
        assert!(page.items.len() <= limit, "no more than asked for");
        all.extend(page.items);
        let Some(next) = page.next else { return all };
        query = query.after(Some(next));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_parked_in_a_group_is_listed_replayed_and_dropped() {
    let sim = Simulator::builder().account("店1").account("店2").start().await.unwrap();
    let (store, handled) = (Memory::new(), Handled::default());
    let failing = group(&sim, &store, true, &handled).await;
    for open_kfid in sim.open_kfids() {
        for number in 0..3 {
            sim.customer_of(&open_kfid, &format!("客户{number}")).unwrap().says(&format!("{open_kfid}/{number}"));
        }
    }
    let expected = sim.open_kfids().len() * 3;
    until("all are handled", || handled.texts().len() >= expected).await;
    failing.stop();
    // The accounts are stored under the same keys whoever reads them.
    let reading = group(&sim, &store, false, &handled).await;
    let seen = || async { reading.parked(&ParkedQuery::first(100)).await.unwrap().items.len() };
    let waits = async {
        while seen().await < expected {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, waits).await.unwrap();

    let whole = all(&reading, 100).await;
    let accounts: Vec<&OpenKfid> = whole.iter().map(|item| &item.open_kfid).collect();
    assert!(accounts.is_sorted(), "account by account: {accounts:?}");
    for item in &whole {
        let text = item.parked.message().unwrap();
        let Content::Text(text) = &text.content() else { panic!("{:?}", text.content()) };
        assert!(text.content.starts_with(item.open_kfid.as_str()), "{} is not of {}", text.content, item.open_kfid);
    }
    for limit in 1..=expected + 1 {
        assert_eq!(all(&reading, limit).await, whole, "in pages of {limit}");
    }
    let one = &whole[0];
    let found = reading.parked(&ParkedQuery::id(&one.parked.id)).await.unwrap();
    assert_eq!(found.items, whole[..1]);
    let wrong = reading.parked(&ParkedQuery::first(1).after(Some("17".to_owned()))).await.unwrap_err();
    assert!(wrong.to_string().contains("no such page"), "{wrong}");

    assert!(reading.drop_parked(&one.open_kfid, &one.parked.id).await.unwrap());
    assert!(!reading.drop_parked(&one.open_kfid, &one.parked.id).await.unwrap());
    assert!(!reading.replay(&one.open_kfid, &one.parked.id).await.unwrap());
    let before = handled.texts().len();
    let other = whole.last().unwrap();
    assert!(reading.replay(&other.open_kfid, &other.parked.id).await.unwrap());
    until("one is replayed", || handled.texts().len() == before + 1).await;
    let rest = |open_kfid: &OpenKfid, parked: &wecom_kf_inbox::store::Parked| {
        *open_kfid != other.open_kfid || parked.id != other.parked.id
    };
    assert_eq!(reading.replay_all(rest).await.unwrap(), expected - 2);
    until("all are replayed", || handled.texts().len() == before + expected - 1).await;
    let waits = async {
        while seen().await > 0 {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, waits).await.unwrap();
    reading.stop();
}
