//! `wecom-kf recall`: takes back a message within two minutes.

use wecom_kf::{Bilingual, MsgId};

use crate::app::App;
use crate::failure::Failure;

#[derive(Debug, clap::Args)]
pub(crate) struct Recall {
    /// The message, by the msgid that `send` printed
    msgid: MsgId,
}

pub(crate) const CHINESE: &[(&str, &str)] =
    &[("recall", "撤回 2 分钟内发送的消息"), ("recall.msgid", "消息的 msgid，即 send 输出的值")];

impl Recall {
    pub(crate) async fn run(self, app: &App) -> Result<(), Failure> {
        let (client, account, msgid) = (app.client()?, app.account()?, self.msgid);
        let what = Bilingual::new(
            format!("Recalls the message {msgid} of {account}"),
            format!("撤回 {account} 的消息 {msgid}"),
        );
        if app.agree(&what)? {
            client.messages().recall(&account, msgid).await?;
            app.out.note(&Bilingual::fixed("recalled", "已撤回"));
        }
        Ok(())
    }
}
