//! `wecom-kf inbox`, on a Redis that a bot uses at the same time.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use snapbox::str;
use tokio::time::Instant;
use wecom_kf_inbox::store::{InboxStore, Redis};

use crate::bot::{Bot, CUSTOMER, CUSTOMERS_WORDS};
use crate::stage::{Outcome, Run, Stage};

/// The password of the server, which no output may show.
const PASSWORD: &str = "p4ssw0rd";

/// A `redis-server` at a socket in the home folder of the stage. A drop ends it.
struct Server {
    process: Child,
    socket: PathBuf,
}

impl Server {
    async fn start(stage: &Stage) -> Self {
        let socket = stage.home.path().join("redis.sock");
        let program = std::env::var("WECOM_KF_REDIS_SERVER").unwrap_or_else(|_| "redis-server".to_owned());
        let process = Command::new(program)
            .args(["--port", "0", "--save", "", "--requirepass", PASSWORD, "--unixsocket"])
            .arg(&socket)
            .current_dir(stage.home.path())
            .stdout(Stdio::null())
            .spawn()
            .expect("install redis-server");
        let until = Instant::now() + Duration::from_secs(60);
        while !socket.exists() {
            assert!(Instant::now() < until, "redis-server does not start");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Self { process, socket }
    }

    fn url(&self) -> String {
        format!("unix://{}?pass={PASSWORD}", self.socket.display())
    }

    async fn store(&self) -> Arc<dyn InboxStore> {
        Arc::new(Redis::builder(self.url().as_str()).open().await.unwrap())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn on_redis<'a>(stage: &'a Stage, server: &Server, args: &[&str]) -> Run<'a> {
    stage.run(args).var("WECOM_KF_STORE", server.url())
}

/// Fails if the output has a customer's text or the password. Replaces the seconds of leases, which pass.
fn checked(mut outcome: Outcome) -> Outcome {
    for text in [&mut outcome.stdout, &mut outcome.stderr] {
        assert!(!text.contains(CUSTOMERS_WORDS) && !text.contains(PASSWORD), "{text}");
        for seconds in 500..=600 {
            *text = text.replace(&format!("\t{seconds}s\t"), "\t[LEFT]\t");
            *text = text.replace(&format!("\"lease_seconds\":{seconds}"), "\"lease_seconds\":[LEFT]");
            *text = text.replace(&format!("{}m {}s", seconds / 60, seconds % 60), "[LEFT]");
        }
        *text = text.replace("10m", "[LEFT]");
    }
    outcome
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs redis-server"]
async fn a_store_is_looked_at_and_changed_beside_the_bot() {
    let stage = Stage::start().await;
    let server = Server::start(&stage).await;
    let bot = Bot::of(&stage, server.store().await);
    bot.stores_something().await;
    let account = stage.key("小店").open_kfid().to_string();
    let run = async |args: &[&str]| checked(on_redis(&stage, &server, &[&["inbox"], args].concat()).piped().await);

    run(&["status"]).await.is(
        0,
        str![[r#"
wk6vQEXfXXQBQICi2OZtZpZ21zhGCKj9	nobody	-	2026-11-18 20:26:40 +08:00	0	0	[ADDRESS]/wwa3C2TaB7JaxTJj8a
wkUyeGDxvMPbMHsvHQvFAjEzyQNjb7sA	nobody	-	cursor	3	0	[ADDRESS]/wwa3C2TaB7JaxTJj8a

"#]],
        str![[r#"
wk6vQEXfXXQBQICi2OZtZpZ21zhGCKj9: no process reads. Start the bot; if it runs, look at its log and its /health/ready
wk6vQEXfXXQBQICi2OZtZpZ21zhGCKj9: the bot was started 2 times and settled nothing. Look at why it ends
wkUyeGDxvMPbMHsvHQvFAjEzyQNjb7sA: no process reads. Start the bot; if it runs, look at its log and its /health/ready
wkUyeGDxvMPbMHsvHQvFAjEzyQNjb7sA: see why messages are parked with wecom-kf inbox parked list --show-text

"#]],
    );
    let lease = bot.lease("小店").await;
    run(&["status", "--account", &account]).await.is(
        0,
        str![[r#"
wkUyeGDxvMPbMHsvHQvFAjEzyQNjb7sA	bot-1	[LEFT]	cursor	3	0	[ADDRESS]/wwa3C2TaB7JaxTJj8a

"#]],
        str![[r#"
wkUyeGDxvMPbMHsvHQvFAjEzyQNjb7sA: see why messages are parked with wecom-kf inbox parked list --show-text

"#]],
    );
    // The remedies for a cursor that WeCom does not know work while the bot runs.
    let remedy = format!("wecom-kf inbox seek --account {account} --from oldest --force");
    let outcome = run(&["status", "--account", &account, "--lag"]).await;
    assert!(outcome.stderr.contains(&remedy), "{outcome:?}");
    let outcome = checked(on_redis(&stage, &server, &["doctor"]).piped().await);
    assert!(outcome.stdout.contains(&remedy), "{outcome:?}");
    run(&["status", "--account", &account, "--json", "--quiet"]).await.is(0, str![[r#"
{"open_kfid":"wkUyeGDxvMPbMHsvHQvFAjEzyQNjb7sA","scope":"[ADDRESS]/wwa3C2TaB7JaxTJj8a","reader":"bot-1","lease_seconds":[LEFT],"has_cursor":true,"since":null,"starts":0,"in_progress":null,"parked":3,"replays_wished":0,"oldest_parked_at":1795004800}

"#]], str![]);
    run(&["parked", "replay", "msg1", "--yes"]).await.is(
        0,
        str![],
        str![[r#"
Asks for the replay of 1 parked message of wkUyeGDxvMPbMHsvHQvFAjEzyQNjb7sA
the wish is stored. A message stays parked until its handler succeeds
wkUyeGDxvMPbMHsvHQvFAjEzyQNjb7sA: bot-1 delivers them now, 8 at a time, after new messages

"#]],
    );
    run(&["parked", "list"]).await.is(0, str![[r#"
msg1	wkUyeGDxvMPbMHsvHQvFAjEzyQNjb7sA	wmXBIcUgAADnE6yzi4eq5xQvXhXWiSdA	message	2026-11-18 20:26:40 +08:00	11	asked	an error of type shop::BackendDown
msg2	wkUyeGDxvMPbMHsvHQvFAjEzyQNjb7sA	wmXBIcUgAADnE6yzi4eq5xQvXhXWiSdA	message	2026-11-19 20:26:40 +08:00	11	-	an error of type shop::BackendDown
msg3	wkUyeGDxvMPbMHsvHQvFAjEzyQNjb7sA	wmXBIcUgAADnE6yzi4eq5xQvXhXWiSdA	message	2026-11-20 20:26:40 +08:00	11	-	the handler panicked

"#]], str![]);

    run(&["seek", "--account", &account, "--from", "oldest", "--yes"]).await.is(1, str![], str![[r#"
error: bot-1 reads wkUyeGDxvMPbMHsvHQvFAjEzyQNjb7sA, by a lease for [LEFT] more; nothing was changed  do: Add --force to make the change while that bot runs, or stop the bot first.

"#]]);
    run(&["--lang", "zh", "forget-customer", CUSTOMER, "--yes"]).await.is(1, str![], str![[r#"
错误：bot-1 正在读取 wkUyeGDxvMPbMHsvHQvFAjEzyQNjb7sA，租约还剩 [LEFT]；没有做任何改动。处理：加上 --force 可在该机器人运行时改动，或先停止它。

"#]]);
    bot.store.renew(&lease, Duration::from_secs(600)).await.expect("the reader was not disturbed");
    run(&["seek", "--account", &account, "--from", "oldest", "--yes", "--force"]).await.is(0, str![], str![[r#"
Forgets the cursor of wkUyeGDxvMPbMHsvHQvFAjEzyQNjb7sA and lets it be read from the oldest message that WeCom still has. Settled messages are not handled again
done: a running bot continues there within 10 s, until then inbox status shows no reader. If no bot runs, the next one begins there

"#]]);
    assert!(bot.store.renew(&lease, Duration::from_secs(600)).await.is_err(), "the reader begins again");
    assert_eq!(bot.store.load(&stage.key("小店")).await.unwrap().unwrap().cursor, None);
    bot.lease("小店").await;
    run(&["forget-customer", CUSTOMER, "--yes", "--force"]).await.is(
        0,
        str![],
        str![[r#"
Deletes the state and the transcript of wmXBIcUgAADnE6yzi4eq5xQvXhXWiSdA at wkUyeGDxvMPbMHsvHQvFAjEzyQNjb7sA
deleted; parked messages of the customer stay: see wecom-kf inbox parked list

"#]],
    );
    run(&["forget-customer", CUSTOMER, "--yes"]).await.is(
        0,
        str![],
        str![[r#"
nothing is kept of wmXBIcUgAADnE6yzi4eq5xQvXhXWiSdA

"#]],
    );

    // Bots with another prefix share nothing with these.
    let args = ["inbox", "status"];
    let other = on_redis(&stage, &server, &args).var("WECOM_KF_STORE", format!("{} prefix=shop:", server.url()));
    checked(other.piped().await).is(0, str![], str![]);
    let wrong = server.url().replace(PASSWORD, "wrong-p4ssw0rd");
    checked(on_redis(&stage, &server, &args).var("WECOM_KF_STORE", wrong).piped().await).is(4, str![], str![[r#"
error: bad settings of the store: the Redis at [HOME]/redis.sock refused: authentication failed; put the right user and password into its URL  do: correct them and start again

"#]]);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs redis-server"]
async fn doctor_sees_who_reads_while_a_bot_runs() {
    let stage = Stage::start().await;
    let server = Server::start(&stage).await;
    let bot = Bot::of(&stage, server.store().await);
    bot.stores_something().await;
    let lease = bot.lease("小店").await;
    let doctor = async || checked(on_redis(&stage, &server, &["doctor"]).piped().await);
    let outcome = doctor().await;
    let account = stage.key("小店").open_kfid().to_string();
    assert!(outcome.stdout.contains(&format!("ok\tstore_reader\t{account} is read by bot-1")), "{outcome:?}");
    bot.store.release(&lease).await.unwrap();
    let outcome = doctor().await;
    assert!(outcome.stdout.contains(&format!("problem\tstore_reader\tno process reads {account}")), "{outcome:?}");
    assert!(outcome.stdout.contains("/health/ready"), "{outcome:?}");
    let wrong = server.url().replace(PASSWORD, "wrong-password");
    let outcome = checked(stage.run(&["doctor"]).var("WECOM_KF_STORE", wrong).piped().await);
    assert!(outcome.stdout.contains("problem\tstore\t") && !outcome.stdout.contains("wrong-password"), "{outcome:?}");
}
