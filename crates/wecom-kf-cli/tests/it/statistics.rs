//! `wecom-kf statistics`.

use std::time::Duration;

use snapbox::str;
use wecom_kf_sim::op;

use crate::stage::Stage;
use crate::terminal::{on_terminal, plain};

const DAYS: [&str; 4] = ["--from", "2024-06-09", "--to", "2024-06-11"];

fn args<'a>(which: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&["statistics", which], &DAYS[..], more].concat()
}

/// Two days with sessions, after one without any.
async fn stage() -> Stage {
    let stage = Stage::in_the_past().await;
    let sim = &stage.simulator;
    for (customers, seconds) in [(1, 30), (3, 86_370 + 86_400)] {
        for number in 0..customers {
            let customer = sim.customer(&format!("客户{number}"));
            customer.says("CANARY");
            sim.servicer("zhangsan").takes(&customer);
        }
        sim.advance(Duration::from_secs(30));
        sim.servicer("zhangsan").says(&sim.customer("客户0"), "CANARY");
        sim.servicer("zhangsan").ends(&sim.customer("客户0")).unwrap();
        sim.advance(Duration::from_secs(seconds));
        if customers == 1 {
            sim.advance(Duration::from_secs(86_340));
        }
    }
    stage
}

#[tokio::test(flavor = "multi_thread")]
async fn accounts_have_a_row_for_each_day() {
    let stage = stage().await;
    stage.run(&args("accounts", &[])).piped().await.is(
        0,
        str![[r#"
2024-06-09	wkUyeGDxvMPbMHsvHQvFAjEzyQNjb7sA	-	-	-	-	-	-	-	-
2024-06-10	wkUyeGDxvMPbMHsvHQvFAjEzyQNjb7sA	1	1	1	0	-	-	0	0
2024-06-11	wkUyeGDxvMPbMHsvHQvFAjEzyQNjb7sA	3	3	3	0	-	-	0	0

"#]],
        str![],
    );
    stage.run(&args("accounts", &["--json"])).piped().await.is(0, str![[r#"
{"date":"2024-06-09","open_kfid":"wkUyeGDxvMPbMHsvHQvFAjEzyQNjb7sA","stat_time":1717862400}
{"date":"2024-06-10","open_kfid":"wkUyeGDxvMPbMHsvHQvFAjEzyQNjb7sA","stat_time":1717948800,"statistic":{"session_cnt":1,"customer_cnt":1,"customer_msg_cnt":1,"upgrade_service_customer_cnt":0,"ai_session_reply_cnt":0,"msg_rejected_customer_cnt":0}}
{"date":"2024-06-11","open_kfid":"wkUyeGDxvMPbMHsvHQvFAjEzyQNjb7sA","stat_time":1718035200,"statistic":{"session_cnt":3,"customer_cnt":3,"customer_msg_cnt":3,"upgrade_service_customer_cnt":0,"ai_session_reply_cnt":0,"msg_rejected_customer_cnt":0}}

"#]], str![]);
    stage.run(&args("accounts", &["--csv", "--all"])).piped().await.is(0, str![[r#"
date,open_kfid,servicer_userid,session_cnt,customer_cnt,customer_msg_cnt,ai_session_reply_cnt,ai_transfer_rate,ai_knowledge_hit_rate,upgrade_service_customer_cnt,msg_rejected_customer_cnt
2024-06-09,wkUyeGDxvMPbMHsvHQvFAjEzyQNjb7sA,,,,,,,,,
2024-06-10,wkUyeGDxvMPbMHsvHQvFAjEzyQNjb7sA,,1,1,1,0,,,0,0
2024-06-11,wkUyeGDxvMPbMHsvHQvFAjEzyQNjb7sA,,3,3,3,0,,,0,0

"#]], str![]);
    let table = on_terminal(stage.run(&args("accounts", &[])).in_chinese(), "").await;
    snapbox::assert_data_eq!(
        plain(&table),
        str![[r#"
日期        会话  客户  客户消息  智能回复会话  转人工率  知识命中率  升级服务  被拒收客户
2024-06-09     -     -         -             -         -           -         -           -
2024-06-10     1     1         1             0         -           -         0           0
2024-06-11     3     3         3             0         -           -         0           0

"#]]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn servicers_are_shown_together_or_one_by_one() {
    let stage = stage().await;
    stage.run(&args("servicers", &[])).piped().await.is(
        0,
        str![[r#"
2024-06-09	wkUyeGDxvMPbMHsvHQvFAjEzyQNjb7sA	-	-	-	-	-	-	-	-	-	-	-	-	-	-	-	-
2024-06-10	wkUyeGDxvMPbMHsvHQvFAjEzyQNjb7sA	1	0	0	100.0%	30s	-	-	0	-	0	-	0	0	0	0	0
2024-06-11	wkUyeGDxvMPbMHsvHQvFAjEzyQNjb7sA	3	0	0	33.3%	30s	-	-	0	-	0	-	0	0	0	0	0

"#]],
        str![],
    );
    let each = ["--servicer", "zhangsan", "--servicer", "lisi", "--csv"];
    stage.run(&args("servicers", &each)).piped().await.is(0, str![[r#"
date,open_kfid,servicer_userid,session_cnt,customer_cnt,customer_msg_cnt,reply_rate,first_reply_average_sec,satisfied_rate,dissatisfied_rate,msg_rejected_customer_cnt,middling_rate,satisfaction_investgate_cnt,satisfaction_participation_rate,upgrade_service_customer_cnt,upgrade_service_member_invite_cnt,upgrade_service_member_customer_cnt,upgrade_service_groupchat_invite_cnt,upgrade_service_groupchat_customer_cnt
2024-06-09,wkUyeGDxvMPbMHsvHQvFAjEzyQNjb7sA,zhangsan,,,,,,,,,,,,,,,,
2024-06-10,wkUyeGDxvMPbMHsvHQvFAjEzyQNjb7sA,zhangsan,1,0,0,1,30,,,0,,0,,0,0,0,0,0
2024-06-11,wkUyeGDxvMPbMHsvHQvFAjEzyQNjb7sA,zhangsan,3,0,0,0.3333333333333333,30,,,0,,0,,0,0,0,0,0
2024-06-09,wkUyeGDxvMPbMHsvHQvFAjEzyQNjb7sA,lisi,,,,,,,,,,,,,,,,
2024-06-10,wkUyeGDxvMPbMHsvHQvFAjEzyQNjb7sA,lisi,,,,,,,,,,,,,,,,
2024-06-11,wkUyeGDxvMPbMHsvHQvFAjEzyQNjb7sA,lisi,,,,,,,,,,,,,,,,

"#]], str![]);
    let table = on_terminal(stage.run(&args("servicers", &["--servicer", "zhangsan"])), "").await;
    snapbox::assert_data_eq!(
        plain(&table),
        str![[r#"
DAY         SERVICER  SESSIONS  CUSTOMERS  MESSAGES  REPLIED  FIRST REPLY  GOOD  BAD  REJECTED
2024-06-09  zhangsan         -          -         -        -            -     -    -         -
2024-06-10  zhangsan         1          0         0   100.0%          30s     -    -         0
2024-06-11  zhangsan         3          0         0    33.3%          30s     -    -         0

"#]]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chart_has_a_bar_for_each_day() {
    let stage = stage().await;
    stage.run(&args("accounts", &["--plot"])).piped().await.is(
        0,
        str![[r#"
session_cnt wkUyeGDxvMPbMHsvHQvFAjEzyQNjb7sA
2024-06-09 -
2024-06-10 ████████████████▋ 1
2024-06-11 ██████████████████████████████████████████████████ 3

"#]],
        str![],
    );
    let shown = on_terminal(stage.run(&args("servicers", &["--plot", "reply_rate"])), "").await;
    snapbox::assert_data_eq!(
        plain(&shown),
        str![[r#"
reply_rate wkUyeGDxvMPbMHsvHQvFAjEzyQNjb7sA
2024-06-09 -
2024-06-10 ██████████████████████████████████████████████████ 100.0%
2024-06-11 ████████████████▋ 33.3%

"#]]
    );
    assert!(!shown.stdout.contains('\u{1b}'), "{shown:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn mistakes_are_explained() {
    let stage = Stage::in_the_past().await;
    let backwards = ["statistics", "accounts", "--from", "2024-06-11", "--to", "2024-06-10"];
    stage.run(&backwards).in_chinese().piped().await.is(
        2,
        str![],
        str![[r#"
错误：2024-06-11 晚于 2024-06-10。处理：--from 不得晚于 --to。

"#]],
    );
    stage.run(&["statistics", "accounts", "--from", "yesterday"]).piped().await.is(
        2,
        str![],
        str![[r#"
error: invalid value 'yesterday' for '--from <DAY>': write a day such as 2026-11-20 (日期格式如 2026-11-20)

For more information, try '--help'.

"#]],
    );
    stage.run(&args("accounts", &["--plot", "reply_rate"])).in_chinese().piped().await.is(2, str![], str![[r#"
错误：--plot [<FIGURE>] 的值 "reply_rate" 无效：可以是 session_cnt, customer_cnt, customer_msg_cnt, ai_session_reply_cnt, ai_transfer_rate, ai_knowledge_hit_rate, upgrade_service_customer_cnt, msg_rejected_customer_cnt
更多信息见 --help

"#]]);
    stage.run(&args("accounts", &["--plot", "--csv"])).piped().await.is(
        2,
        str![],
        str![[r#"
error: the argument '--plot [<FIGURE>]' cannot be used with '--csv'

Usage: wecom-kf statistics accounts --from <DAY> --to <DAY> --plot [<FIGURE>]

For more information, try '--help'.

"#]],
    );
    assert_eq!(stage.simulator.calls(op::GET_CORP_STATISTIC), 0);
    stage.run(&args("accounts", &[])).piped().await.is(1, str![], str![[r#"
error: get_corp_statistic refused: 40058, a parameter is invalid. WeCom said: "a parameter is invalid: `end_time` must be yesterday in China, or earlier, hint: [2935512841357687530], from ip: 127.0.0.1, more info at https://open.work.weixin.qq.com/devtool/query?e=40058"  do: Read the errmsg, which often names the field. Usual causes: an optional field sent as "" or null (leave it out), a text or list over its limit, a number sent as string, GET instead of POST.

"#]]);
    let nothing = ["statistics", "accounts", "--from", "2024-06-01", "--to", "2024-06-02"];
    stage.run(&nothing).in_chinese().piped().await.is(
        0,
        str![[r#"
2024-06-01	wkUyeGDxvMPbMHsvHQvFAjEzyQNjb7sA	-	-	-	-	-	-	-	-
2024-06-02	wkUyeGDxvMPbMHsvHQvFAjEzyQNjb7sA	-	-	-	-	-	-	-	-

"#]],
        str![[r#"
企业微信没有这些天的数据：没有会话，或者（中国时间）6 点前尚未生成

"#]],
    );
}
