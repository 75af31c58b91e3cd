//! `wecom-kf errcode`.

use snapbox::str;

use crate::stage::Stage;

#[tokio::test(flavor = "multi_thread")]
async fn an_errcode_is_explained_without_settings() {
    let stage = Stage::start().await;
    stage.run_without_settings(&["errcode", "95018", "--json"]).piped().await.is(0, str![[r#"
{"errcode":95018,"name":"SESSION_STATE_FORBIDS_SENDING","class":"state_conflict","meaning":"the session state forbids sending","remedy":"Call service_state_get. In state 2 or 3 the staff serve the customer, so send nothing. In state 4, or after 48 h, wait until the customer writes. If the bot is to keep sessions, move them to state 1 at the first message.","operations":["send_msg","send_msg_on_event","service_state_trans"]}

"#]], "");
    stage.run_without_settings(&["errcode", "40001", "--operation", "gettoken"]).in_chinese().piped().await.is(0, str![[r#"
40001	INVALID_CREDENTIAL	permission	secret 错误、与企业 ID 不符，或应用已停用	不要重试：一小时内失败 2000 次，本机 IP 会被封一小时。重新复制「微信客服 › 可调用接口的应用」中该应用的 secret，并核对企业 ID 属于同一企业。	任何接口

"#]], "");
    stage.run_without_settings(&["errcode", "-1"]).piped().await.is(0, str![[r#"
-1	SYSTEM_BUSY	busy	the platform is busy	Wait. This client repeats the call if that is safe. If the error lasts for minutes, the cause is on WeCom's side: make fewer calls, and repeat a send only under the same msgid.	any

"#]], "");
    stage.run_without_settings(&["errcode", "424242"]).piped().await.is(0, str![[r#"
424242	-	unknown	unknown	This code is new to this client: look it up at open.work.weixin.qq.com/devtool/query, with the hint number of the errmsg.	any

"#]], "");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_operation_is_a_usage_error() {
    let stage = Stage::start().await;
    stage.run_without_settings(&["errcode", "1", "--operation", "send"]).piped().await.is(
        2,
        "",
        str![[r#"
error: there is no operation "send"  do: List the operations with: wecom-kf call --list

"#]],
    );
}
