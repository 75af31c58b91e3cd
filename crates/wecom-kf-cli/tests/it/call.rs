//! `wecom-kf call` and `wecom-kf docs`.

use snapbox::str;
use wecom_kf::raw::op;

use crate::stage::Stage;
use crate::terminal::{on_terminal, plain};

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_is_printed_as_wecom_sent_it() {
    let stage = Stage::start().await;
    stage.run(&["call", "account_list"]).piped().await.is(0, str![[r#"
{"errcode":0,"errmsg":"ok","account_list":[{"avatar":"https://avatar.example/wkUyeGDxvMPbMHsvHQvFAjEzyQNjb7sA.png","manage_privilege":true,"name":"小店","open_kfid":"wkUyeGDxvMPbMHsvHQvFAjEzyQNjb7sA"},{"avatar":"https://avatar.example/wk6vQEXfXXQBQICi2OZtZpZ21zhGCKj9.png","manage_privilege":true,"name":"售后","open_kfid":"wk6vQEXfXXQBQICi2OZtZpZ21zhGCKj9"}]}

"#]], str![]);
    let open_kfid = stage.simulator.open_kfid();
    // A query parameter is an argument like any other.
    let data = format!("{{\"open_kfid\":\"{open_kfid}\"}}");
    let shown = on_terminal(stage.run(&["call", "servicer_list", "--data", &data]), "").await;
    snapbox::assert_data_eq!(
        plain(&shown),
        str![[r#"
{
  "errcode": 0,
  "errmsg": "ok",
  "servicer_list": [
    {
      "status": 0,
      "userid": "lisi"
    },
    {
      "status": 0,
      "userid": "zhangsan"
    }
  ]
}

"#]]
    );
    let shown = on_terminal(stage.run(&["--json", "call", "get_corp_qualification"]), "").await;
    snapbox::assert_data_eq!(
        plain(&shown),
        str![[r#"
{"errcode":0,"errmsg":"ok","wechat_channels_binding":false}

"#]]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn arguments_come_from_a_file_or_standard_input() {
    let stage = Stage::start().await;
    let file = stage.home.path().join("arguments.json");
    std::fs::write(&file, "\u{feff}{ \"limit\": 1 }\n").unwrap();
    let at_file = format!("@{}", file.display());
    stage.run(&["call", "account_list", "--data", &at_file]).piped().await.is(0, str![[r#"
{"errcode":0,"errmsg":"ok","account_list":[{"avatar":"https://avatar.example/wkUyeGDxvMPbMHsvHQvFAjEzyQNjb7sA.png","manage_privilege":true,"name":"小店","open_kfid":"wkUyeGDxvMPbMHsvHQvFAjEzyQNjb7sA"}]}

"#]], str![]);
    let piped =
        stage.run(&["call", "account_list", "--data", "-"]).input("{\"offset\": 1, \"limit\": 1}").piped().await;
    piped.is(0, str![[r#"
{"errcode":0,"errmsg":"ok","account_list":[{"avatar":"https://avatar.example/wk6vQEXfXXQBQICi2OZtZpZ21zhGCKj9.png","manage_privilege":true,"name":"售后","open_kfid":"wk6vQEXfXXQBQICi2OZtZpZ21zhGCKj9"}]}

"#]], str![]);
    let missing = stage.run(&["call", "account_list", "--data", "@no-such.json"]).in_chinese().piped().await;
    missing.is(
        1,
        str![],
        str![[r#"
错误：无法读取 no-such.json：文件或目录不存在（系统错误 2）。处理：检查路径和权限。

"#]],
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mistake_is_named_with_its_place_and_nothing_is_sent() {
    let stage = Stage::start().await;
    let call = |operation: &str, data: &str| stage.run(&["--yes", "call", operation, "--data", data]);
    let text = r#"{"touser":"wm1","open_kfid":5,"msgtype":"text","text":{"content":"CANARY","zzz":1}}"#;
    call("send_msg", text).piped().await.is(2, str![], str![[r#"
error: send_msg: field `open_kfid`: the value is an integer, but a string is expected; unknown field `text.zzz`  do: Nothing was sent. All fields and their limits: wecom-kf docs OPERATION

"#]]);
    call("send_msg", text).in_chinese().piped().await.is(2, str![], str![[r#"
错误：send_msg：字段 `open_kfid` 应为字符串，而不是整数；未知字段 `text.zzz`。处理：没有发送。用 wecom-kf docs <接口名> 查看全部字段及限制。

"#]]);
    call("account_list", r#"{"limit": 1,}"#).piped().await.is(2, str![], str![[r#"
error: the arguments are not JSON: mistake at line 1 column 13  do: Write an object such as '{"open_kfid": "wk1"}', in single quotes for the shell, or put it into a file.

"#]]);
    call("account_list", "CANARY").in_chinese().piped().await.is(2, str![], str![[r#"
错误：参数不是有效的 JSON：第 1 行第 1 列有误。处理：参数写成对象，例如 '{"open_kfid": "wk1"}'；在 shell 中用单引号括起，或写入文件。

"#]]);
    call("servicer_list", "[]").piped().await.is(2, str![], str![[r#"
error: servicer_list: the request is a list, but an object is expected  do: Nothing was sent. All fields and their limits: wecom-kf docs OPERATION

"#]]);
    assert_eq!(stage.simulator.requests(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_is_asked_for_and_a_refusal_has_its_remedy() {
    let stage = Stage::start().await;
    let open_kfid = stage.simulator.open_kfid();
    let data = format!("{{\"open_kfid\":\"{open_kfid}\"}}");
    let delete = ["call", "account_del", "--data", &data];
    stage.run(&delete).piped().await.is(2, str![], str![[r#"
error: not confirmed: Calls account_del: Delete a customer service account  do: Run it on a terminal, which asks, or add --yes. With --dry-run it only says what it would do.

"#]]);
    stage.run(&[&["--dry-run"], &delete[..]].concat()).in_chinese().piped().await.is(
        0,
        str![],
        str![[r#"
将会执行：调用 account_del：删除客服账号

"#]],
    );
    assert!(stage.simulator.account_name(&open_kfid).is_some());
    let agreed = on_terminal(stage.run(&delete).in_chinese(), "y").await;
    assert_eq!((agreed.code, stage.simulator.account_name(&open_kfid)), (0, None), "{agreed:?}");
    stage.run(&[&["--yes"], &delete[..]].concat()).piped().await.is(1, str![], str![[r#"
Calls account_del: Delete a customer service account
error: account_del refused: 95004, the KF account does not exist in this corp. WeCom said: "the KF account does not exist in this corp, hint: [2935512841357687530], from ip: 127.0.0.1, more info at https://open.work.weixin.qq.com/devtool/query?e=95004"  do: If the account was deleted, take it out of the settings and replace its links by those of another account (add_contact_way). Otherwise the id belongs to another corp: use one that account_list returns.

"#]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn texts_of_customers_need_a_flag_and_secrets_are_masked() {
    let stage = Stage::start().await;
    let customer = stage.simulator.customer("李雷");
    customer.says(&format!("CANARY {}", stage.simulator.secret()));
    let data = format!("{{\"open_kfid\":\"{}\"}}", stage.simulator.open_kfid());
    let sync = ["call", "sync_msg", "--data", &data];
    stage.run(&sync).piped().await.is(2, str![], str![[r#"
error: the reply of sync_msg has what customers write  do: Add --show-text to print it, or use wecom-kf tail, which leaves it out.

"#]]);
    stage.run(&sync).in_chinese().piped().await.is(
        2,
        str![],
        str![[r#"
错误：sync_msg 的应答中有客户发送的内容。处理：加上 --show-text 以输出，或改用 wecom-kf tail，它不显示内容。

"#]],
    );
    assert_eq!(stage.simulator.calls(op::SYNC_MSG), 0);
    let shown = stage.run(&[&sync[..], &["--show-text"]].concat()).piped().await;
    assert!(shown.code == 0 && shown.stdout.contains(r#""content":"CANARY ***""#), "{shown:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn operations_with_a_command_of_their_own_name_it() {
    let stage = Stage::start().await;
    stage.run(&["call", "gettoken"]).piped().await.is(
        2,
        str![],
        str![[r#"
error: the reply of gettoken is a secret  do: Use wecom-kf token show.

"#]],
    );
    stage.run(&["call", "media_upload"]).piped().await.is(
        2,
        str![],
        str![[r#"
error: media_upload moves a file, not JSON  do: Use wecom-kf media upload or wecom-kf media download.

"#]],
    );
    stage.run(&["call", "media_get"]).in_chinese().piped().await.is(
        2,
        str![],
        str![[r#"
错误：media_get 传输的是文件而不是 JSON。处理：请用 wecom-kf media upload 或 wecom-kf media download。

"#]],
    );
    stage.run(&["call", "no_such"]).in_chinese().piped().await.is(
        2,
        str![],
        str![[r#"
错误：没有接口 "no_such"。处理：用 wecom-kf call --list 列出所有接口。

"#]],
    );
    stage.run(&["call"]).in_chinese().piped().await.is(
        2,
        str![],
        str![[r#"
错误：缺少参数：<OPERATION>
更多信息见 --help

"#]],
    );
    assert_eq!(stage.simulator.requests(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn all_operations_are_listed_without_settings() {
    let stage = Stage::start().await;
    let list = stage.run_without_settings(&["call", "--list"]).in_chinese().piped().await;
    assert_eq!((list.code, list.stdout.lines().count()), (0, op::ALL.len()), "{list:?}");
    snapbox::assert_data_eq!(
        list.stdout.lines().next().unwrap().to_owned(),
        str![
            "gettoken	GET	/cgi-bin/gettoken	https://developer.work.weixin.qq.com/document/path/91039	获取 access_token。"
        ]
    );
    let list = stage.run_without_settings(&["call", "--list", "--json"]).piped().await;
    snapbox::assert_data_eq!(
        list.stdout.lines().nth(1).unwrap().to_owned(),
        str![[
            r#"{"operation":"account_add","method":"POST","path":"/cgi-bin/kf/account/add","changes_something":true,"summary":"Add a customer service account.","summary_zh":"添加客服账号。","url":"https://developer.work.weixin.qq.com/document/path/94662"}"#
        ]]
    );
    let list = on_terminal(stage.run_without_settings(&["call", "--list"]), "").await;
    snapbox::assert_data_eq!(
        plain(&list).lines().take(3).collect::<Vec<_>>().join("\n"),
        str![[r#"
OPERATION                   METHOD  PATH                                             PAGE                                                      SUMMARY
gettoken                    GET     /cgi-bin/gettoken                                https://developer.work.weixin.qq.com/document/path/91039  Get an access token for a corp and a secret.
account_add                 POST    /cgi-bin/kf/account/add                          https://developer.work.weixin.qq.com/document/path/94662  Add a customer service account.
"#]]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operation_is_explained_without_settings() {
    let stage = Stage::start().await;
    let docs = |operation: &str| stage.run_without_settings(&["docs", operation]);
    docs("recall_msg").piped().await.is(0, str![[r#"
recall_msg	POST /cgi-bin/kf/recall_msg	-	Recall a message that this app sent with `send_msg`.	A message can be recalled within 2 minutes of sending, otherwise errcode 95029. It still counts as one of the five messages that can be sent.	never, except if nothing was sent

"#]], str![]);
    stage.run_without_settings(&["docs", "service_state_get", "--json"]).piped().await.is(0, str![[r#"
{"operation":"service_state_get","method":"POST","path":"/cgi-bin/kf/service_state/get","url":"https://developer.work.weixin.qq.com/document/path/94669","summary":"Get the state of a customer's session.","description":"","repeat":"safe","changes_something":false,"fields":[{"field":"external_userid","type":"string","required":true,"limits":["not empty"]},{"field":"open_kfid","type":"string","required":true,"limits":["not empty","at most 64 bytes of UTF-8"]}]}

"#]], str![]);
    let shown = on_terminal(docs("service_state_trans"), "").await;
    snapbox::assert_data_eq!(
        plain(&shown),
        str![[r#"
OPERATION  service_state_trans
REQUEST    POST /cgi-bin/kf/service_state/trans
PAGE       https://developer.work.weixin.qq.com/document/path/94669
SUMMARY    Move a customer's session to another state.
DETAILS    Documented moves: from 0 to 1, 2 or 3; from 1 to 2 or 3; from 2 to 3; from 3 to another servicer (3) or to 4. Pages 94669 and 94698 add that a session can be ended (4) while the bot serves it. In practice it can be ended from 0, 1 and 2. Moves that are not allowed are refused with 95016 or 95013. This operation raises no `session_status_change` event.
REPEAT     never, except if nothing was sent

FIELD            TYPE     REQUIRED  LIMITS
external_userid  string   yes       not empty
open_kfid        string   yes       not empty; at most 64 bytes of UTF-8
service_state    integer  yes       at least 0; at most 4
servicer_userid  string   no        not empty

"#]]
    );
    let shown = on_terminal(docs("send_msg").in_chinese(), "").await;
    let lines: Vec<_> = plain(&shown).lines().map(str::to_owned).collect();
    snapbox::assert_data_eq!(
        lines[lines.len() - 6..].join("\n"),
        str![[r#"
text.content                          字符串  否    最多 2048 字节（UTF-8）
touser                                字符串  否    不能为空
video                                 对象    否    -
video.media_id                        字符串  是    不能为空
voice                                 对象    否    -
voice.media_id                        字符串  是    不能为空
"#]]
    );
    let shown = on_terminal(docs("media_upload").in_chinese(), "").await;
    snapbox::assert_data_eq!(
        plain(&shown),
        str![[r#"
接口      media_upload
请求      POST /cgi-bin/media/upload
官方文档  https://developer.work.weixin.qq.com/document/path/90253
用途      上传临时素材。
说明      素材 3 天内有效，企业的所有应用都可以使用。文件须大于 5 字节。大小上限：图片（JPG、PNG）10 MB，旧版文档为 2 MB；语音（AMR）2 MB 且不超过 60 秒；视频（MP4）10 MB；普通文件 20 MB。重复上传只会多出一份临时素材。
重试      可以重试

传输文件：请用 wecom-kf media upload 或 wecom-kf media download

"#]]
    );
    docs("no_such").piped().await.is(
        2,
        str![],
        str![[r#"
error: there is no operation "no_such"  do: List the operations with: wecom-kf call --list

"#]],
    );
}
