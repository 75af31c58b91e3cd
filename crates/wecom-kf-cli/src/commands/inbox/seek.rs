//! `wecom-kf inbox seek`: sets where an account is read next.

use std::time::{Duration, UNIX_EPOCH};

use wecom_kf::Bilingual;
use wecom_kf_inbox::ColdStart;
use wecom_kf_inbox::store::{BeganAgain, IfHeld, Operator};

use super::choice::{Force, chosen_one, is_read, refuse_if_read};
use crate::app::App;
use crate::failure::{Failure, Problem};
use crate::time::{self, Moment};

#[derive(Debug, clap::Args)]
pub(crate) struct Seek {
    /// now: passes over the messages until now; oldest: the oldest that WeCom has; or a time such as 3h or 2026-11-20
    #[arg(long, value_name = "now|oldest|TIME", value_parser = place)]
    from: Place,
    /// Does it even while a process reads, which continues at the new place within 10 s
    #[arg(long)]
    force: bool,
}

/// Where reading begins.
#[derive(Clone, Copy, Debug)]
enum Place {
    Now,
    Oldest,
    At(Moment),
}

fn place(text: &str) -> Result<Place, String> {
    match text {
        "now" => Ok(Place::Now),
        "oldest" => Ok(Place::Oldest),
        text => time::moment(text).map(Place::At),
    }
}

impl Seek {
    pub(crate) async fn run(self, app: &App) -> Result<(), Failure> {
        let store = app.store().await?;
        let key = chosen_one(app, &store).await?;
        let force = Force::from(self.force);
        refuse_if_read(&store, std::slice::from_ref(&key), force).await?;
        let (start, en, zh) = self.from.start();
        let account = key.open_kfid();
        let what = Bilingual::new(
            format!(
                "Forgets the cursor of {account} and lets it be read from {en}. Settled messages are not handled again"
            ),
            format!("忘记 {account} 的 cursor，之后从{zh}开始读取；已处理完的消息不会再次处理"),
        );
        if !app.agree(&what)? {
            return Ok(());
        }
        let if_held = if force == Force::Yes { IfHeld::TakeOver } else { IfHeld::Refuse };
        match Operator::new(store.inboxes.clone()).begin_again(&key, start, if_held).await? {
            BeganAgain::Done => {
                app.out.note(&match store.is_shared {
                    true => Bilingual::fixed(
                        "done: a running bot continues there within 10 s, until then inbox status shows no reader. If no bot runs, the next one begins there",
                        "已完成：运行中的机器人会在 10 秒内转到那里，此前 inbox status 显示无人读取；没有运行的机器人下次启动时从那里开始",
                    ),
                    false => Bilingual::fixed(
                        "done: start the bot, which begins there",
                        "已完成：启动机器人，它会从那里开始",
                    ),
                });
                Ok(())
            }
            BeganAgain::Held(held) => Err(is_read(&key, &held).into()),
            BeganAgain::NothingStored => Err(Problem::new(
                Bilingual::new(
                    format!("nothing is stored of {account} any more"),
                    format!("存储中已没有 {account} 的内容"),
                ),
                ("Start the bot. It begins where its cold_start says.", "启动机器人，它会按 cold_start 开始。"),
            )
            .into()),
        }
    }
}

impl Place {
    /// Returns the place, and what it is called in English and Chinese.
    fn start(self) -> (ColdStart, String, String) {
        match self {
            Self::Now => (ColdStart::FromNow, "now".to_owned(), "现在".to_owned()),
            Self::Oldest => {
                let (en, zh) = ("the oldest message that WeCom still has", "企业微信仍保存的最早消息");
                (ColdStart::Everything, en.to_owned(), zh.to_owned())
            }
            Self::At(moment) => {
                let seconds = moment.at(time::now()).as_second().max(0);
                let shown = time::shown(seconds);
                let since = UNIX_EPOCH + Duration::from_secs(seconds.unsigned_abs());
                (ColdStart::Since(since), shown.clone(), format!(" {shown} "))
            }
        }
    }
}
