//! `wecom-kf inbox`, on the file of a bot.

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use snapbox::{IntoData, str};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use wecom_kf_inbox::store::{InboxStore, ParkedQuery, Redb};
use wecom_kf_inbox::{ColdStart, Delivery, Failure, HealthLimits, Inbox, Metrics};
use wecom_kf_sim::Simulator;

use crate::bot::{CUSTOMER, CUSTOMERS_WORDS};
use crate::stage::{Outcome, Run, Stage};
use crate::terminal::{on_terminal, plain};

/// Fails if the output has what a customer wrote.
fn without_words(outcome: Outcome) -> Outcome {
    for text in [&outcome.stdout, &outcome.stderr] {
        assert!(!text.contains(CUSTOMERS_WORDS), "the output shows a customer's text: {text}");
    }
    outcome
}

/// Returns the text of a terminal after a question. Whether the answer is shown in its line depends on who is faster.
fn after_question(outcome: &Outcome) -> String {
    plain(outcome).lines().filter(|line| !line.contains("[y/N]")).map(|line| format!("{line}\n")).collect()
}

/// Returns a run on the file of a bot.
async fn on_file<'a>(stage: &'a Stage, args: &[&str]) -> Run<'a> {
    let path = stage.home.path().join("bot.redb");
    let path = if path.exists() { path } else { stage.file_of_bot().await };
    stage.run(args).var("WECOM_KF_STORE", path.to_str().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_status_says_who_reads_and_what_is_parked() {
    let stage = Stage::start().await;
    let args = ["inbox", "status"];
    without_words(on_file(&stage, &args).await.piped().await).is(
        0,
        str![[r#"
wk6vQEXfXXQBQICi2OZtZpZ21zhGCKj9	nobody	-	2026-11-18 20:26:40 +08:00	0	0	[ADDRESS]/wwa3C2TaB7JaxTJj8a
wkUyeGDxvMPbMHsvHQvFAjEzyQNjb7sA	nobody	-	cursor	3	0	[ADDRESS]/wwa3C2TaB7JaxTJj8a

"#]],
        str![[r#"
no bot has the file open, so nobody reads: start the bot
wk6vQEXfXXQBQICi2OZtZpZ21zhGCKj9: the bot was started 2 times and settled nothing. Look at why it ends
wkUyeGDxvMPbMHsvHQvFAjEzyQNjb7sA: see why messages are parked with wecom-kf inbox parked list --show-text

"#]],
    );
    let args = ["inbox", "status", "--conversations", "--json", "--quiet"];
    without_words(on_file(&stage, &args).await.piped().await).is(0, str![[r#"
{"open_kfid":"wk6vQEXfXXQBQICi2OZtZpZ21zhGCKj9","scope":"[ADDRESS]/wwa3C2TaB7JaxTJj8a","reader":null,"lease_seconds":null,"has_cursor":false,"since":1795004800,"starts":2,"in_progress":null,"parked":0,"replays_wished":0,"oldest_parked_at":null,"conversations":0}
{"open_kfid":"wkUyeGDxvMPbMHsvHQvFAjEzyQNjb7sA","scope":"[ADDRESS]/wwa3C2TaB7JaxTJj8a","reader":null,"lease_seconds":null,"has_cursor":true,"since":null,"starts":0,"in_progress":null,"parked":3,"replays_wished":0,"oldest_parked_at":1795004800,"conversations":1}

"#]], str![]);
    let args = ["inbox", "status"];
    let outcome = without_words(on_terminal(on_file(&stage, &args).await.in_chinese(), "").await);
    snapbox::assert_data_eq!(
        plain(&outcome),
        str![[r#"
OPEN_KFID                         读取者  租约  继续位置                    暂存  待重放
wk6vQEXfXXQBQICi2OZtZpZ21zhGCKj9  无         -  2026-11-18 20:26:40 +08:00     0       0
wkUyeGDxvMPbMHsvHQvFAjEzyQNjb7sA  无         -  cursor                         3       0
没有机器人打开该文件，所以无人读取：请启动机器人
wk6vQEXfXXQBQICi2OZtZpZ21zhGCKj9：机器人启动了 2 次，一条消息也没处理完。请查明它为何结束
wkUyeGDxvMPbMHsvHQvFAjEzyQNjb7sA：用 wecom-kf inbox parked list --show-text 查看消息为何被暂存

"#]]
    );
    let key = stage.key("售后");
    let args = ["inbox", "status", "--conversations", "--account", key.open_kfid().as_str()];
    let outcome = without_words(on_terminal(on_file(&stage, &args).await, "").await);
    snapbox::assert_data_eq!(
        plain(&outcome),
        str![[r#"
OPEN_KFID                         READER  LEASE  CONTINUES                   PARKED  REPLAYS  CONVERSATIONS
wk6vQEXfXXQBQICi2OZtZpZ21zhGCKj9  nobody      -  2026-11-18 20:26:40 +08:00       0        0              0
no bot has the file open, so nobody reads: start the bot
wk6vQEXfXXQBQICi2OZtZpZ21zhGCKj9: the bot was started 2 times and settled nothing. Look at why it ends

"#]]
    );
    on_file(&stage, &["inbox", "status", "--account", "wkOther"]).await.piped().await.is(1, str![], str![[r#"
error: the store holds no such inbox, only [ADDRESS]/wwa3C2TaB7JaxTJj8a/wk6vQEXfXXQBQICi2OZtZpZ21zhGCKj9, [ADDRESS]/wwa3C2TaB7JaxTJj8a/wkUyeGDxvMPbMHsvHQvFAjEzyQNjb7sA  do: Check --account and the corp id of the settings.

"#]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_lag_is_what_wecom_has_beyond_the_cursor() {
    let noon = Duration::from_secs(1_795_000_000);
    let builder = Simulator::builder().seed(7).manual_clock_from(noon).account("小店").account("售后");
    let stage = Stage::with(builder).await;
    let wang = stage.simulator.customer_of(stage.key("售后").open_kfid().as_str(), "小王").unwrap();
    for seconds in [0, 60, 6000] {
        stage.simulator.advance(Duration::from_secs(seconds));
        wang.says(CUSTOMERS_WORDS);
    }
    let args = ["inbox", "status", "--lag"];
    without_words(on_file(&stage, &args).await.piped().await).is(0, str![[r#"
wk6vQEXfXXQBQICi2OZtZpZ21zhGCKj9	nobody	-	2026-11-18 20:26:40 +08:00	0	0	1	2026-11-18 20:47:40 +08:00	[ADDRESS]/wwa3C2TaB7JaxTJj8a
wkUyeGDxvMPbMHsvHQvFAjEzyQNjb7sA	nobody	-	cursor	3	0	40058	-	[ADDRESS]/wwa3C2TaB7JaxTJj8a

"#]], str![[r#"
no bot has the file open, so nobody reads: start the bot
wk6vQEXfXXQBQICi2OZtZpZ21zhGCKj9: the bot was started 2 times and settled nothing. Look at why it ends
wkUyeGDxvMPbMHsvHQvFAjEzyQNjb7sA: see why messages are parked with wecom-kf inbox parked list --show-text
wkUyeGDxvMPbMHsvHQvFAjEzyQNjb7sA: WeCom no longer knows the cursor (40058). Use wecom-kf inbox seek --account wkUyeGDxvMPbMHsvHQvFAjEzyQNjb7sA --from oldest

"#]]);
    let args = ["inbox", "status", "--lag", "--json", "--quiet"];
    without_words(on_file(&stage, &args).await.piped().await).is(0, str![[r#"
{"open_kfid":"wk6vQEXfXXQBQICi2OZtZpZ21zhGCKj9","scope":"[ADDRESS]/wwa3C2TaB7JaxTJj8a","reader":null,"lease_seconds":null,"has_cursor":false,"since":1795004800,"starts":2,"in_progress":null,"parked":0,"replays_wished":0,"oldest_parked_at":null,"lag":{"messages":1,"has_more":false,"oldest_send_time":1795006060,"is_cursor_known":true}}
{"open_kfid":"wkUyeGDxvMPbMHsvHQvFAjEzyQNjb7sA","scope":"[ADDRESS]/wwa3C2TaB7JaxTJj8a","reader":null,"lease_seconds":null,"has_cursor":true,"since":null,"starts":0,"in_progress":null,"parked":3,"replays_wished":0,"oldest_parked_at":1795004800,"lag":{"messages":0,"has_more":false,"oldest_send_time":null,"is_cursor_known":false}}

"#]], str![]);
    let outcome =
        without_words(on_terminal(on_file(&stage, &["inbox", "status", "--lag"]).await.in_chinese(), "").await);
    snapbox::assert_data_eq!(
        plain(&outcome),
        str![[r#"
OPEN_KFID                         读取者  租约  继续位置                    暂存  待重放  未处理  最早
wk6vQEXfXXQBQICi2OZtZpZ21zhGCKj9  无         -  2026-11-18 20:26:40 +08:00     0       0       1  2026-11-18 20:47:40 +08:00
wkUyeGDxvMPbMHsvHQvFAjEzyQNjb7sA  无         -  cursor                         3       0   40058  -
没有机器人打开该文件，所以无人读取：请启动机器人
wk6vQEXfXXQBQICi2OZtZpZ21zhGCKj9：机器人启动了 2 次，一条消息也没处理完。请查明它为何结束
wkUyeGDxvMPbMHsvHQvFAjEzyQNjb7sA：用 wecom-kf inbox parked list --show-text 查看消息为何被暂存
wkUyeGDxvMPbMHsvHQvFAjEzyQNjb7sA：企业微信不再认识保存的 cursor（40058）。请用 wecom-kf inbox seek --account wkUyeGDxvMPbMHsvHQvFAjEzyQNjb7sA --from oldest

"#]]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_makes_a_store_unusable_is_named_without_its_password() {
    let stage = Stage::start().await;
    let path = stage.file_of_bot().await;
    let path = path.to_str().unwrap();
    let open = Redb::open(path).unwrap();
    stage.run(&["inbox", "status", "--store", path]).piped().await.is(1, str![], str![[r#"
error: [HOME]/bot.redb: a running bot or another program has the file open  do: While a bot runs, only the bot can use its file. Ask the bot: wecom-kf inbox status --health URL. For the rest, stop the bot and run this command again. A store in Redis can be used at any time.

"#]]);
    stage.run(&["inbox", "parked", "list", "--store", path]).in_chinese().piped().await.is(1, str![], str![[r#"
错误：[HOME]/bot.redb：文件正被运行中的机器人或其他程序打开。处理：机器人运行期间，只有它自己能使用该文件。可用 wecom-kf inbox status --health URL 询问机器人；其他操作请先停止机器人，再运行本命令。Redis 存储则随时可用。

"#]]);
    drop(open);
    stage.run(&["inbox", "status"]).piped().await.is(4, str![], str![[r#"
error: no store is set  do: Name the bot's store with --store, WECOM_KF_STORE, or store in the profile: the path of its file, or redis://HOST.

"#]]);
    stage.run(&["inbox", "status"]).in_chinese().piped().await.is(
        4,
        str![],
        str![[r#"
错误：没有设置存储。处理：用 --store、WECOM_KF_STORE 或配置档的 store 指定机器人的存储：文件路径，或 redis://HOST。

"#]],
    );
    let missing = stage.home.path().join("missing.redb");
    let run = || stage.run(&["inbox", "status", "--store", missing.to_str().unwrap()]);
    run().piped().await.is(
        4,
        str![],
        str![[r#"
error: there is no file at [HOME]/missing.redb  do: Check the path, and whose file it is. A bot creates its file when it first runs.

"#]],
    );
    assert!(!missing.exists());
    for address in [
        "redis://:p4ssw0rd@127.0.0.1:1/0",
        "http://:p4ssw0rd@127.0.0.1",
        "redis://:p4ssw0rd@[/0",
        "cluster redis://:p4ssw0rd@127.0.0.1:1",
    ] {
        for run in [stage.run(&["inbox", "status"]), stage.run(&["inbox", "status", "-vv"]).in_chinese()] {
            let outcome = run.var("WECOM_KF_STORE", address).piped().await;
            assert!(!format!("{outcome:?}").contains("p4ssw0rd"), "{outcome:?}");
            assert_eq!(outcome.code, if address.contains(":1") { 1 } else { 4 }, "{outcome:?}");
        }
    }
    stage.run(&["inbox", "status", "--store", "http://:p4ssw0rd@127.0.0.1"]).piped().await.is(4, str![], str![[r#"
error: the address of the store is invalid  do: Write the path of a file, or redis://:PASSWORD@HOST:6379/0, or "cluster redis://A redis://B", or "sentinel redis://:PASSWORD@NAME/0 redis://SENTINEL1:26379 redis://SENTINEL2:26379". After a Redis, prefix=TEXT sets the prefix of its keys.

"#]]);
    stage.profiles(&format!("[profiles.default]\nstore = \"{path}\"\n"));
    assert_eq!(stage.run_without_settings(&["inbox", "status", "--quiet"]).piped().await.code, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_bot_is_asked_at_its_health_endpoint() {
    let stage = Stage::start().await;
    let health = Metrics::default().health(stage.key("小店").open_kfid(), &HealthLimits::default());
    let json = serde_json::to_string(&health).unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let length = json.len();
    let answer =
        format!("HTTP/1.1 503 Service Unavailable\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{json}");
    let server = tokio::spawn(async move {
        loop {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut request = vec![0; 4096];
            let read = socket.read(&mut request).await.unwrap();
            assert!(request[..read].starts_with(b"GET /health/ready "));
            socket.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    let args = ["inbox", "status", "--health", &url];
    let outcome = stage.run_without_settings(&[&args[..], &["--json"]].concat()).piped().await;
    let shown: serde_json::Value = serde_json::from_str(&outcome.stdout).unwrap();
    assert_eq!(shown, serde_json::to_value(&health).unwrap());
    snapbox::assert_data_eq!(
        plain(&on_terminal(stage.run_without_settings(&args), "").await),
        str![[r#"
ALIVE       yes
READY       no
REASONS     nothing has been read since the start 0 s ago (wkUyeGDxvMPbMHsvHQvFAjEzyQNjb7sA)
ACCOUNTS    1, 1 of them here, 0 read here
PROCESSES   1
LAST ERROR  -

"#]]
    );
    snapbox::assert_data_eq!(
        plain(&on_terminal(stage.run_without_settings(&args).in_chinese(), "").await),
        str![[r#"
存活        是
就绪        否
原因        启动 0 秒以来尚未开始读取（wkUyeGDxvMPbMHsvHQvFAjEzyQNjb7sA）
账号        共 1 个，本进程 1 个，正在读取 0 个
进程数      1
最近的错误  -

"#]]
    );
    server.abort();
    let _ = server.await;
    let mut outcome = stage.run_without_settings(&args).in_chinese().piped().await;
    outcome.stderr = outcome.stderr.replace(&url, "[BOT]");
    outcome.is(1, str![], str![[r#"
错误：[BOT]/health/ready 没有应答：连接被拒绝（系统错误 111）。处理：检查地址，以及机器人是否在运行、是否提供 health_routes。若未运行，请去掉 --health。

"#]]);
    stage.run_without_settings(&["inbox", "status", "--health", &stage.simulator.base_url()]).piped().await.is(
        1,
        str![],
        str![[r#"
error: [URL] is no health endpoint of a bot  do: Write the address at which the bot serves health_routes, such as http://127.0.0.1:8081.

"#]],
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn parked_messages_are_listed_without_what_customers_wrote() {
    let stage = Stage::start().await;
    let run = async |args: &[&str]| on_file(&stage, &[&["inbox", "parked"], args].concat()).await;
    without_words(run(&["list"]).await.piped().await).is(
        0,
        str![[r#"
msg1	wkUyeGDxvMPbMHsvHQvFAjEzyQNjb7sA	wmXBIcUgAADnE6yzi4eq5xQvXhXWiSdA	message	2026-11-18 20:26:40 +08:00	11	-	an error of type shop::BackendDown
msg2	wkUyeGDxvMPbMHsvHQvFAjEzyQNjb7sA	wmXBIcUgAADnE6yzi4eq5xQvXhXWiSdA	message	2026-11-19 20:26:40 +08:00	11	-	an error of type shop::BackendDown
msg3	wkUyeGDxvMPbMHsvHQvFAjEzyQNjb7sA	wmXBIcUgAADnE6yzi4eq5xQvXhXWiSdA	message	2026-11-20 20:26:40 +08:00	11	-	the handler panicked

"#]],
        str![],
    );
    without_words(run(&["list", "--json"]).await.piped().await).is(0, str![[r#"
{"id":"msg1","open_kfid":"wkUyeGDxvMPbMHsvHQvFAjEzyQNjb7sA","kind":"message","external_userid":"wmXBIcUgAADnE6yzi4eq5xQvXhXWiSdA","parked_at":1795004800,"keep_until":9223372036854775807,"tries":11,"is_wished":false,"shown_reason":"an error of type shop::BackendDown"}
{"id":"msg2","open_kfid":"wkUyeGDxvMPbMHsvHQvFAjEzyQNjb7sA","kind":"message","external_userid":"wmXBIcUgAADnE6yzi4eq5xQvXhXWiSdA","parked_at":1795091200,"keep_until":9223372036854775807,"tries":11,"is_wished":false,"shown_reason":"an error of type shop::BackendDown"}
{"id":"msg3","open_kfid":"wkUyeGDxvMPbMHsvHQvFAjEzyQNjb7sA","kind":"message","external_userid":"wmXBIcUgAADnE6yzi4eq5xQvXhXWiSdA","parked_at":1795177600,"keep_until":9223372036854775807,"tries":11,"is_wished":false,"shown_reason":"the handler panicked"}

"#]], str![]);
    without_words(run(&["list", "--reason", "backend", "--before", "2026-11-19"]).await.piped().await).is(
        0,
        str![[r#"
msg1	wkUyeGDxvMPbMHsvHQvFAjEzyQNjb7sA	wmXBIcUgAADnE6yzi4eq5xQvXhXWiSdA	message	2026-11-18 20:26:40 +08:00	11	-	an error of type shop::BackendDown

"#]],
        str![],
    );
    without_words(run(&["show", "msg2", "--json"]).await.piped().await).is(0, str![[r#"
{"id":"msg2","open_kfid":"wkUyeGDxvMPbMHsvHQvFAjEzyQNjb7sA","kind":"message","external_userid":"wmXBIcUgAADnE6yzi4eq5xQvXhXWiSdA","parked_at":1795091200,"keep_until":9223372036854775807,"tries":11,"is_wished":false,"shown_reason":"an error of type shop::BackendDown"}

"#]], str![]);
    without_words(run(&["export"]).await.piped().await).is(0, str![[r#"
{"id":"msg1","open_kfid":"wkUyeGDxvMPbMHsvHQvFAjEzyQNjb7sA","kind":"message","external_userid":"wmXBIcUgAADnE6yzi4eq5xQvXhXWiSdA","parked_at":1795004800,"keep_until":9223372036854775807,"tries":11,"is_wished":false,"shown_reason":"an error of type shop::BackendDown"}
{"id":"msg2","open_kfid":"wkUyeGDxvMPbMHsvHQvFAjEzyQNjb7sA","kind":"message","external_userid":"wmXBIcUgAADnE6yzi4eq5xQvXhXWiSdA","parked_at":1795091200,"keep_until":9223372036854775807,"tries":11,"is_wished":false,"shown_reason":"an error of type shop::BackendDown"}
{"id":"msg3","open_kfid":"wkUyeGDxvMPbMHsvHQvFAjEzyQNjb7sA","kind":"message","external_userid":"wmXBIcUgAADnE6yzi4eq5xQvXhXWiSdA","parked_at":1795177600,"keep_until":9223372036854775807,"tries":11,"is_wished":false,"shown_reason":"the handler panicked"}

"#]], str![]);
    let outcome = without_words(on_terminal(run(&["list"]).await.in_chinese(), "").await);
    snapbox::assert_data_eq!(
        plain(&outcome),
        str![[r#"
ID    OPEN_KFID                         客户                              类型  暂存时间                    尝试  重放  原因
msg1  wkUyeGDxvMPbMHsvHQvFAjEzyQNjb7sA  wmXBIcUgAADnE6yzi4eq5xQvXhXWiSdA  消息  2026-11-18 20:26:40 +08:00    11  -     an error of type shop::BackendDown
msg2  wkUyeGDxvMPbMHsvHQvFAjEzyQNjb7sA  wmXBIcUgAADnE6yzi4eq5xQvXhXWiSdA  消息  2026-11-19 20:26:40 +08:00    11  -     an error of type shop::BackendDown
msg3  wkUyeGDxvMPbMHsvHQvFAjEzyQNjb7sA  wmXBIcUgAADnE6yzi4eq5xQvXhXWiSdA  消息  2026-11-20 20:26:40 +08:00    11  -     the handler panicked
加上 --show-text 显示消息内容和完整的原因，原因中可能重复客户的话

"#]]
    );
    run(&["list", "--show-text", "--reason", "panicked"]).await.piped().await.is(0, str![[r#"
msg3	wkUyeGDxvMPbMHsvHQvFAjEzyQNjb7sA	wmXBIcUgAADnE6yzi4eq5xQvXhXWiSdA	message	2026-11-20 20:26:40 +08:00	11	-	the handler panicked	我的订单 #1024 到哪儿了

"#]], str![]);
    let outcome = on_terminal(run(&["show", "msg1", "--show-text"]).await, "").await;
    snapbox::assert_data_eq!(
        plain(&outcome),
        str![[r#"
ID         msg1
OPEN_KFID  wkUyeGDxvMPbMHsvHQvFAjEzyQNjb7sA
CUSTOMER   wmXBIcUgAADnE6yzi4eq5xQvXhXWiSdA
KIND       message
PARKED     2026-11-18 20:26:40 +08:00
TRIES      11
REPLAY     -
REASON     the backend is down, looking for 我的订单 #1024 到哪儿了
TEXT       我的订单 #1024 到哪儿了

"#]]
    );
    run(&["show", "msg9"]).await.piped().await.is(
        1,
        str![],
        str![[r#"
error: msg9 is not parked  do: See what is parked with wecom-kf inbox parked list.

"#]],
    );
    run(&["show", "msg9"]).await.in_chinese().piped().await.is(
        1,
        str![],
        str![[r#"
错误：msg9 不在暂存的消息中。处理：用 wecom-kf inbox parked list 查看暂存的消息。

"#]],
    );
    run(&["list", "--reason", "nothing like this"]).await.piped().await.is(0, str![], str![]);
}

#[tokio::test(flavor = "multi_thread")]
async fn parked_messages_are_exported_to_a_private_file() {
    let stage = Stage::start().await;
    let out = stage.home.path().join("parked.jsonl");
    let args = ["inbox", "parked", "export", "--out", out.to_str().unwrap(), "--show-text", "--reason", "backend"];
    on_file(&stage, &args).await.piped().await.is(
        0,
        str![],
        str![[r#"
2 written to [HOME]/parked.jsonl

"#]],
    );
    snapbox::assert_data_eq!(stage.cleaned(&std::fs::read_to_string(&out).unwrap()), str![[r#"
{"id":"msg1","open_kfid":"wkUyeGDxvMPbMHsvHQvFAjEzyQNjb7sA","kind":"message","external_userid":"wmXBIcUgAADnE6yzi4eq5xQvXhXWiSdA","parked_at":1795004800,"keep_until":9223372036854775807,"tries":11,"is_wished":false,"shown_reason":"an error of type shop::BackendDown","reason":"the backend is down, looking for 我的订单 #1024 到哪儿了","messages":[{"external_userid":"wmXBIcUgAADnE6yzi4eq5xQvXhXWiSdA","msgid":"msg1","msgtype":"text","open_kfid":"wkUyeGDxvMPbMHsvHQvFAjEzyQNjb7sA","origin":3,"send_time":1795004200,"text":{"content":"我的订单 #1024 到哪儿了"}}]}
{"id":"msg2","open_kfid":"wkUyeGDxvMPbMHsvHQvFAjEzyQNjb7sA","kind":"message","external_userid":"wmXBIcUgAADnE6yzi4eq5xQvXhXWiSdA","parked_at":1795091200,"keep_until":9223372036854775807,"tries":11,"is_wished":false,"shown_reason":"an error of type shop::BackendDown","reason":"the backend is down, looking for 我的订单 #1024 到哪儿了","messages":[{"external_userid":"wmXBIcUgAADnE6yzi4eq5xQvXhXWiSdA","msgid":"msg2","msgtype":"text","open_kfid":"wkUyeGDxvMPbMHsvHQvFAjEzyQNjb7sA","origin":3,"send_time":1795004200,"text":{"content":"我的订单 #1024 到哪儿了"}}]}

"#]].raw());
    assert_eq!(std::fs::metadata(&out).unwrap().permissions().mode() & 0o777, 0o600);
    on_file(&stage, &args).await.piped().await.is(
        1,
        str![],
        str![[r#"
error: [HOME]/parked.jsonl cannot be created: File exists (os error 17)  do: Choose a path where there is no file yet.

"#]],
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn parked_messages_are_replayed_or_dropped_after_a_confirmation() {
    let stage = Stage::start().await;
    let run = async |args: &[&str]| on_file(&stage, &[&["inbox", "parked"], args].concat()).await;
    run(&["replay", "--all", "--reason", "backend", "--dry-run"]).await.piped().await.is(
        0,
        str![],
        str![[r#"
would do: Asks for the replay of 2 parked messages of wkUyeGDxvMPbMHsvHQvFAjEzyQNjb7sA

"#]],
    );
    run(&["replay", "--all"]).await.piped().await.is(2, str![], str![[r#"
error: not confirmed: Asks for the replay of 3 parked messages of wkUyeGDxvMPbMHsvHQvFAjEzyQNjb7sA  do: Run it on a terminal, which asks, or add --yes. With --dry-run it only says what it would do.

"#]]);
    run(&["replay"]).await.piped().await.is(
        2,
        str![],
        str![[r#"
error: the following required arguments were not provided:
  <ID>...

Usage: wecom-kf inbox parked replay <ID>...

For more information, try '--help'.

"#]],
    );
    run(&["replay", "msg1", "--reason", "backend"]).await.in_chinese().piped().await.is(
        2,
        str![],
        str![[r#"
错误：[ID]... 不能与 --reason <TEXT> 同时使用
更多信息见 --help

"#]],
    );
    run(&["replay", "msg1", "msg9", "--yes"]).await.piped().await.is(
        1,
        str![],
        str![[r#"
error: msg9 is not parked  do: See what is parked with wecom-kf inbox parked list.

"#]],
    );
    run(&["list", "--json"])
        .await
        .piped()
        .await
        .stdout
        .lines()
        .for_each(|line| assert!(line.contains("\"is_wished\":false")));
    run(&["replay", "--all", "--reason", "backend", "--yes"]).await.piped().await.is(
        0,
        str![],
        str![[r#"
Asks for the replay of 2 parked messages of wkUyeGDxvMPbMHsvHQvFAjEzyQNjb7sA
the wish is stored. A message stays parked until its handler succeeds
wkUyeGDxvMPbMHsvHQvFAjEzyQNjb7sA: no process reads now, so they are delivered when a bot starts

"#]],
    );
    run(&["list"]).await.in_chinese().piped().await.is(
        0,
        str![[r#"
msg1	wkUyeGDxvMPbMHsvHQvFAjEzyQNjb7sA	wmXBIcUgAADnE6yzi4eq5xQvXhXWiSdA	消息	2026-11-18 20:26:40 +08:00	11	已请求	an error of type shop::BackendDown
msg2	wkUyeGDxvMPbMHsvHQvFAjEzyQNjb7sA	wmXBIcUgAADnE6yzi4eq5xQvXhXWiSdA	消息	2026-11-19 20:26:40 +08:00	11	已请求	an error of type shop::BackendDown
msg3	wkUyeGDxvMPbMHsvHQvFAjEzyQNjb7sA	wmXBIcUgAADnE6yzi4eq5xQvXhXWiSdA	消息	2026-11-20 20:26:40 +08:00	11	-	the handler panicked

"#]],
        str![],
    );
    let outcome = on_terminal(run(&["drop", "msg3"]).await.in_chinese(), "y").await;
    snapbox::assert_data_eq!(
        after_question(&outcome),
        str![[r#"
已删除 1 条

"#]]
    );
    run(&["drop", "--all", "--yes"]).await.in_chinese().piped().await.is(
        0,
        str![],
        str![[r#"
永久删除 wkUyeGDxvMPbMHsvHQvFAjEzyQNjb7sA 的 2 条暂存消息
已删除 2 条

"#]],
    );
    run(&["drop", "--all", "--yes"]).await.piped().await.is(
        0,
        str![],
        str![[r#"
nothing like that is parked

"#]],
    );
    run(&["replay", "--all", "--yes"]).await.in_chinese().piped().await.is(
        0,
        str![],
        str![[r#"
没有符合条件的暂存消息

"#]],
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_is_done_by_the_bot() {
    let stage = Stage::start().await;
    let path = stage.home.path().join("bot.redb");
    let wang = stage.simulator.customer("小王");
    wang.says(CUSTOMERS_WORDS);
    let client = || wecom_kf::Settings::from_vars(stage.simulator.vars()).client().unwrap();
    let open = async || {
        let inbox = Inbox::builder(client(), stage.simulator.open_kfid()).store(Redb::open(&path).unwrap());
        inbox.cold_start(ColdStart::Everything).poll(Duration::from_secs(1)).open().await.unwrap()
    };
    let inbox = open().await;
    let handle = inbox.handle();
    let is_parked = async || {
        while handle.metrics().parked == 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    inbox.run_until(is_parked(), async |_: Delivery| Err(Failure::park(crate::bot::REASON))).await.unwrap();
    drop(handle);

    // The last task of the inbox closes the file a moment later.
    while Redb::open(&path).is_err() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let args = ["inbox", "parked", "replay", "--all", "--reason", "backend", "--yes", "--quiet"];
    on_file(&stage, &args).await.piped().await.is(0, "", "");

    let inbox = open().await;
    let answered = async |delivery: Delivery| delivery.reply("在路上").await.map(drop).map_err(Failure::from);
    inbox.run_until(wang.hears(), answered).await.unwrap();
    assert_eq!(wang.heard().last().unwrap().text(), Some("在路上"));
    let store = loop {
        match Redb::open(&path) {
            Ok(store) => break store,
            Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    };
    assert!(store.parked(&stage.key("小店"), &ParkedQuery::first(9)).await.unwrap().items.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_cursor_is_set_to_another_place() {
    let stage = Stage::start().await;
    let account = stage.key("小店").open_kfid().to_string();
    let run = async |args: &[&str]| on_file(&stage, &[&["inbox", "seek"], args].concat()).await;
    run(&["--account", &account, "--from", "oldest", "--dry-run"]).await.piped().await.is(0, str![], str![[r#"
would do: Forgets the cursor of wkUyeGDxvMPbMHsvHQvFAjEzyQNjb7sA and lets it be read from the oldest message that WeCom still has. Settled messages are not handled again

"#]]);
    run(&["--account", &account, "--from", "oldest", "--yes"]).await.piped().await.is(0, str![], str![[r#"
Forgets the cursor of wkUyeGDxvMPbMHsvHQvFAjEzyQNjb7sA and lets it be read from the oldest message that WeCom still has. Settled messages are not handled again
done: start the bot, which begins there

"#]]);
    run(&["--account", &account, "--from", "2026-11-20", "--yes"]).await.in_chinese().piped().await.is(
        0,
        str![],
        str![[r#"
忘记 wkUyeGDxvMPbMHsvHQvFAjEzyQNjb7sA 的 cursor，之后从 2026-11-20 00:00:00 +08:00 开始读取；已处理完的消息不会再次处理
已完成：启动机器人，它会从那里开始

"#]],
    );
    run(&["--account", &account, "--from", "now"]).await.in_chinese().piped().await.is(2, str![], str![[r#"
错误：未确认：忘记 wkUyeGDxvMPbMHsvHQvFAjEzyQNjb7sA 的 cursor，之后从现在开始读取；已处理完的消息不会再次处理。处理：在终端中运行以便确认，或加上 --yes。加上 --dry-run 则只说明将会做什么。

"#]]);
    run(&["--account", &account, "--from", "soon"]).await.piped().await.is(2, str![], str![[r#"
error: invalid value 'soon' for '--from <now|oldest|TIME>': write 90s, 3h or 2d for that long ago, or a time such as 2026-11-20 or 2026-11-20T08:30:00+08:00 (可写 90s、3h、2d，或日期时间)

For more information, try '--help'.

"#]]);
    run(&["--from", "now", "--dry-run"]).await.without_var("WECOM_KF_OPEN_KFID").piped().await.is(2, str![], str![[r#"
error: the store holds several inboxes: [ADDRESS]/wwa3C2TaB7JaxTJj8a/wk6vQEXfXXQBQICi2OZtZpZ21zhGCKj9, [ADDRESS]/wwa3C2TaB7JaxTJj8a/wkUyeGDxvMPbMHsvHQvFAjEzyQNjb7sA  do: Choose one with --account.

"#]]);
    // The account of the settings is meant if the store has several.
    assert_eq!(run(&["--from", "now", "--dry-run"]).await.piped().await.code, 0);
    on_file(&stage, &["inbox", "status", "--quiet"]).await.piped().await.is(
        0,
        str![[r#"
wk6vQEXfXXQBQICi2OZtZpZ21zhGCKj9	nobody	-	2026-11-18 20:26:40 +08:00	0	0	[ADDRESS]/wwa3C2TaB7JaxTJj8a
wkUyeGDxvMPbMHsvHQvFAjEzyQNjb7sA	nobody	-	2026-11-20 00:00:00 +08:00	3	0	[ADDRESS]/wwa3C2TaB7JaxTJj8a

"#]],
        str![],
    );
    run(&["--account", "wkOther", "--from", "now", "--yes"]).await.in_chinese().piped().await.is(1, str![], str![[r#"
错误：存储中没有这个收件箱，只有 [ADDRESS]/wwa3C2TaB7JaxTJj8a/wk6vQEXfXXQBQICi2OZtZpZ21zhGCKj9, [ADDRESS]/wwa3C2TaB7JaxTJj8a/wkUyeGDxvMPbMHsvHQvFAjEzyQNjb7sA。处理：检查 --account 和配置中的企业 ID。

"#]]);
    let empty = stage.home.path().join("empty.redb");
    drop(Redb::open(&empty).unwrap());
    let args = ["inbox", "seek", "--from", "now", "--yes", "--store", empty.to_str().unwrap()];
    stage.run(&args).piped().await.is(1, str![], str![[r#"
error: the store holds no such inbox  do: Check --store and --account. A bot that has never read anything begins where its cold_start says.

"#]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_is_forgotten() {
    let stage = Stage::start().await;
    let run = async |args: &[&str]| on_file(&stage, &[&["inbox", "forget-customer", CUSTOMER], args].concat()).await;
    run(&["--dry-run"]).await.piped().await.is(
        0,
        str![],
        str![[r#"
would do: Deletes the state and the transcript of wmXBIcUgAADnE6yzi4eq5xQvXhXWiSdA at wkUyeGDxvMPbMHsvHQvFAjEzyQNjb7sA

"#]],
    );
    let outcome = on_terminal(run(&[]).await, "y").await;
    snapbox::assert_data_eq!(
        after_question(&outcome),
        str![[r#"
deleted; parked messages of the customer stay: see wecom-kf inbox parked list

"#]]
    );
    run(&["--yes"]).await.piped().await.is(
        0,
        str![],
        str![[r#"
nothing is kept of wmXBIcUgAADnE6yzi4eq5xQvXhXWiSdA

"#]],
    );
    run(&["--yes"]).await.in_chinese().piped().await.is(
        0,
        str![],
        str![[r#"
没有保存 wmXBIcUgAADnE6yzi4eq5xQvXhXWiSdA 的任何内容

"#]],
    );
}
