//! `wecom-kf export`.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde_json::Value;
use snapbox::str;
use wecom_kf_sim::op;

use crate::stage::Stage;
use crate::terminal::{on_terminal, plain};

const SINCE: &str = "2024-06-10T00:00:00+08:00";

fn export<'a>(out: &'a Path, more: &[&'a str]) -> Vec<&'a str> {
    [&["export", "--since", SINCE, "--out", out.to_str().unwrap()], more].concat()
}

fn lines(path: &Path) -> Vec<Value> {
    std::fs::read_to_string(path).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn names(folder: &Path) -> Vec<String> {
    let names = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.collect();
    names.sort();
    names
}

fn in_home(stage: &Stage, name: &str) -> PathBuf {
    stage.home.path().join(name)
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_are_written_as_wecom_sent_them_for_the_owner_only() {
    let stage = Stage::in_the_past().await;
    let (wang, li) = (stage.simulator.customer("小王"), stage.simulator.customer("小李"));
    wang.says("CANARY\n第二行");
    li.says("CANARY of another");
    let out = in_home(&stage, "a.jsonl");
    stage.run(&export(&out, &[])).piped().await.is(
        0,
        str![[r#"
[HOME]/a.jsonl	2	2024-06-10 08:00:00 +08:00	2024-06-10 08:00:00 +08:00	-	-	-

"#]],
        str![],
    );
    let written = lines(&out);
    assert_eq!((written.len(), &written[0]["text"]["content"]), (2, &Value::from("CANARY\n第二行")));
    assert_eq!(std::fs::metadata(&out).unwrap().permissions().mode() & 0o777, 0o600);

    stage.run(&export(&out, &[])).piped().await.is(
        1,
        str![],
        str![[r#"
error: [HOME]/a.jsonl exists already  do: Choose another path, or replace it with --force.

"#]],
    );
    let json = stage.run(&export(&out, &["--force", "--json", "--customer", li.external_userid()])).piped().await;
    json.is(
        0,
        str![[r#"
{"out":"[HOME]/a.jsonl","messages":1,"first_time":1717977600,"last_time":1717977600}

"#]],
        str![],
    );
    assert_eq!(lines(&out).len(), 1);
    let recent = in_home(&stage, "recent.jsonl");
    let recent_args = ["export", "--out", recent.to_str().unwrap()];
    stage.run(&recent_args).in_chinese().piped().await.is(
        0,
        str![[r#"
[HOME]/recent.jsonl	0	-	-	-	-	-

"#]],
        str![],
    );
    assert_eq!(std::fs::read(&recent).unwrap(), b"");
}

#[tokio::test(flavor = "multi_thread")]
async fn more_messages_than_a_page_has_are_written() {
    let stage = Stage::in_the_past().await;
    let wang = stage.simulator.customer("小王");
    (0..1200).for_each(|number| drop(wang.says(&format!("CANARY {number}"))));
    stage.simulator.empty_page_next();
    let out = in_home(&stage, "a.jsonl");
    let shown = on_terminal(stage.run(&export(&out, &[])), "").await;
    assert_eq!(shown.code, 0, "{shown:?}");
    assert!(plain(&shown).contains("MESSAGES            1200"), "{shown:?}");
    assert_eq!((lines(&out).len(), stage.simulator.calls(op::SYNC_MSG)), (1200, 3));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_waits_while_others_use_up_the_limit() {
    let stage = Stage::in_the_past().await;
    let wang = stage.simulator.customer("小王");
    (0..1001).for_each(|number| drop(wang.says(&format!("CANARY {number}"))));
    stage.simulator.fault(op::SYNC_MSG).pass();
    stage.simulator.fault(op::SYNC_MSG).errcode(45009);
    let out = in_home(&stage, "a.jsonl");
    stage.run(&export(&out, &["--json"])).piped().await.is(
        0,
        str![[r#"
{"out":"[HOME]/a.jsonl","messages":1001,"first_time":1717977600,"last_time":1717977600}

"#]],
        str![[r#"
WeCom allows 10 reads a minute for an app, those of a bot included; continuing in 1m 1s

"#]],
    );
    assert_eq!((lines(&out).len(), stage.simulator.calls(op::SYNC_MSG)), (1001, 3));
}

#[tokio::test(flavor = "multi_thread")]
async fn media_have_a_folder_for_each_message_and_are_downloaded_once() {
    let stage = Stage::in_the_past().await;
    let wang = stage.simulator.customer("小王");
    let (first, second) = (wang.sends_file("../报价.pdf", "prices"), wang.sends_file("报价.pdf", "other prices"));
    let (out, media) = (in_home(&stage, "a.jsonl"), in_home(&stage, "media"));
    let args = export(&out, &["--media", media.to_str().unwrap(), "--force"]);
    stage.simulator.fault(op::MEDIA_GET).errcode(40007);
    stage.run(&args).piped().await.is(1, str![[r#"
[HOME]/a.jsonl	2	2024-06-10 08:00:00 +08:00	2024-06-10 08:00:00 +08:00	1	0	1

"#]], str![[r#"
the file of from_msgid_8558866482009706907 was not downloaded: media_get refused: 40007, media_id is not valid or older than 3 days. WeCom said: "media_id is not valid or older than 3 days, hint: [2935512841357687530], from ip: 127.0.0.1, more info at https://open.work.weixin.qq.com/devtool/query?e=40007"  do: After 3 days the file is gone: ask the customer to send it again. Before that, compare the media_id with the one in the message. Download media right after you read the message.
error: 1 file was not downloaded  do: All messages are in the file. If WeCom no longer has a file, which it keeps for three days, nobody can get it; for other causes run it again with --force.

"#]]);
    assert_eq!(names(&media), [second.as_str()]);
    stage.run(&args).in_chinese().piped().await.is(
        0,
        str![[r#"
[HOME]/a.jsonl	2	2024-06-10 08:00:00 +08:00	2024-06-10 08:00:00 +08:00	1	1	0

"#]],
        str![],
    );
    assert_eq!(names(&media.join(&first)), ["报价.pdf"]);
    assert_eq!(std::fs::read(media.join(&first).join("报价.pdf")).unwrap(), b"prices");
    assert_eq!(std::fs::metadata(&media).unwrap().permissions().mode() & 0o777, 0o700);
    assert_eq!(stage.simulator.calls(op::MEDIA_GET), 3);
    let shown = on_terminal(stage.run(&args), "").await;
    assert!(plain(&shown).contains("MEDIA THERE BEFORE  2"), "{shown:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_that_fails_leaves_nothing_behind() {
    let stage = Stage::in_the_past().await;
    stage.simulator.customer("小王").says("CANARY");
    let folder = in_home(&stage, "out");
    std::fs::create_dir(&folder).unwrap();
    let out = folder.join("a.jsonl");
    stage.simulator.fault(op::SYNC_MSG).errcode(95004);
    assert_eq!(stage.run(&export(&out, &[])).piped().await.code, 1);
    assert!(names(&folder).is_empty());
    stage.simulator.fault(op::SYNC_MSG).never_answers();
    let running = stage.run(&export(&out, &[])).started();
    stage.simulator.answered(op::GETTOKEN, 2).await;
    let interrupted = running.interrupted().await;
    assert_eq!(interrupted.code, 130, "{interrupted:?}");
    assert!(names(&folder).is_empty());
    let nowhere = folder.join("no/a.jsonl");
    stage.run(&export(&nowhere, &[])).in_chinese().piped().await.is(
        1,
        str![],
        str![[r#"
错误：无法写入 [HOME]/out/no/a.jsonl：文件或目录不存在。处理：检查路径、权限和磁盘空间。

"#]],
    );
}
