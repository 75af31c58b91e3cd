//! `wecom-kf accounts`.

use snapbox::str;

use crate::stage::Stage;

/// The beginning of a PNG, by which WeCom tells the kinds of images apart.
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_list_is_tab_separated_without_titles_in_a_pipe() {
    let stage = Stage::start().await;
    stage.run(&["accounts", "list"]).piped().await.is(
        0,
        str![[r#"
wkUyeGDxvMPbMHsvHQvFAjEzyQNjb7sA	yes	小店
wk6vQEXfXXQBQICi2OZtZpZ21zhGCKj9	yes	售后

"#]],
        str![],
    );
    stage.run(&["accounts", "list", "--json"]).piped().await.is(0, str![[r#"
{"open_kfid":"wkUyeGDxvMPbMHsvHQvFAjEzyQNjb7sA","name":"小店","avatar":"https://avatar.example/wkUyeGDxvMPbMHsvHQvFAjEzyQNjb7sA.png","manage_privilege":true}
{"open_kfid":"wk6vQEXfXXQBQICi2OZtZpZ21zhGCKj9","name":"售后","avatar":"https://avatar.example/wk6vQEXfXXQBQICi2OZtZpZ21zhGCKj9.png","manage_privilege":true}

"#]], str![]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_is_added_changed_and_deleted() {
    let stage = Stage::start().await;
    let avatar = stage.home.path().join("avatar.png");
    std::fs::write(&avatar, PNG).unwrap();
    let avatar = avatar.to_str().unwrap();
    let added = stage.run(&["--yes", "accounts", "add", "售后", "--avatar", avatar]).piped().await;
    added.is(
        0,
        str![[r#"
wksDP26zJFny2gqJLb1WiZhNc7cXnsJZ

"#]],
        str![[r#"
Adds the account 售后

"#]],
    );
    let id = added.stdout.trim();
    stage.run(&["--yes", "accounts", "update", id, "--name", "售前"]).piped().await.is(
        0,
        str![],
        str![[r#"
Changes the name to 售前 of wksDP26zJFny2gqJLb1WiZhNc7cXnsJZ
changed

"#]],
    );
    stage.run(&["--yes", "accounts", "update", id, "--avatar", avatar]).in_chinese().piped().await.is(
        0,
        str![],
        str![[r#"
修改 wksDP26zJFny2gqJLb1WiZhNc7cXnsJZ 的头像
已修改

"#]],
    );
    assert_eq!(stage.simulator.account_name(id).as_deref(), Some("售前"));
    stage.run(&["--quiet", "--yes", "accounts", "delete", id]).piped().await.is(0, "", "");
    assert_eq!(stage.simulator.account_name(id), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_changed_without_a_yes() {
    let stage = Stage::start().await;
    let id = stage.simulator.open_kfid();
    stage.run(&["accounts", "delete", &id]).piped().await.is(2, str![], str![[r#"
error: not confirmed: Deletes the account wkUyeGDxvMPbMHsvHQvFAjEzyQNjb7sA. Its customers can no longer reach it  do: Run it on a terminal, which asks, or add --yes. With --dry-run it only says what it would do.

"#]]);
    // A pipe that says yes is no person.
    stage.run(&["accounts", "delete", &id]).input("y\n").in_chinese().piped().await.is(2, str![], str![[r#"
错误：未确认：删除客服账号 wkUyeGDxvMPbMHsvHQvFAjEzyQNjb7sA，客户将无法再联系它。处理：在终端中运行以便确认，或加上 --yes。加上 --dry-run 则只说明将会做什么。

"#]]);
    stage.run(&["--dry-run", "accounts", "delete", &id]).piped().await.is(
        0,
        str![],
        str![[r#"
would do: Deletes the account wkUyeGDxvMPbMHsvHQvFAjEzyQNjb7sA. Its customers can no longer reach it

"#]],
    );
    assert_eq!(stage.simulator.account_name(&id).as_deref(), Some("小店"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_is_printed() {
    let stage = Stage::start().await;
    let id = stage.simulator.open_kfid();
    stage.run(&["accounts", "link", &id, "--scene", "web"]).piped().await.is(
        0,
        str![[r#"
https://work.weixin.qq.com/kf/kfc7pldkFXCIRwVNsm0O?enc_scene=ENCEgn8EKBW1fCWkvznGrjhNpTWIYaxtK3N

"#]],
        str![],
    );
    stage.run(&["accounts", "link", &id, "--scene", "a b"]).piped().await.is(
        2,
        str![],
        str![[r#"
error: scene must be made of 0-9, A-Z, a-z, _ and - only; nothing was sent  do: Fix the input: WeCom would refuse it.

"#]],
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_does_not_exist_is_a_refusal_with_a_remedy() {
    let stage = Stage::start().await;
    stage.run(&["--yes", "accounts", "delete", "wkNone"]).piped().await.is(1, str![], str![[r#"
Deletes the account wkNone. Its customers can no longer reach it
error: account_del refused: 95004, the KF account does not exist in this corp. WeCom said: "the KF account does not exist in this corp, hint: [2935512841357687530], from ip: 127.0.0.1, more info at https://open.work.weixin.qq.com/devtool/query?e=95004"  do: If the account was deleted, take it out of the settings and replace its links by those of another account (add_contact_way). Otherwise the id belongs to another corp: use one that account_list returns.

"#]]);
    stage.run(&["--yes", "accounts", "delete", "wkNone"]).in_chinese().piped().await.is(1, str![], str![[r#"
删除客服账号 wkNone，客户将无法再联系它
错误：account_del 被拒：95004，本企业不存在该客服账号。企业微信的说明："the KF account does not exist in this corp, hint: [8080417084399202920], from ip: 127.0.0.1, more info at https://open.work.weixin.qq.com/devtool/query?e=95004"。处理：若账号已删除，从配置中去掉，并用 add_contact_way 换成其他账号的链接；否则该 id 属于其他企业，请用 account_list 返回的 id。

"#]]);
}
