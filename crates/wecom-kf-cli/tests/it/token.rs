//! `wecom-kf token`. The stage fails if an output shows the token that was not asked for.

use std::time::Duration;

use snapbox::str;
use wecom_kf::raw::op;

use crate::stage::Stage;
use crate::terminal::{on_terminal, plain};

/// Starts a stage whose clock stands still, so that a token is always as old.
async fn stage() -> Stage {
    let stage = Stage::start().await;
    stage.simulator.stop_clock();
    stage
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_shown_by_its_fingerprint() {
    let stage = stage().await;
    stage.run(&["token", "show"]).piped().await.is(
        0,
        str![[r#"
wwa3C2TaB7JaxTJj8a	77d398ed9ef225de	2h

"#]],
        str![],
    );
    stage.run(&["token", "show", "--json"]).without_var("WECOM_KF_OPEN_KFID").piped().await.is(
        0,
        str![[r#"
{"corp_id":"wwa3C2TaB7JaxTJj8a","fingerprint":"77d398ed9ef225de","expires_in":7200}

"#]],
        str![],
    );
    let shown = on_terminal(stage.run(&["token", "show"]).in_chinese(), "").await;
    snapbox::assert_data_eq!(
        plain(&shown),
        str![[r#"
企业 ID     wwa3C2TaB7JaxTJj8a
指纹        77d398ed9ef225de
剩余有效期  2h

"#]]
    );
    assert_eq!(stage.simulator.calls(op::GETTOKEN), 3);
    stage.simulator.advance(Duration::from_secs(4000));
    stage.run(&["token", "show"]).piped().await.is(
        0,
        str![[r#"
wwa3C2TaB7JaxTJj8a	77d398ed9ef225de	53m 20s

"#]],
        str![],
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_token_itself_is_only_printed_after_a_yes() {
    let stage = stage().await;
    stage.run(&["token", "show", "--reveal"]).piped().await.is(2, str![], str![[r#"
error: not confirmed: Prints the access token, with which anybody can act as the app for up to two hours  do: Run it on a terminal, which asks, or add --yes. With --dry-run it only says what it would do.

"#]]);
    stage.run(&["--dry-run", "token", "show", "--reveal"]).in_chinese().piped().await.is(
        0,
        str![],
        str![[r#"
将会执行：输出 access_token，拿到它的人在最长两小时内可以冒用该应用

"#]],
    );
    let refused = on_terminal(stage.run(&["token", "show", "--reveal"]).in_chinese(), "n").await;
    assert_eq!(refused.code, 1, "{refused:?}");
    assert_eq!(stage.simulator.calls(op::GETTOKEN), 0);
    let revealed = stage.run(&["--yes", "token", "show", "--reveal"]).revealing_the_token().piped().await;
    revealed.is(
        0,
        str![[r#"
wwa3C2TaB7JaxTJj8a	77d398ed9ef225de	2h	[TOKEN]

"#]],
        str![[r#"
Prints the access token, with which anybody can act as the app for up to two hours

"#]],
    );
    let revealed = on_terminal(stage.run(&["token", "show", "--reveal"]).revealing_the_token(), "y").await;
    assert!(plain(&revealed).contains("ACCESS_TOKEN  [TOKEN]"), "{revealed:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_secret_exits_with_4_and_is_tried_once() {
    let stage = Stage::start().await;
    let wrong = stage.run(&["token", "show"]).var("WECOM_KF_SECRET", "of-another-app");
    wrong.in_chinese().piped().await.is(4, str![], str![[r#"
错误：gettoken 被拒：40001，secret 错误、与企业 ID 不符，或应用已停用。企业微信的说明："the secret is wrong, belongs to another corp id, or its app is disabled, hint: [2935512841357687530], from ip: 127.0.0.1, more info at https://open.work.weixin.qq.com/devtool/query?e=40001"。处理：不要重试：一小时内失败 2000 次，本机 IP 会被封一小时。重新复制「微信客服 › 可调用接口的应用」中该应用的 secret，并核对企业 ID 属于同一企业。

"#]]);
    assert_eq!(stage.simulator.calls(op::GETTOKEN), 1);
}
