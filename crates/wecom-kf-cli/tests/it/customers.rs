//! `wecom-kf customers` and `wecom-kf corp`.

use snapbox::str;

use crate::stage::Stage;
use crate::terminal::{on_terminal, plain};

#[tokio::test(flavor = "multi_thread")]
async fn profiles_are_listed_and_unknown_ids_are_named() {
    let stage = Stage::start().await;
    let (lilei, hanmei) = (stage.simulator.customer("李雷"), stage.simulator.customer("韩梅梅\u{1b}[31m"));
    lilei.says("您好");
    hanmei.says("您好");
    lilei.set_gender(1);
    lilei.set_unionid(Some("oUnionOfLilei"));
    hanmei.set_avatar(None);
    let both = ["customers", "get", lilei.external_userid(), hanmei.external_userid()];
    stage.run(&both).piped().await.is(
        0,
        str![[r#"
wmaiwfUSAYGDJsaokalVVLt1OIdPR0AC	李雷	male	oUnionOfLilei	http://avatar.example/%E6%9D%8E%E9%9B%B7/0
wmmx1YmxyQMsWKDKlagC8SvPXFQ5pGvo	韩梅梅\u{1b}[31m	-	-	-

"#]],
        str![],
    );
    let with_unknown = [&both[..], &["wmNone\u{1b}[31m"]].concat();
    stage.run(&[&with_unknown[..], &["--json"]].concat()).piped().await.is(1, str![[r#"
{"external_userid":"wmaiwfUSAYGDJsaokalVVLt1OIdPR0AC","nickname":"李雷","avatar":"http://avatar.example/%E6%9D%8E%E9%9B%B7/0","gender":1,"unionid":"oUnionOfLilei"}
{"external_userid":"wmmx1YmxyQMsWKDKlagC8SvPXFQ5pGvo","nickname":"韩梅梅\u001b[31m","gender":0}

"#]], str![[r#"
error: WeCom has no profile of wmNone\u{1b}[31m  do: The id belongs to another corp or was modified, or the customer had no contact within 48 hours.

"#]]);
    let only_unknown = ["customers", "get", "wmNone", "wmOther"];
    stage.run(&only_unknown).in_chinese().piped().await.is(
        1,
        str![],
        str![[r#"
错误：企业微信没有以下客户的资料：wmNone、wmOther。处理：该 id 属于其他企业或被改动过，或客户在 48 小时内没有往来。

"#]],
    );
    let shown = on_terminal(stage.run(&both).in_chinese(), "").await;
    snapbox::assert_data_eq!(
        plain(&shown),
        str![[r#"
EXTERNAL_USERID                   昵称              性别  UNIONID        头像
wmaiwfUSAYGDJsaokalVVLt1OIdPR0AC  李雷              男    oUnionOfLilei  http://avatar.example/%E6%9D%8E%E9%9B%B7/0
wmmx1YmxyQMsWKDKlagC8SvPXFQ5pGvo  韩梅梅/u{1b}[31m  -     -              -

"#]]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_way_into_the_chat_is_shown_if_asked_for() {
    let stage = Stage::start().await;
    let customer = stage.simulator.customer("李雷");
    customer.enters_with("web", Some("order=17")).unwrap();
    let get = ["customers", "get", customer.external_userid(), "--context"];
    stage.run(&get).piped().await.is(
        0,
        str![[r#"
wmaiwfUSAYGDJsaokalVVLt1OIdPR0AC	李雷	-	-	web	order=17	http://avatar.example/%E6%9D%8E%E9%9B%B7/0

"#]],
        str![],
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn more_customers_than_a_call_takes_need_several_calls() {
    let stage = Stage::start().await;
    let customers: Vec<_> = (0..101).map(|number| stage.simulator.customer(&format!("客户{number}"))).collect();
    customers.iter().for_each(|customer| drop(customer.says("您好")));
    let ids = customers.iter().map(|customer| customer.external_userid());
    let args: Vec<&str> = ["customers", "get"].into_iter().chain(ids).collect();
    let outcome = stage.run(&args).piped().await;
    assert_eq!((outcome.code, outcome.stdout.lines().count()), (0, 101), "{outcome:?}");
    assert_eq!(stage.simulator.calls(wecom_kf::raw::op::CUSTOMER_BATCHGET), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_corp_says_whether_a_channel_is_bound() {
    let stage = Stage::start().await;
    stage.run(&["corp"]).piped().await.is(
        0,
        str![[r#"
no	100, or 10,000 if verified

"#]],
        str![],
    );
    let shown = on_terminal(stage.run(&["corp"]).in_chinese(), "").await;
    snapbox::assert_data_eq!(
        plain(&shown),
        str![[r#"
已绑定视频号  否
可接待客户数  100，已认证企业 10,000

"#]]
    );
    stage.simulator.bind_wechat_channels();
    stage.run(&["corp"]).in_chinese().piped().await.is(
        0,
        str![[r#"
是	不限

"#]],
        str![],
    );
    stage.run(&["corp", "--json"]).piped().await.is(
        0,
        str![[r#"
{"wechat_channels_binding":true}

"#]],
        str![],
    );
}
