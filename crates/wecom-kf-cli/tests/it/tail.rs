//! `wecom-kf tail`. What customers write contains CANARY, which the stage refuses without `--show-text`.

use std::time::Duration;

use serde_json::{Value, json};
use snapbox::str;
use wecom_kf_sim::op;

use crate::stage::Stage;
use crate::terminal::{on_terminal, plain};

const SINCE: [&str; 3] = ["tail", "--since", "2024-06-10T00:00:00+08:00"];

fn args<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&SINCE, more].concat()
}

/// A conversation with every origin, an old message before it, and a second customer.
async fn stage() -> Stage {
    let stage = Stage::in_the_past().await;
    let sim = &stage.simulator;
    let (wang, li) = (sim.customer("小王"), sim.customer("小李"));
    wang.enters_with("web", Some("CANARY-param")).unwrap();
    wang.says("CANARY 在吗\t\u{1b}[31m");
    sim.advance(Duration::from_secs(60));
    wang.sends_image("CANARY");
    wang.writes("location", json!({ "latitude": 39.9, "longitude": 116.4, "name": "CANARY-place" }));
    let servicer = sim.servicer("zhangsan");
    servicer.takes(&wang);
    servicer.says(&wang, "CANARY-answer");
    let msgid = li.says("CANARY-wrong");
    li.recalls(&msgid).unwrap();
    stage
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_has_the_event_and_no_text() {
    let stage = stage().await;
    stage.run(&args(&[])).piped().await.is(0, str![[r#"
2024-06-10 08:00:00 +08:00	system	enter_session	wmeH5qDgKxqUuSnGF4w0ywkRJfnmA0yZ	from_msgid_8558866482009706907	scene=web
2024-06-10 08:00:00 +08:00	customer	text	wmeH5qDgKxqUuSnGF4w0ywkRJfnmA0yZ	from_msgid_6808470231369308690	-
2024-06-10 08:01:00 +08:00	customer	image	wmeH5qDgKxqUuSnGF4w0ywkRJfnmA0yZ	from_msgid_5702015638918642477	media_id=3NI65HzKFn7iIlT2gxSWXFQhwrjmrv6QsdhUx9KTQejOrDYZ0kFfx4wSiySYMAOmT
2024-06-10 08:01:00 +08:00	customer	location	wmeH5qDgKxqUuSnGF4w0ywkRJfnmA0yZ	from_msgid_5527470418245676146	-
2024-06-10 08:01:00 +08:00	system	session_status_change	wmeH5qDgKxqUuSnGF4w0ywkRJfnmA0yZ	from_msgid_3276215181107396574	change_type=1(taken) new_servicer_userid=zhangsan
2024-06-10 08:01:00 +08:00	servicer	text	wmeH5qDgKxqUuSnGF4w0ywkRJfnmA0yZ	from_msgid_9179096719900677739	servicer_userid=zhangsan
2024-06-10 08:01:00 +08:00	customer	text	wmNObcpCGxIBIUVNQHOZnn8xoDjRuC9M	from_msgid_4964038650597125003	-
2024-06-10 08:01:00 +08:00	system	user_recall_msg	wmNObcpCGxIBIUVNQHOZnn8xoDjRuC9M	from_msgid_2225668644081763810	recall_msgid=from_msgid_4964038650597125003

"#]], str![]);
    stage
        .run(&args(&["--customer", stage.simulator.customer("小李").external_userid()]))
        .in_chinese()
        .piped()
        .await
        .is(0, str![[r#"
2024-06-10 08:01:00 +08:00	客户	text	wmNObcpCGxIBIUVNQHOZnn8xoDjRuC9M	from_msgid_4964038650597125003	-
2024-06-10 08:01:00 +08:00	系统	user_recall_msg	wmNObcpCGxIBIUVNQHOZnn8xoDjRuC9M	from_msgid_2225668644081763810	recall_msgid=from_msgid_4964038650597125003

"#]], str![]);
    let nothing = stage.run(&["tail"]).piped().await;
    assert!(nothing.code == 0 && nothing.stderr.starts_with("no messages since 20"), "{nothing:?}");
    assert_eq!(stage.simulator.calls(op::SYNC_MSG), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn texts_are_shown_only_when_asked_for() {
    let stage = stage().await;
    stage.run(&args(&["--show-text"])).piped().await.is(0, str![[r#"
2024-06-10 08:00:00 +08:00	system	enter_session	wmeH5qDgKxqUuSnGF4w0ywkRJfnmA0yZ	from_msgid_8558866482009706907	scene=web	CANARY-param
2024-06-10 08:00:00 +08:00	customer	text	wmeH5qDgKxqUuSnGF4w0ywkRJfnmA0yZ	from_msgid_6808470231369308690	-	CANARY 在吗\t\u{1b}[31m
2024-06-10 08:01:00 +08:00	customer	image	wmeH5qDgKxqUuSnGF4w0ywkRJfnmA0yZ	from_msgid_5702015638918642477	media_id=3NI65HzKFn7iIlT2gxSWXFQhwrjmrv6QsdhUx9KTQejOrDYZ0kFfx4wSiySYMAOmT	-
2024-06-10 08:01:00 +08:00	customer	location	wmeH5qDgKxqUuSnGF4w0ywkRJfnmA0yZ	from_msgid_5527470418245676146	-	{"latitude":39.9,"longitude":116.4,"name":"CANARY-place"}
2024-06-10 08:01:00 +08:00	system	session_status_change	wmeH5qDgKxqUuSnGF4w0ywkRJfnmA0yZ	from_msgid_3276215181107396574	change_type=1(taken) new_servicer_userid=zhangsan	-
2024-06-10 08:01:00 +08:00	servicer	text	wmeH5qDgKxqUuSnGF4w0ywkRJfnmA0yZ	from_msgid_9179096719900677739	servicer_userid=zhangsan	CANARY-answer
2024-06-10 08:01:00 +08:00	customer	text	wmNObcpCGxIBIUVNQHOZnn8xoDjRuC9M	from_msgid_4964038650597125003	-	CANARY-wrong
2024-06-10 08:01:00 +08:00	system	user_recall_msg	wmNObcpCGxIBIUVNQHOZnn8xoDjRuC9M	from_msgid_2225668644081763810	recall_msgid=from_msgid_4964038650597125003	-

"#]], str![]);
}

#[tokio::test(flavor = "multi_thread")]
async fn json_has_the_names_of_wecom_and_the_raw_message_only_when_asked_for() {
    let stage = stage().await;
    stage.run(&args(&["--json"])).piped().await.is(0, str![[r#"
{"msgid":"from_msgid_8558866482009706907","open_kfid":"wkUyeGDxvMPbMHsvHQvFAjEzyQNjb7sA","external_userid":"wmeH5qDgKxqUuSnGF4w0ywkRJfnmA0yZ","send_time":1717977600,"origin":4,"msgtype":"event","event":{"event_type":"enter_session","scene":"web"}}
{"msgid":"from_msgid_6808470231369308690","open_kfid":"wkUyeGDxvMPbMHsvHQvFAjEzyQNjb7sA","external_userid":"wmeH5qDgKxqUuSnGF4w0ywkRJfnmA0yZ","send_time":1717977600,"origin":3,"msgtype":"text"}
{"msgid":"from_msgid_5702015638918642477","open_kfid":"wkUyeGDxvMPbMHsvHQvFAjEzyQNjb7sA","external_userid":"wmeH5qDgKxqUuSnGF4w0ywkRJfnmA0yZ","send_time":1717977660,"origin":3,"msgtype":"image","media_id":"3NI65HzKFn7iIlT2gxSWXFQhwrjmrv6QsdhUx9KTQejOrDYZ0kFfx4wSiySYMAOmT"}
{"msgid":"from_msgid_5527470418245676146","open_kfid":"wkUyeGDxvMPbMHsvHQvFAjEzyQNjb7sA","external_userid":"wmeH5qDgKxqUuSnGF4w0ywkRJfnmA0yZ","send_time":1717977660,"origin":3,"msgtype":"location"}
{"msgid":"from_msgid_3276215181107396574","open_kfid":"wkUyeGDxvMPbMHsvHQvFAjEzyQNjb7sA","external_userid":"wmeH5qDgKxqUuSnGF4w0ywkRJfnmA0yZ","send_time":1717977660,"origin":4,"msgtype":"event","event":{"change_type":1,"event_type":"session_status_change","new_servicer_userid":"zhangsan"}}
{"msgid":"from_msgid_9179096719900677739","open_kfid":"wkUyeGDxvMPbMHsvHQvFAjEzyQNjb7sA","external_userid":"wmeH5qDgKxqUuSnGF4w0ywkRJfnmA0yZ","send_time":1717977660,"origin":5,"servicer_userid":"zhangsan","msgtype":"text"}
{"msgid":"from_msgid_4964038650597125003","open_kfid":"wkUyeGDxvMPbMHsvHQvFAjEzyQNjb7sA","external_userid":"wmNObcpCGxIBIUVNQHOZnn8xoDjRuC9M","send_time":1717977660,"origin":3,"msgtype":"text"}
{"msgid":"from_msgid_2225668644081763810","open_kfid":"wkUyeGDxvMPbMHsvHQvFAjEzyQNjb7sA","external_userid":"wmNObcpCGxIBIUVNQHOZnn8xoDjRuC9M","send_time":1717977660,"origin":4,"msgtype":"event","event":{"event_type":"user_recall_msg","recall_msgid":"from_msgid_4964038650597125003"}}

"#]], str![]);
    let shown = stage.run(&args(&["--json", "--show-text"])).piped().await;
    let lines: Vec<Value> = shown.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines[1]["raw"]["text"]["content"], "CANARY 在吗\t\u{1b}[31m");
    assert!(!shown.stdout.contains('\u{1b}'), "{shown:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_message_has_its_reason() {
    let stage = Stage::in_the_past().await;
    let wang = stage.simulator.customer("小王");
    wang.says("CANARY");
    stage.simulator.fault(op::SEND_MSG).msg_send_fail(6);
    let sent = stage.run(&["--yes", "send", "hello", "--msgid", "m1", "--to", wang.external_userid()]).piped().await;
    assert_eq!(sent.code, 0, "{sent:?}");
    stage.run(&args(&[])).piped().await.is(0, str![[r#"
2024-06-10 08:00:00 +08:00	customer	text	wmeH5qDgKxqUuSnGF4w0ywkRJfnmA0yZ	from_msgid_8558866482009706907	-
2024-06-10 08:00:00 +08:00	system	msg_send_fail	wmeH5qDgKxqUuSnGF4w0ywkRJfnmA0yZ	from_msgid_6808470231369308690	fail_msgid=m1 fail_type=6(too_many_messages)

"#]], str![]);
}

#[tokio::test(flavor = "multi_thread")]
async fn follow_shows_new_messages_until_ctrl_c() {
    let stage = Stage::in_the_past().await;
    let wang = stage.simulator.customer("小王");
    wang.says("CANARY 1");
    let mut tail = stage.run(&args(&["--follow", "--every", "1s"])).started();
    assert!(tail.line().await.contains("\tcustomer\ttext\t"));
    // A failure that passes does not end it.
    stage.simulator.fault(op::SYNC_MSG).errcode(-1).times(3);
    wang.sends_voice("CANARY");
    assert!(tail.line().await.contains("\tcustomer\tvoice\t"));
    assert!(stage.simulator.calls(op::SYNC_MSG) >= 3, "{}", stage.simulator.calls(op::SYNC_MSG));
    let end = tail.interrupted().await;
    assert_eq!((end.code, end.stdout.as_str()), (0, ""));
    assert!(end.stderr.starts_with("trying again after: sync_msg"), "{end:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_terminal_shows_rows_and_no_titles() {
    let stage = stage().await;
    let shown = on_terminal(stage.run(&args(&["--show-text"])), "").await;
    assert_eq!(shown.code, 0, "{shown:?}");
    let rows = plain(&shown);
    assert!(rows.contains("2024-06-10 08:00:00 +08:00  customer  text  "), "{rows}");
    assert!(rows.contains("CANARY 在吗\\t\\u{1b}[31m"), "{rows}");
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_say_what_to_do() {
    let stage = Stage::in_the_past().await;
    stage.run(&["tail", "--account", "wkNone"]).piped().await.is(1, str![], str![[r#"
error: sync_msg refused: 95004, the KF account does not exist in this corp. WeCom said: "the KF account does not exist in this corp, hint: [2935512841357687530], from ip: 127.0.0.1, more info at https://open.work.weixin.qq.com/devtool/query?e=95004"  do: If the account was deleted, take it out of the settings and replace its links by those of another account (add_contact_way). Otherwise the id belongs to another corp: use one that account_list returns.

"#]]);
    stage.run(&["tail"]).without_var("WECOM_KF_OPEN_KFID").in_chinese().piped().await.is(4, str![], str![[r#"
错误：配置有误：WECOM_KF_OPEN_KFID：未设置（账号见管理后台：微信客服 › 通过API管理微信客服账号；id 由接口 account_list 返回）。处理：修正配置后重新启动。

"#]]);
    stage.run(&["tail", "--since", "soon"]).piped().await.is(2, str![], str![[r#"
error: invalid value 'soon' for '--since <TIME>': write 90s, 3h or 2d for that long ago, or a time such as 2026-11-20 or 2026-11-20T08:30:00+08:00 (可写 90s、3h、2d，或日期时间)

For more information, try '--help'.

"#]]);
    stage.run(&["tail", "--every", "9s"]).piped().await.is(
        2,
        str![],
        str![[r#"
error: the following required arguments were not provided:
  --follow

Usage: wecom-kf tail --follow --every <TIME>

For more information, try '--help'.

"#]],
    );
    let circle = json!({ "errcode": 0, "has_more": 1, "next_cursor": "c", "msg_list": [] }).to_string();
    stage.simulator.fault(op::SYNC_MSG).body(circle).times(2);
    stage.run(&["tail"]).in_chinese().piped().await.is(
        1,
        str![],
        str![[r#"
错误：sync_msg 的应答有误：还有后续消息，却没有新的 cursor。处理：稍后再运行；若反复出现，说明途中有设备改动了应答。

"#]],
    );
}
