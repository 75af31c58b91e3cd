//! `wecom-kf servicers`.

use snapbox::str;

use crate::stage::Stage;
use crate::terminal::{on_terminal, plain};

#[tokio::test(flavor = "multi_thread")]
async fn a_list_has_members_and_departments_with_their_status() {
    let stage = Stage::start().await;
    stage.simulator.servicer("lisi").suspends();
    stage.simulator.department(2, &["wangwu"]);
    let add = stage.run(&["--yes", "servicers", "add", "--department", "2"]).piped().await;
    assert_eq!(add.code, 0, "{add:?}");
    stage.run(&["servicers", "list"]).piped().await.is(
        0,
        str![[r#"
member	lisi	suspended
member	zhangsan	receiving
department	2	-

"#]],
        str![],
    );
    stage.run(&["servicers", "list", "--json"]).piped().await.is(
        0,
        str![[r#"
{"userid":"lisi","status":1,"stop_type":1}
{"userid":"zhangsan","status":0}
{"department_id":2}

"#]],
        str![],
    );
    let shown = on_terminal(stage.run(&["servicers", "list"]).in_chinese(), "").await;
    snapbox::assert_data_eq!(
        plain(&shown),
        str![[r#"
类型  ID        状态
成员  lisi      暂时挂起
成员  zhangsan  接待中
部门  2         -

"#]]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn each_servicer_has_a_result_and_a_failure_of_one_exits_with_1() {
    let stage = Stage::start().await;
    stage.simulator.member("wangwu");
    stage.run(&["--yes", "servicers", "add", "wangwu", "nobody"]).piped().await.is(
        1,
        str![[r#"
member	wangwu	0	ok
member	nobody	60111	the userid does not exist

"#]],
        str![[r#"
Adds wangwu, nobody to the servicers of wkUyeGDxvMPbMHsvHQvFAjEzyQNjb7sA
error: 1 of 2 failed  do: What is ok took effect. Explain each code with: wecom-kf errcode CODE

"#]],
    );
    let json = ["--yes", "servicers", "add", "nobody", "--json"];
    stage.run(&json).in_chinese().piped().await.is(
        1,
        str![[r#"
{"userid":"nobody","errcode":60111,"errmsg":"the userid does not exist"}

"#]],
        str![[r#"
为 wkUyeGDxvMPbMHsvHQvFAjEzyQNjb7sA 添加接待人员：nobody
错误：1 项中有 1 项失败。处理：成功的各项已生效。用 wecom-kf errcode <错误码> 查看每个错误码的处理办法。

"#]],
    );
    let delete = ["--yes", "servicers", "delete", "wangwu"];
    stage.run(&delete).in_chinese().piped().await.is(
        0,
        str![[r#"
成员	wangwu	0	成功

"#]],
        str![[r#"
移除 wkUyeGDxvMPbMHsvHQvFAjEzyQNjb7sA 的接待人员：wangwu

"#]],
    );
    let list = stage.run(&["servicers", "list"]).piped().await;
    assert!(!list.stdout.contains("wangwu"), "{list:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_changed_without_a_yes() {
    let stage = Stage::start().await;
    let delete = ["servicers", "delete", "lisi", "--department", "2"];
    stage.run(&delete).piped().await.is(2, str![], str![[r#"
error: not confirmed: Removes lisi, department 2 from the servicers of wkUyeGDxvMPbMHsvHQvFAjEzyQNjb7sA  do: Run it on a terminal, which asks, or add --yes. With --dry-run it only says what it would do.

"#]]);
    stage.run(&[&["--dry-run"], &delete[..]].concat()).in_chinese().piped().await.is(
        0,
        str![],
        str![[r#"
将会执行：移除 wkUyeGDxvMPbMHsvHQvFAjEzyQNjb7sA 的接待人员：lisi、部门 2

"#]],
    );
    let asked = on_terminal(stage.run(&["servicers", "delete", "lisi"]), "n").await;
    assert_eq!(asked.code, 1, "{asked:?}");
    let list = stage.run(&["servicers", "list"]).piped().await;
    assert!(list.stdout.contains("lisi"), "{list:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_missing_is_named() {
    let stage = Stage::start().await;
    stage.run(&["servicers", "add"]).in_chinese().piped().await.is(
        2,
        str![],
        str![[r#"
错误：缺少参数：<USERID>...
更多信息见 --help

"#]],
    );
    stage.run(&["servicers", "list"]).without_var("WECOM_KF_OPEN_KFID").piped().await.is(4, str![], str![[r#"
error: bad settings: WECOM_KF_OPEN_KFID: not set (admin console: 微信客服 › 通过API管理微信客服账号 lists the accounts; account_list returns their ids)  do: Correct the settings and start again.

"#]]);
    stage.run(&["servicers", "list", "--account", "wkNone"]).piped().await.is(1, str![], str![[r#"
error: servicer_list refused: 95004, the KF account does not exist in this corp. WeCom said: "the KF account does not exist in this corp, hint: [2935512841357687530], from ip: 127.0.0.1, more info at https://open.work.weixin.qq.com/devtool/query?e=95004"  do: If the account was deleted, take it out of the settings and replace its links by those of another account (add_contact_way). Otherwise the id belongs to another corp: use one that account_list returns.

"#]]);
    let many: Vec<String> = (0..101).map(|number| format!("user{number}")).collect();
    let many = [&["--yes", "servicers", "add"], &many.iter().map(String::as_str).collect::<Vec<_>>()[..]].concat();
    stage.run(&many).piped().await.is(
        2,
        str![],
        str![[r#"
error: userid_list has 101 items, at most 100 are allowed; nothing was sent  do: Fix the input: WeCom would refuse it.

"#]],
    );
}
