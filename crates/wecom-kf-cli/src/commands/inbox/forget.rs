//! `wecom-kf inbox forget-customer`: deletes the conversation with a customer.

use wecom_kf::{Bilingual, ExternalUserId, Lang};
use wecom_kf_inbox::store::{ConversationQuery, InboxKey};

use super::choice::{Force, accounts, chosen, refuse_if_read};
use crate::app::App;
use crate::failure::Failure;
use crate::store::Store;

#[derive(Debug, clap::Args)]
pub(crate) struct ForgetCustomer {
    /// The customer
    external_userid: ExternalUserId,
    /// Does it even while a process reads
    #[arg(long)]
    force: bool,
}

impl ForgetCustomer {
    pub(crate) async fn run(self, app: &App) -> Result<(), Failure> {
        let (store, customer) = (app.store().await?, self.external_userid);
        let keys = with_conversation(app, &store, &customer).await?;
        if keys.is_empty() {
            app.out.note(&Bilingual::new(
                format!("nothing is kept of {customer}"),
                format!("没有保存 {customer} 的任何内容"),
            ));
            return Ok(());
        }
        refuse_if_read(&store, &keys, Force::from(self.force)).await?;
        let what = Bilingual::new(
            format!("Deletes the state and the transcript of {customer} at {}", accounts(&keys, Lang::En)),
            format!("删除 {customer} 在 {} 的状态和对话记录", accounts(&keys, Lang::Zh)),
        );
        if app.agree(&what)? {
            for key in &keys {
                store.inboxes.forget_customer(key, &customer).await?;
            }
            app.out.note(&Bilingual::fixed(
                "deleted; parked messages of the customer stay: see wecom-kf inbox parked list",
                "已删除；该客户暂存的消息仍在，见 wecom-kf inbox parked list",
            ));
        }
        Ok(())
    }
}

async fn with_conversation(app: &App, store: &Store, customer: &ExternalUserId) -> Result<Vec<InboxKey>, Failure> {
    let mut keys = Vec::new();
    for key in chosen(app, store).await? {
        let page = store.inboxes.conversations(&key, &ConversationQuery::of(customer.clone())).await?;
        if !page.items.is_empty() {
            keys.push(key);
        }
    }
    Ok(keys)
}
