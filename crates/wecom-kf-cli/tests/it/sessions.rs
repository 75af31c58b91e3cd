//! `wecom-kf sessions`.

use snapbox::str;

use crate::stage::Stage;
use crate::terminal::{on_terminal, plain};

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_shown_with_its_state_and_servicer() {
    let stage = Stage::start().await;
    let customer = stage.simulator.customer("李雷");
    customer.says("您好");
    stage.run(&["sessions", "get", customer.external_userid()]).piped().await.is(
        0,
        str![[r#"
wmaiwfUSAYGDJsaokalVVLt1OIdPR0AC	0 untreated	-	yes

"#]],
        str![],
    );
    stage.simulator.servicer("zhangsan").takes(&customer);
    stage.run(&["sessions", "get", customer.external_userid(), "--json"]).piped().await.is(0, str![[r#"
{"external_userid":"wmaiwfUSAYGDJsaokalVVLt1OIdPR0AC","service_state":3,"state":"servicer","servicer_userid":"zhangsan","may_send":false}

"#]], str![]);
    let shown = on_terminal(stage.run(&["sessions", "get", customer.external_userid()]), "").await;
    snapbox::assert_data_eq!(
        plain(&shown),
        str![[r#"
CUSTOMER      wmaiwfUSAYGDJsaokalVVLt1OIdPR0AC
STATE         3 servicer
SERVICER      zhangsan
API MAY SEND  no

"#]]
    );
    let shown = on_terminal(stage.run(&["sessions", "get", customer.external_userid()]).in_chinese(), "").await;
    snapbox::assert_data_eq!(
        plain(&shown),
        str![[r#"
客户          wmaiwfUSAYGDJsaokalVVLt1OIdPR0AC
状态          3 人工接待
接待人员      zhangsan
接口可发消息  否

"#]]
    );
    stage.run(&["sessions", "get", "wmNone"]).piped().await.is(1, str![], str![[r#"
error: service_state_get refused: 40096, the external_userid is not valid for this corp or app. WeCom said: "the external_userid is not valid for this corp or app, hint: [2935512841357687530], from ip: 127.0.0.1, more info at https://open.work.weixin.qq.com/devtool/query?e=40096"  do: Pass the id exactly as sync_msg returned it. It is valid for one corp and one provider only, so ids of another corp, a test corp or a former provider never work here.

"#]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_moved_by_name_and_by_number() {
    let stage = Stage::start().await;
    let customer = stage.simulator.customer("李雷");
    customer.says("您好");
    let id = customer.external_userid().to_owned();
    let to = |rest: &[&str]| stage.run(&[&["--yes", "sessions", "transition", &id], rest].concat());
    to(&["assistant"]).piped().await.is(0, str![[r#"
wmaiwfUSAYGDJsaokalVVLt1OIdPR0AC	1 assistant	-	yes

"#]], str![[r#"
Moves the session of wmaiwfUSAYGDJsaokalVVLt1OIdPR0AC with wkUyeGDxvMPbMHsvHQvFAjEzyQNjb7sA from 0 untreated to 1 assistant

"#]]);
    // A session that is there already is no failure.
    to(&["1"]).in_chinese().piped().await.is(
        0,
        str![[r#"
wmaiwfUSAYGDJsaokalVVLt1OIdPR0AC	1 智能助手接待	-	是

"#]],
        str![[r#"
会话已处于该状态

"#]],
    );
    to(&["queue", "--saying", "请稍候"]).piped().await.is(
        0,
        str![[r#"
wmaiwfUSAYGDJsaokalVVLt1OIdPR0AC	2 queue	-	no

"#]],
        str![[r#"
Moves the session of wmaiwfUSAYGDJsaokalVVLt1OIdPR0AC with wkUyeGDxvMPbMHsvHQvFAjEzyQNjb7sA from 1 assistant to 2 queue

"#]],
    );
    to(&["servicer", "--servicer", "lisi"]).piped().await.is(0, str![[r#"
wmaiwfUSAYGDJsaokalVVLt1OIdPR0AC	3 servicer	lisi	no

"#]], str![[r#"
Moves the session of wmaiwfUSAYGDJsaokalVVLt1OIdPR0AC with wkUyeGDxvMPbMHsvHQvFAjEzyQNjb7sA from 2 queue to 3 servicer (lisi)

"#]]);
    assert_eq!((customer.state(), customer.servicer_userid().as_deref()), (3, Some("lisi")));
    to(&["4", "--json"]).in_chinese().piped().await.is(0, str![[r#"
{"external_userid":"wmaiwfUSAYGDJsaokalVVLt1OIdPR0AC","service_state":4,"state":"ended","servicer_userid":null,"may_send":false}

"#]], str![[r#"
把 wmaiwfUSAYGDJsaokalVVLt1OIdPR0AC 在 wkUyeGDxvMPbMHsvHQvFAjEzyQNjb7sA 的会话从 3 人工接待（lisi） 变为 4 已结束或未开始

"#]]);
    assert_eq!(customer.state(), 4);
    assert_eq!(customer.heard().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn anyone_who_receives_gets_a_session_without_a_name() {
    let stage = Stage::start().await;
    stage.simulator.servicer("zhangsan").stops();
    let customer = stage.simulator.customer("李雷");
    customer.says("您好");
    let args = ["--yes", "sessions", "transition", customer.external_userid(), "servicer"];
    stage.run(&args).piped().await.is(0, str![[r#"
wmaiwfUSAYGDJsaokalVVLt1OIdPR0AC	3 servicer	lisi	no

"#]], str![[r#"
Moves the session of wmaiwfUSAYGDJsaokalVVLt1OIdPR0AC with wkUyeGDxvMPbMHsvHQvFAjEzyQNjb7sA from 0 untreated to 3 servicer (anyone who receives)

"#]]);
    assert_eq!(customer.servicer_userid().as_deref(), Some("lisi"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_move_that_wecom_refuses_has_a_remedy() {
    let stage = Stage::start().await;
    let customer = stage.simulator.customer("李雷");
    customer.says("您好");
    stage.simulator.servicer("zhangsan").takes(&customer);
    let id = customer.external_userid();
    stage.run(&["--yes", "sessions", "transition", id, "assistant"]).piped().await.is(1, str![], str![[r#"
Moves the session of wmaiwfUSAYGDJsaokalVVLt1OIdPR0AC with wkUyeGDxvMPbMHsvHQvFAjEzyQNjb7sA from 3 servicer (zhangsan) to 1 assistant
error: service_state_trans refused: 95016, this change of the session state is not allowed. WeCom said: "not allow transition state, hint: [2935512841357687530], from ip: 127.0.0.1, more info at https://open.work.weixin.qq.com/devtool/query?e=95016"  do: Read service_state_get first, then make a documented move: 0 to 1, 2, 3, 4; 1 to 2, 3, 4; 2 to 3; 3 to 3, 4; none from 4. Somebody may have moved the session meanwhile.

"#]]);
    let to_queue = ["--yes", "sessions", "transition", id, "queue"];
    stage.run(&to_queue).piped().await.is(1, str![], str![[r#"
Moves the session of wmaiwfUSAYGDJsaokalVVLt1OIdPR0AC with wkUyeGDxvMPbMHsvHQvFAjEzyQNjb7sA from 3 servicer (zhangsan) to 2 queue
error: service_state_trans refused: 95016, this change of the session state is not allowed. WeCom said: "not allow transition state, hint: [8080417084399202920], from ip: 127.0.0.1, more info at https://open.work.weixin.qq.com/devtool/query?e=95016"  do: Read service_state_get first, then make a documented move: 0 to 1, 2, 3, 4; 1 to 2, 3, 4; 2 to 3; 3 to 3, 4; none from 4. Somebody may have moved the session meanwhile.

"#]]);
    let args = ["--yes", "sessions", "transition", id, "servicer", "--servicer", "nobody"];
    stage.run(&args).in_chinese().piped().await.is(1, str![], str![[r#"
把 wmaiwfUSAYGDJsaokalVVLt1OIdPR0AC 在 wkUyeGDxvMPbMHsvHQvFAjEzyQNjb7sA 的会话从 3 人工接待（zhangsan） 变为 3 人工接待（nobody）
错误：service_state_trans 被拒：95014，该成员不是此账号的接待人员或未激活。企业微信的说明："the member is not a servicer of this account or not activated, hint: [2879336755026622441], from ip: 127.0.0.1, more info at https://open.work.weixin.qq.com/devtool/query?e=95014"。处理：用 servicer_list 选一位 status 为 0 的接待人员；缺的成员用 servicer_add 添加，未激活的须先登录企业微信。

"#]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_move_is_asked_for_and_its_words_are_checked_first() {
    let stage = Stage::start().await;
    let customer = stage.simulator.customer("李雷");
    customer.says("您好");
    let id = customer.external_userid();
    stage.run(&["--dry-run", "sessions", "transition", id, "3"]).piped().await.is(0, str![], str![[r#"
would do: Moves the session of wmaiwfUSAYGDJsaokalVVLt1OIdPR0AC with wkUyeGDxvMPbMHsvHQvFAjEzyQNjb7sA from 0 untreated to 3 servicer (anyone who receives)

"#]]);
    let to_end = ["sessions", "transition", id, "ended"];
    let asked = on_terminal(stage.run(&to_end).in_chinese(), "n").await;
    assert_eq!(asked.code, 1, "{asked:?}");
    assert!(asked.stdout.contains("没有做任何改动"), "{asked:?}");
    assert_eq!(customer.state(), 0);
    stage.run(&["sessions", "transition", id, "untreated"]).piped().await.is(2, str![], str![[r#"
error: invalid value 'untreated' for '<STATE>': write assistant, queue, servicer or ended, or 1, 2, 3 or 4 (可写名称或编号)

For more information, try '--help'.

"#]]);
    stage.run(&["sessions", "transition", id, "queue", "--servicer", "lisi"]).piped().await.is(
        2,
        str![],
        str![[r#"
error: --servicer needs the state servicer  do: Leave the flag out, or choose another state.

"#]],
    );
    let args = ["sessions", "transition", id, "assistant", "--saying", "好"];
    stage.run(&args).in_chinese().piped().await.is(
        2,
        str![],
        str![[r#"
错误：--saying 不能用于状态 assistant：该状态下可直接发送。处理：去掉该参数，或换一个状态。

"#]],
    );
}
