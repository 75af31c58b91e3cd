//! Which inboxes of a store a command is about: those of the corp of the settings, and of `--account`.

use wecom_kf::{Bilingual, Lang, Variable};
use wecom_kf_inbox::store::{Held, InboxKey};

use crate::app::App;
use crate::failure::{Exit, Failure, Problem};
use crate::store::Store;
use crate::time;

/// Returns the inboxes of the account that `--account` names, otherwise of all accounts of the corp.
pub(in crate::commands) async fn chosen(app: &App, store: &Store) -> Result<Vec<InboxKey>, Failure> {
    let all = store.inboxes.keys().await?;
    let corp_id = app.variables()?.get(Variable::CorpId.name()).map_or("", |corp_id| corp_id.trim());
    let is_of_corp = |key: &&InboxKey| corp_id.is_empty() || key.scope().rsplit('/').next() == Some(corp_id);
    let is_of_account = |key: &&InboxKey| match &app.options.account {
        Some(account) => key.open_kfid() == account.trim(),
        None => true,
    };
    let chosen: Vec<InboxKey> = all.iter().filter(is_of_corp).filter(is_of_account).cloned().collect();
    if chosen.is_empty() && !all.is_empty() {
        return Err(none_of(all.iter()).into());
    }
    Ok(chosen)
}

/// Returns the only inbox that is meant. If there are several, it is that of the account of the settings.
pub(super) async fn chosen_one(app: &App, store: &Store) -> Result<InboxKey, Failure> {
    let mut keys = chosen(app, store).await?;
    if keys.len() > 1
        && let Ok(account) = app.account()
    {
        keys.retain(|key| *key.open_kfid() == account);
    }
    match &keys[..] {
        [key] => Ok(key.clone()),
        [] => Err(Problem::new(
            Bilingual::fixed("the store holds no such inbox", "存储中没有这个收件箱"),
            (
                "Check --store and --account. A bot that has never read anything begins where its cold_start says.",
                "检查 --store 和 --account。从未读取过消息的机器人按它的 cold_start 开始。",
            ),
        )
        .into()),
        several => {
            let names = names(several.iter());
            Err(Problem::new(
                Bilingual::new(
                    format!("the store holds several inboxes: {names}"),
                    format!("存储中有多个收件箱：{names}"),
                ),
                ("Choose one with --account.", "用 --account 选择一个。"),
            )
            .exit(Exit::Usage)
            .into())
        }
    }
}

fn none_of<'a>(all: impl Iterator<Item = &'a InboxKey>) -> Problem {
    let names = names(all);
    Problem::new(
        Bilingual::new(
            format!("the store holds no such inbox, only {names}"),
            format!("存储中没有这个收件箱，只有 {names}"),
        ),
        ("Check --account and the corp id of the settings.", "检查 --account 和配置中的企业 ID。"),
    )
}

fn names<'a>(keys: impl Iterator<Item = &'a InboxKey>) -> String {
    keys.map(InboxKey::to_string).collect::<Vec<_>>().join(", ")
}

/// What `--force` was for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Force {
    Yes,
    No,
}

impl From<bool> for Force {
    fn from(is_forced: bool) -> Self {
        if is_forced { Self::Yes } else { Self::No }
    }
}

/// Refuses to change an inbox that a process reads, unless that was forced.
pub(super) async fn refuse_if_read(store: &Store, keys: &[InboxKey], force: Force) -> Result<(), Failure> {
    if force == Force::Yes {
        return Ok(());
    }
    for key in keys {
        if let Some(held) = store.inboxes.lease_of(key).await? {
            return Err(is_read(key, &held).into());
        }
    }
    Ok(())
}

pub(super) fn is_read(key: &InboxKey, held: &Held) -> Problem {
    let (account, holder, left) = (key.open_kfid(), &held.holder, time::span(held.left));
    Problem::new(
        Bilingual::new(
            format!("{holder} reads {account}, by a lease for {left} more; nothing was changed"),
            format!("{holder} 正在读取 {account}，租约还剩 {left}；没有做任何改动"),
        ),
        (
            "Add --force to make the change while that bot runs, or stop the bot first.",
            "加上 --force 可在该机器人运行时改动，或先停止它。",
        ),
    )
}

/// Names the accounts of some inboxes, such as "wk1, wk2".
pub(super) fn accounts(keys: &[InboxKey], lang: Lang) -> String {
    let accounts: Vec<&str> = keys.iter().map(|key| key.open_kfid().as_str()).collect();
    accounts.join(lang.pick(", ", "、"))
}
