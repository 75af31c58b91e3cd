//! The store of the bot: whether it opens, who reads the accounts, how far behind they are, and what is parked.

use std::collections::BTreeMap;
use std::time::Duration;

use wecom_kf::{Bilingual, Client};
use wecom_kf_inbox::store::InboxKey;

use super::finding::{Check, Finding, Findings};
use crate::app::App;
use crate::commands::inbox::choice::chosen;
use crate::commands::inbox::lag::Lag;
use crate::commands::inbox::status::{Row, row};
use crate::failure::Failure;
use crate::profile;
use crate::store::{Opened, Store};
use crate::time;

/// A message that waits longer than this is a problem. Without callbacks a bot looks for messages every 30 s, and a handler
/// that asks a language model takes a minute.
const LONGEST_WAIT: Duration = Duration::from_secs(5 * 60);

/// Checks the store that the settings name. `client` is there if WeCom can be asked how far a reader is behind.
pub(super) async fn check(
    app: &App,
    vars: &BTreeMap<String, String>,
    client: Option<&Client>,
    findings: &mut Findings<'_>,
) -> Result<(), Failure> {
    let check = Check::start("store");
    if vars.get(profile::STORE).is_none_or(|store| store.trim().is_empty()) {
        return findings.add(check.not_checked(
            Bilingual::fixed("no store of the bot is set", "没有设置机器人的存储"),
            Bilingual::fixed(
                "Name the bot's store with --store, WECOM_KF_STORE, or store in the profile: the path of its file, or redis://HOST.",
                "用 --store、WECOM_KF_STORE 或配置档的 store 指定机器人的存储：文件路径，或 redis://HOST。",
            ),
        ));
    }
    let store = match app.open_store().await {
        Ok(Opened::Store(store)) => store,
        Ok(Opened::InUse(failure)) => return findings.add(check.noted(&failure)),
        Err(failure) => return findings.add(check.failed(&failure)),
    };
    let keys = match chosen(app, &store).await {
        Ok(keys) => keys,
        Err(failure) => return findings.add(check.failed(&failure)),
    };
    if keys.is_empty() {
        return findings.add(check.note(
            Bilingual::fixed(
                "the store opens, and no bot has stored anything yet",
                "存储可以打开，还没有机器人保存过内容",
            ),
            Bilingual::fixed(
                "If a bot has run, it uses another store, or another prefix of its keys.",
                "若机器人运行过，则它用的是其他存储或其他键前缀。",
            ),
        ));
    }
    let count = keys.len();
    let accounts = if count == 1 { "account" } else { "accounts" };
    findings.add(check.ok(Bilingual::new(
        format!("the store opens, it holds the state of {count} {accounts}"),
        format!("存储可以打开，其中有 {count} 个客服账号的状态"),
    )))?;
    // Asking WeCom costs reads that the bot needs, too, so it is asked about one account.
    let own = app.account().ok().or_else(|| keys.first().filter(|_| count == 1).map(|key| key.open_kfid().clone()));
    for key in &keys {
        let client = client.filter(|_| own.as_ref() == Some(key.open_kfid()));
        of_account(&store, key, client, findings).await?;
    }
    Ok(())
}

async fn of_account(
    store: &Store,
    key: &InboxKey,
    client: Option<&Client>,
    findings: &mut Findings<'_>,
) -> Result<(), Failure> {
    let check = Check::start("store_format");
    let read = async {
        let stored = store.inboxes.load(key).await?;
        Ok::<_, Failure>((row(store, key, stored.as_ref()).await?, stored))
    };
    let (row, stored) = match read.await {
        Ok(read) => read,
        Err(failure) => return findings.add(check.failed(&failure)),
    };
    findings.add(reader(&row, store))?;
    if let Some(finding) = progress(&row) {
        findings.add(finding)?;
    }
    if let Some(finding) = parked(&row) {
        findings.add(finding)?;
    }
    let (Some(client), Some(stored)) = (client, stored) else { return Ok(()) };
    let check = Check::start("store_lag");
    match Lag::of(client, key, &stored).await {
        Ok(Some(lag)) => findings.add(behind(&row, &lag, check)),
        // The state is that of another corp, or of another address of the API.
        Ok(None) => Ok(()),
        Err(error) => findings.add(check.unclear(&error.into())),
    }
}

