//! `wecom-kf upgrades`.

use snapbox::str;
use wecom_kf_sim::UpgradeOffer;

use crate::stage::Stage;
use crate::terminal::{on_terminal, plain};

#[tokio::test(flavor = "multi_thread")]
async fn the_config_lists_members_departments_and_groups() {
    let stage = Stage::start().await;
    // The config belongs to the corp and not to an account.
    let list = || stage.run(&["upgrades", "config"]).without_var("WECOM_KF_OPEN_KFID");
    stage.simulator.set_upgrade_members(&["zhangsan"], &[2]);
    stage.simulator.set_upgrade_groupchats(&["wrGroup"]);
    list().piped().await.is(
        0,
        str![[r#"
member	zhangsan
department	2
group	wrGroup

"#]],
        str![],
    );
    stage.run(&["upgrades", "config", "--json"]).piped().await.is(
        0,
        str![[r#"
{"userid":"zhangsan"}
{"department_id":2}
{"chat_id":"wrGroup"}

"#]],
        str![],
    );
    let shown = on_terminal(list().in_chinese(), "").await;
    snapbox::assert_data_eq!(
        plain(&shown),
        str![[r#"
类型    ID
成员    zhangsan
部门    2
客户群  wrGroup

"#]]
    );
    stage.simulator.set_upgrade_members(&[], &[]);
    stage.simulator.set_upgrade_groupchats(&[]);
    let shown = on_terminal(list(), "").await;
    snapbox::assert_data_eq!(
        plain(&shown),
        str![[r#"
nobody may be recommended: the admin console has the settings

"#]]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn members_and_groups_are_recommended_and_cancelled() {
    let stage = Stage::start().await;
    stage.simulator.set_upgrade_members(&["zhangsan"], &[]);
    stage.simulator.set_upgrade_groupchats(&["wrGroup"]);
    let customer = stage.simulator.customer("李雷");
    customer.says("您好");
    let id = customer.external_userid();
    let member = ["--yes", "upgrades", "member", id, "zhangsan", "--wording", "您的专属顾问"];
    stage.run(&member).piped().await.is(
        0,
        str![],
        str![[r#"
Recommends the member zhangsan to wmaiwfUSAYGDJsaokalVVLt1OIdPR0AC
recommended

"#]],
    );
    let offer = UpgradeOffer::Member { userid: "zhangsan".to_owned(), wording: Some("您的专属顾问".to_owned()) };
    assert_eq!(customer.is_offered("zhangsan").await.unwrap(), offer);
    stage.run(&["--yes", "upgrades", "cancel", id]).piped().await.is(
        0,
        str![],
        str![[r#"
Cancels the recommendation to wmaiwfUSAYGDJsaokalVVLt1OIdPR0AC
cancelled

"#]],
    );
    assert!(customer.upgrade_offer().is_none());
    stage.run(&["--yes", "upgrades", "group", id, "wrGroup"]).in_chinese().piped().await.is(
        0,
        str![],
        str![[r#"
向 wmaiwfUSAYGDJsaokalVVLt1OIdPR0AC 推荐客户群 wrGroup
已推荐

"#]],
    );
    assert!(customer.is_offered("wrGroup").await.is_ok());
    stage.run(&["--yes", "upgrades", "cancel", id]).in_chinese().piped().await.is(
        0,
        str![],
        str![[r#"
取消对 wmaiwfUSAYGDJsaokalVVLt1OIdPR0AC 的推荐
已取消

"#]],
    );
    stage.run(&["--yes", "upgrades", "member", id, "lisi"]).piped().await.is(1, str![], str![[r#"
Recommends the member lisi to wmaiwfUSAYGDJsaokalVVLt1OIdPR0AC
error: upgrade_service refused: 95021, the userid or chat is not set up for upgrade service. WeCom said: "the userid or chat is not set up for upgrade service, hint: [2935512841357687530], from ip: 127.0.0.1, more info at https://open.work.weixin.qq.com/devtool/query?e=95021"  do: Offer only what get_upgrade_service_config returns; have an admin add the missing member (within the 客户联系 range) or group to 升级服务 in the console.

"#]]);
    stage.run(&["upgrades", "group", id, "wrGroup"]).in_chinese().piped().await.is(2, str![], str![[r#"
错误：未确认：向 wmaiwfUSAYGDJsaokalVVLt1OIdPR0AC 推荐客户群 wrGroup。处理：在终端中运行以便确认，或加上 --yes。加上 --dry-run 则只说明将会做什么。

"#]]);
}
