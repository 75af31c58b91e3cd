//! `wecom-kf doctor` and the store of the bot, in a file. What it says of a Redis is in `redis.rs`.

use wecom_kf_inbox::store::{Commit, InboxStore, Redb};

use crate::bot::{Bot, CUSTOMERS_WORDS};
use crate::stage::{Outcome, Stage};

async fn doctor(stage: &Stage, args: &[&str], store: &str) -> Outcome {
    let run = stage.run(&[&["doctor"], args].concat()).var("WECOM_KF_STORE", store);
    let outcome = run.piped().await;
    assert!(!outcome.stdout.contains(CUSTOMERS_WORDS), "{outcome:?}");
    outcome
}

/// Returns the lines with this id and this status.
fn lines<'a>(outcome: &'a Outcome, id: &str, status: &str) -> Vec<&'a str> {
    let head = format!("{status}\t{id}\t");
    outcome.stdout.lines().filter(|line| line.starts_with(&head)).collect()
}

#[track_caller]
fn says(outcome: &Outcome, id: &str, status: &str, text: &str) {
    let found = lines(outcome, id, status);
    assert!(found.iter().any(|line| line.contains(text)), "{id} {status} {text}: {outcome:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_cannot_be_opened() {
    let stage = Stage::start().await;
    let outcome = stage.run(&["doctor"]).piped().await;
    says(&outcome, "store", "not_checked", "--store");
    let path = stage.home.path().join("bot.redb");
    let path = path.to_str().unwrap();

    let outcome = doctor(&stage, &[], path).await;
    says(&outcome, "store", "problem", "A bot creates its file when it first runs");
    std::fs::write(path, "this is no database, but it is longer than a header. ".repeat(100)).unwrap();
    let outcome = doctor(&stage, &[], path).await;
    assert_eq!((lines(&outcome, "store", "problem").len(), outcome.code), (1, 3), "{outcome:?}");
    std::fs::remove_file(path).unwrap();

    // The remedy: a bot that runs creates the file, and has it open.
    let open = Redb::open(path).unwrap();
    says(&doctor(&stage, &[], path).await, "store", "note", "a running bot or another program has the file open");
    drop(open);
    let outcome = doctor(&stage, &[], path).await;
    says(&outcome, "store", "note", "no bot has stored anything yet");
    assert_eq!(outcome.code, 0);

    let outcome = doctor(&stage, &[], "redis://:CANARYpassword@127.0.0.1:1").await;
    assert!(!outcome.stdout.contains("password"), "{outcome:?}");
    assert_eq!(lines(&outcome, "store", "problem").len(), 1, "{outcome:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_bot_left_behind() {
    let stage = Stage::start().await;
    let path = stage.file_of_bot().await;
    let path = path.to_str().unwrap();
    let (first, second) = (stage.key("小店"), stage.key("售后"));
    let (first, second) = (first.open_kfid().as_str(), second.open_kfid().as_str());
    let outcome = doctor(&stage, &[], path).await;
    says(&outcome, "store", "ok", "the state of 2 accounts");
    says(&outcome, "store_reader", "problem", &format!("no process reads {first}"));
    says(&outcome, "store_progress", "problem", &format!("{second}: the bot was started 2 times"));
    says(&outcome, "store_parked", "note", &format!("{first}: 3 messages are parked"));
    says(&outcome, "store_lag", "problem", &format!("wecom-kf inbox seek --account {first} --from oldest"));
    assert_eq!(outcome.code, 3);
    let chinese = stage.run(&["doctor"]).var("WECOM_KF_STORE", path).in_chinese().piped().await;
    says(&chinese, "store_parked", "note", "暂存了 3 条消息");
    // Only the account of the bot is asked about at WeCom.
    assert_eq!(lines(&outcome, "store_lag", "problem").len(), 1, "{outcome:?}");

    // The remedies, as the lines name them.
    let run = async |args: &[&str]| {
        let outcome = stage.run(&[&["--yes"], args].concat()).var("WECOM_KF_STORE", path).piped().await;
        assert_eq!(outcome.code, 0, "{outcome:?}");
    };
    run(&["inbox", "seek", "--account", first, "--from", "oldest"]).await;
    run(&["inbox", "parked", "drop", "--all"]).await;
    let outcome = doctor(&stage, &[], path).await;
    says(&outcome, "store_lag", "ok", "every message is settled");
    assert!(!outcome.stdout.contains("store_parked"), "{outcome:?}");
    let open = Redb::open(path).unwrap();
    let bot = Bot::of(&stage, std::sync::Arc::new(open));
    let lease = bot.lease("售后").await;
    let mut stored = bot.store.load(&stage.key("售后")).await.unwrap().unwrap();
    stored.starts = 0;
    bot.store.commit(&lease, &Commit::whole(&stored)).await.unwrap();
    // The bot runs.
    assert_eq!(doctor(&stage, &[], path).await.code, 0);
    drop(bot);
    assert!(!doctor(&stage, &[], path).await.stdout.contains("store_progress"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_a_message_ended() {
    let stage = Stage::start().await;
    let path = stage.file_of_bot().await;
    let bot = Bot::of(&stage, std::sync::Arc::new(Redb::open(&path).unwrap()));
    let lease = bot.lease("小店").await;
    let mut stored = bot.store.load(&stage.key("小店")).await.unwrap().unwrap();
    stored.in_progress = Some("msg-that-kills".to_owned());
    bot.store.commit(&lease, &Commit::whole(&stored)).await.unwrap();
    bot.store.release(&lease).await.unwrap();
    drop(bot);
    let outcome = doctor(&stage, &[], path.to_str().unwrap()).await;
    says(&outcome, "store_progress", "problem", "the process ended while it handled msg-that-kills");
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_that_wait() {
    let stage = Stage::start().await;
    let path = stage.file_of_bot().await;
    let path = path.to_str().unwrap();
    let account = stage.key("小店").open_kfid().to_string();
    let seek = ["--yes", "inbox", "seek", "--account", &account, "--from", "oldest"];
    assert_eq!(stage.run(&seek).var("WECOM_KF_STORE", path).piped().await.code, 0);
    // The simulator's clock begins at the present time.
    stage.simulator.customer_of(&account, "小王").unwrap().says(CUSTOMERS_WORDS);
    says(&doctor(&stage, &[], path).await, "store_lag", "ok", "1 message is not settled, the oldest is");

    let past = std::time::Duration::from_secs(1_700_000_000);
    let builder = wecom_kf_sim::Simulator::builder().seed(7).manual_clock_from(past).account("小店").account("售后");
    let stage = Stage::with(builder).await;
    let path = stage.file_of_bot().await;
    let path = path.to_str().unwrap();
    assert_eq!(stage.run(&seek).var("WECOM_KF_STORE", path).piped().await.code, 0);
    stage.simulator.customer_of(&account, "小王").unwrap().says(CUSTOMERS_WORDS);
    let outcome = doctor(&stage, &[], path).await;
    says(&outcome, "store_lag", "problem", "If nobody reads, start the bot");
    // WeCom allows few such reads, and says so.
    let fault = stage.simulator.fault(wecom_kf::raw::op::SYNC_MSG).errcode(45009).always();
    says(&doctor(&stage, &[], path).await, "store_lag", "not_checked", "45009");
    fault.remove();
}
