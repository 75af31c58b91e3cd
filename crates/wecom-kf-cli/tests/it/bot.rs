//! What a bot has stored, for the commands that look at it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use wecom_kf_inbox::store::{
    Acquired, Commit, Committed, ConversationRecord, ConversationWrite, Generation, InboxKey, InboxStore, Lease,
    Parked, ParkedKind, Redb,
};

use crate::stage::Stage;

/// What a customer wrote, which is only shown if that is asked for.
pub(crate) const CUSTOMERS_WORDS: &str = "我的订单 #1024 到哪儿了";
/// The reason of a parked message. It repeats what the customer wrote.
pub(crate) const REASON: &str = "the backend is down, looking for 我的订单 #1024 到哪儿了";
pub(crate) const CUSTOMER: &str = "wmXBIcUgAADnE6yzi4eq5xQvXhXWiSdA";
/// The id that the seed of the stage gives to 售后.
const SECOND_ACCOUNT: &str = "wk6vQEXfXXQBQICi2OZtZpZ21zhGCKj9";
/// 2026-11-18 20:26:40 in China.
pub(crate) const PARKED_AT: i64 = 1_795_004_800;

/// The store of a bot that is not running.
pub(crate) struct Bot<'a> {
    stage: &'a Stage,
    pub(crate) store: Arc<dyn InboxStore>,
}

impl Stage {
    /// Returns the path of the file in which a bot has stored something.
    pub(crate) async fn file_of_bot(&self) -> PathBuf {
        let path = self.home.path().join("bot.redb");
        Bot::of(self, Arc::new(Redb::open(&path).unwrap())).stores_something().await;
        path
    }

    pub(crate) fn key(&self, account: &str) -> InboxKey {
        let host = self.simulator.base_url().replace("http://", "");
        let open_kfid = [self.simulator.open_kfid(), SECOND_ACCOUNT.to_owned()];
        let open_kfid = open_kfid.into_iter().find(|id| self.simulator.account_name(id).as_deref() == Some(account));
        InboxKey::new(format!("{host}/{}", self.simulator.corp_id()), open_kfid.unwrap().into())
    }
}

impl<'a> Bot<'a> {
    pub(crate) fn of(stage: &'a Stage, store: Arc<dyn InboxStore>) -> Self {
        Self { stage, store }
    }

    pub(crate) async fn lease(&self, account: &str) -> Lease {
        let key = self.stage.key(account);
        match self.store.acquire(&key, "bot-1", Duration::from_secs(600)).await.unwrap() {
            Acquired::Lease(lease) => lease,
            held => panic!("{held:?}"),
        }
    }

    /// Stores what other tests look at: a long history at 小店, and the beginning of one at 售后.
    pub(crate) async fn stores_something(&self) {
        self.stores_a_history(3).await;
        let lease = self.lease("售后").await;
        let mut begun = Committed::new(Generation::random());
        begun.since = Some(PARKED_AT);
        begun.starts = 2;
        self.store.commit(&lease, &Commit::whole(&begun)).await.unwrap();
        self.store.release(&lease).await.unwrap();
    }

    /// Stores a history of 小店 with a cursor that WeCom does not know, parked messages and a conversation.
    pub(crate) async fn stores_a_history(&self, parked: i64) {
        let lease = self.lease("小店").await;
        let mut begun = Committed::new(Generation::random());
        begun.cursor = Some("a-cursor-that-nobody-knows".to_owned());
        let mut commit = Commit::whole(&begun);
        let record = ConversationRecord::new(CUSTOMER, format!("{{\"transcript\":\"{CUSTOMERS_WORDS}\"}}"));
        commit.conversations = vec![ConversationWrite::Begin(record)];
        commit.parked = (1..=parked).map(|number| self.parked(number)).collect();
        self.store.commit(&lease, &commit).await.unwrap();
        self.store.release(&lease).await.unwrap();
    }

    fn parked(&self, number: i64) -> Parked {
        let message = serde_json::json!({
            "msgid": format!("msg{number}"), "open_kfid": self.stage.key("小店").open_kfid(), "external_userid": CUSTOMER,
            "send_time": PARKED_AT - 600, "origin": 3, "msgtype": "text", "text": { "content": CUSTOMERS_WORDS },
        });
        let (reason, shown) = if number == 3 {
            ("the handler panicked", "the handler panicked")
        } else {
            (REASON, "an error of type shop::BackendDown")
        };
        let parked = Parked::new(format!("msg{number}"), ParkedKind::Message, message.to_string());
        parked.because(reason, 11).showing(shown).kept(PARKED_AT + 86_400 * (number - 1), i64::MAX)
    }
}