fn reader(row: &Row, store: &Store) -> Finding {
    let (check, account) = (Check::start("store_reader"), &row.open_kfid);
    if let (Some(reader), Some(left)) = (&row.reader, row.lease_seconds) {
        return check.ok(Bilingual::new(
            format!("{account} is read by {reader}, whose lease lasts {left} s unless it is renewed"),
            format!("{account} 由 {reader} 读取，租约还剩 {left} 秒（会续租）"),
        ));
    }
    let message = Bilingual::new(
        format!("no process reads {account}, so its customers get no answer"),
        format!("没有进程在读取 {account}，客户得不到应答"),
    );
    check.problem(
        message,
        match store.is_shared {
            true => Bilingual::fixed(
                "Start the bot; if it runs, look at its log and its /health/ready.",
                "启动机器人；若它在运行，请查看日志和 /health/ready。",
            ),
            false => {
                Bilingual::fixed("Start the bot: no process has the file open.", "启动机器人：没有进程打开该文件。")
            }
        },
    )
}

/// Says what earlier starts of the bot left behind.
fn progress(row: &Row) -> Option<Finding> {
    let (check, account, starts) = (Check::start("store_progress"), &row.open_kfid, row.starts);
    if let Some(msgid) = &row.in_progress {
        return Some(check.problem(
            Bilingual::new(
                format!("{account}: the process ended while it handled {msgid}"),
                format!("{account}：进程在处理 {msgid} 时结束"),
            ),
            Bilingual::fixed(
                "Look at why it ended. The next start parks that message.",
                "查明它为何结束。下次启动会暂存该消息。",
            ),
        ));
    }
    (starts > 1).then(|| {
        check.problem(
            Bilingual::new(
                format!("{account}: the bot was started {starts} times and settled nothing"),
                format!("{account}：机器人启动了 {starts} 次，一条消息也没处理完"),
            ),
            Bilingual::fixed("Look at why it ends.", "查明它为何结束。"),
        )
    })
}

fn parked(row: &Row) -> Option<Finding> {
    let (account, parked) = (&row.open_kfid, row.parked);
    let s = if parked == 1 { " is" } else { "s are" };
    (parked > 0).then(|| {
        Check::start("store_parked").note(
            Bilingual::new(
                format!("{account}: {parked} message{s} parked, their handler failed for good"),
                format!("{account}：暂存了 {parked} 条消息，它们最终处理失败"),
            ),
            Bilingual::fixed(
                "See why with wecom-kf inbox parked list --show-text, then replay or drop them.",
                "用 wecom-kf inbox parked list --show-text 查看原因，再重放或删除。",
            ),
        )
    })
}

fn behind(row: &Row, lag: &Lag, check: Check) -> Finding {
    let account = &row.open_kfid;
    if !lag.is_cursor_known {
        return check.problem(
            Bilingual::new(
                format!("{account}: WeCom no longer knows the stored cursor (40058), so nothing is read"),
                format!("{account}：企业微信不再认识保存的 cursor（40058），无法继续读取"),
            ),
            Bilingual::new(
                format!("Say where to begin again: {}.", row.seek_oldest()),
                format!("指定从哪里重新开始：{}。", row.seek_oldest()),
            ),
        );
    }
    let Some(oldest) = lag.oldest_send_time.filter(|_| lag.messages > 0) else {
        return check.ok(Bilingual::new(
            format!("{account}: every message is settled"),
            format!("{account}：所有消息都已处理"),
        ));
    };
    let age = Duration::from_secs(u64::try_from(time::now().as_second() - oldest).unwrap_or(0));
    let (count, more) = (lag.messages, if lag.has_more { "+" } else { "" });
    let are = if count == 1 && !lag.has_more { "message is" } else { "messages are" };
    let message = Bilingual::new(
        format!("{account}: {count}{more} {are} not settled, the oldest is {} old", time::span(age)),
        format!("{account}：{count}{more} 条消息未处理，最早的已有 {}", time::span(age)),
    );
    if age <= LONGEST_WAIT {
        return check.ok(message);
    }
    check.problem(
        message,
        Bilingual::fixed(
            "If nobody reads, start the bot. Otherwise look at its log: a handler fails or is slow (status, last_failure and lag at its /health/ready).",
            "若无人读取，请启动机器人；否则查看其日志：处理函数失败或太慢（/health/ready 中的 status、last_failure 和 lag）。",
        ),
    )
}
