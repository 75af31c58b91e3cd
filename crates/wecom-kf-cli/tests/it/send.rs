//! `wecom-kf send` and `wecom-kf recall`.

use snapbox::str;
use wecom_kf::raw::op;
use wecom_kf_sim::Customer;

use crate::stage::Stage;
use crate::terminal::{on_terminal, plain};

/// The beginning of a PNG, by which WeCom tells the kinds of images apart.
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";

/// The text of a message, which the program must not print.
const CANARY: &str = "您的订单已发货，单号 CANARY-17";

async fn stage_with_customer() -> (Stage, Customer) {
    let stage = Stage::start().await;
    let customer = stage.simulator.customer("李雷");
    customer.says("您好");
    (stage, customer)
}

fn heard(customer: &Customer) -> Vec<String> {
    customer.heard().iter().map(|heard| format!("{} {}", heard.msgtype, heard.body)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_is_sent_after_a_look_at_the_session() {
    let (stage, customer) = stage_with_customer().await;
    let to = customer.external_userid();
    let text = ["--yes", "send", "--to", to, CANARY, "--msgid", "order-17"];
    stage.run(&text).piped().await.is(
        0,
        str![[r#"
order-17

"#]],
        str![[r#"
the session of wmaiwfUSAYGDJsaokalVVLt1OIdPR0AC is in state 0 untreated
Sends a text of 20 characters to wmaiwfUSAYGDJsaokalVVLt1OIdPR0AC from wkUyeGDxvMPbMHsvHQvFAjEzyQNjb7sA

"#]],
    );
    let piped = ["--yes", "send", "--to", to, "-", "--msgid", "order-18", "--json"];
    stage.run(&piped).input("第一行\n第二行\n").in_chinese().piped().await.is(
        0,
        str![[r#"
{"msgid":"order-18"}

"#]],
        str![[r#"
wmaiwfUSAYGDJsaokalVVLt1OIdPR0AC 的会话状态：1 智能助手接待
由 wkUyeGDxvMPbMHsvHQvFAjEzyQNjb7sA 向 wmaiwfUSAYGDJsaokalVVLt1OIdPR0AC 发送一段文字（7 个字符）

"#]],
    );
    assert_eq!(customer.heard().len(), 2);
    snapbox::assert_data_eq!(
        heard(&customer).join("\n"),
        str![[r#"
text {"content":"您的订单已发货，单号 CANARY-17"}
text {"content":"第一行/n第二行"}
"#]]
    );
    // Without a msgid of one's own the client makes one, which is different each time.
    let quiet = stage.run(&["--yes", "--quiet", "send", "--to", to, "好"]).piped().await;
    assert_eq!((quiet.code, quiet.stderr.as_str(), quiet.stdout.lines().count()), (0, "", 1), "{quiet:?}");
    stage.run(&text).piped().await.is(1, str![], str![[r#"
the session of wmaiwfUSAYGDJsaokalVVLt1OIdPR0AC is in state 1 assistant
Sends a text of 20 characters to wmaiwfUSAYGDJsaokalVVLt1OIdPR0AC from wkUyeGDxvMPbMHsvHQvFAjEzyQNjb7sA
error: send_msg refused: 95033, this msgid was already used in the account. WeCom said: "this msgid was already used in the account, hint: [2935512841357687530], from ip: 127.0.0.1, more info at https://open.work.weixin.qq.com/devtool/query?e=95033"  do: If this client repeated the send, count it as sent and do nothing. If it was the first attempt, two messages share an id: make each msgid unique within the account.

"#]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_checked_uploaded_and_sent() {
    let (stage, customer) = stage_with_customer().await;
    let to = customer.external_userid();
    let file = |name: &str, bytes: &[u8]| {
        let path = stage.home.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let image = file("menu.png", PNG);
    let files = [
        ("--image", image.clone()),
        ("--file", file("报价.pdf", b"%PDF-1.7")),
        ("--voice", file("hello.amr", b"#!AMR\nhello")),
        ("--video", file("tour.mp4", b"\0\0\0\x18ftypmp42")),
    ];
    for (flag, path) in &files {
        let outcome = stage.run(&["--yes", "send", "--to", to, flag, path]).piped().await;
        assert_eq!(outcome.code, 0, "{flag}: {outcome:?}");
    }
    let kinds: Vec<String> = customer.heard().iter().map(|heard| heard.msgtype.clone()).collect();
    assert_eq!(kinds, ["image", "file", "voice", "video"]);
    let dry = ["--dry-run", "send", "--to", to, "--file", &files[1].1];
    stage.run(&dry).in_chinese().piped().await.is(
        0,
        str![],
        str![[r#"
wmaiwfUSAYGDJsaokalVVLt1OIdPR0AC 的会话状态：1 智能助手接待
将会执行：由 wkUyeGDxvMPbMHsvHQvFAjEzyQNjb7sA 向 wmaiwfUSAYGDJsaokalVVLt1OIdPR0AC 发送文件 报价.pdf（8 字节）

"#]],
    );
    stage.run(&["--yes", "send", "--to", to, "--voice", &image]).piped().await.is(
        2,
        str![],
        str![[r#"
error: media must be an AMR; nothing was sent  do: Fix the input: WeCom would refuse it.

"#]],
    );
    let missing = ["--yes", "send", "--to", to, "--image", "no-such.png"];
    stage.run(&missing).in_chinese().piped().await.is(
        1,
        str![],
        str![[r#"
错误：无法读取要上传的文件：文件或目录不存在（系统错误 2）。处理：检查路径、权限和磁盘空间。

"#]],
    );
    assert_eq!(stage.simulator.calls(op::MEDIA_UPLOAD), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_menu_is_checked_and_sent() {
    let (stage, customer) = stage_with_customer().await;
    let to = customer.external_userid();
    let send = |menu: &str| {
        let path = stage.home.path().join("menu.json");
        std::fs::write(&path, menu).unwrap();
        stage.run(&["--yes", "--quiet", "send", "--to", to, "--msgid", "m1", "--menu", path.to_str().unwrap()])
    };
    let menu =
        r#"{ "head_content": "CANARY", "list": [{ "type": "click", "click": { "id": "a", "content": "营业时间" } }] }"#;
    send(menu).piped().await.is(
        0,
        str![[r#"
m1

"#]],
        str![],
    );
    assert_eq!(customer.heard().len(), 1);
    send(&menu.replace("content\": \"营", "contents\": \"营")).piped().await.is(2, str![], str![[r#"
error: the menu is invalid: unknown field `list.0.click.contents`; missing field `list.0.click.content`  do: Nothing was sent. All fields and their limits: wecom-kf docs send_msg

"#]]);
    send(&menu.replace("\"type\": \"click\"", "\"type\": \"view\"")).in_chinese().piped().await.is(2, str![], str![[r#"
错误：参数有误，未发送：msgmenu.list 必须由各项组成，每项只含其 type 所指的内容。处理：修正该参数，否则会被企业微信拒绝。

"#]]);
    send("{ CANARY").in_chinese().piped().await.is(
        2,
        str![],
        str![[r#"
错误：菜单不是有效的 JSON：第 1 行第 3 列有误。处理：没有发送。用 wecom-kf docs send_msg 查看全部字段及限制。

"#]],
    );
    assert_eq!(stage.simulator.calls(op::SEND_MSG), 1);
    assert_eq!(customer.chooses("a").map(drop), Ok(()));
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_sent_while_the_session_forbids_it() {
    let (stage, customer) = stage_with_customer().await;
    stage.simulator.servicer("zhangsan").takes(&customer);
    let send = ["--yes", "send", "--to", customer.external_userid(), CANARY];
    stage.run(&send).piped().await.is(1, str![], str![[r#"
the session of wmaiwfUSAYGDJsaokalVVLt1OIdPR0AC is in state 3 servicer (zhangsan)
error: send_msg was not sent: the session forbids it, state 3 servicer, servicer zhangsan (just read)  do: Call service_state_get. In state 2 or 3 the staff serve the customer, so send nothing. In state 4, or after 48 h, wait until the customer writes. If the bot is to keep sessions, move them to state 1 at the first message.

"#]]);
    stage.run(&send).in_chinese().piped().await.is(1, str![], str![[r#"
wmaiwfUSAYGDJsaokalVVLt1OIdPR0AC 的会话状态：3 人工接待（zhangsan）
错误：send_msg 未发送：会话状态不允许，由人工接待（3），zhangsan（刚查询）。处理：调用 service_state_get：状态 2、3 由人工接待，不要发送；状态 4 或已超过 48 小时，等客户再次发言。若要由机器人持续接待，在首条消息时就把会话转为状态 1。

"#]]);
    assert_eq!(stage.simulator.calls(op::SEND_MSG), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_asked_for_on_a_terminal() {
    let (stage, customer) = stage_with_customer().await;
    let send = ["send", "--to", customer.external_userid(), "好"];
    let refused = on_terminal(stage.run(&send), "n").await;
    assert_eq!((refused.code, customer.heard().len()), (1, 0), "{refused:?}");
    let asked = plain(&refused);
    assert!(asked.contains("Sends a text of 1 character to") && asked.contains("Go ahead?"), "{asked}");
    let agreed = on_terminal(stage.run(&send).in_chinese(), "y").await;
    assert_eq!((agreed.code, customer.heard().len()), (0, 1), "{agreed:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn exactly_one_content_that_wecom_accepts_is_needed() {
    let (stage, customer) = stage_with_customer().await;
    let to = customer.external_userid();
    stage.run(&["send", "--to", to]).in_chinese().piped().await.is(
        2,
        str![],
        str![[r#"
错误：缺少参数：<TEXT|--image <FILE>|--voice <FILE>|--video <FILE>|--file <FILE>|--menu <FILE>>
更多信息见 --help

"#]],
    );
    stage.run(&["send", "--to", to, "好", "--image", "a.png"]).in_chinese().piped().await.is(
        2,
        str![],
        str![[r#"
错误：[TEXT] 不能与 --image <FILE> 同时使用
更多信息见 --help

"#]],
    );
    stage.run(&["send", "--to", to, &"x".repeat(2049)]).piped().await.is(
        2,
        str![],
        str![[r#"
error: text has 2049 bytes, at most 2048 are allowed; nothing was sent  do: Fix the input: WeCom would refuse it.

"#]],
    );
    stage.run(&["send", "--to", to, "好", "--msgid", "a b"]).piped().await.is(
        2,
        str![],
        str![[r#"
error: msgid must be made of 0-9, A-Z, a-z, _ and - only; nothing was sent  do: Fix the input: WeCom would refuse it.

"#]],
    );
    assert_eq!(stage.simulator.calls(op::SERVICE_STATE_GET), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_recalled_within_two_minutes() {
    let (stage, customer) = stage_with_customer().await;
    let sent = stage.run(&["--yes", "send", "--to", customer.external_userid(), CANARY, "--msgid", "m1"]).piped().await;
    assert_eq!(sent.code, 0, "{sent:?}");
    stage.run(&["--dry-run", "recall", "m1"]).in_chinese().piped().await.is(
        0,
        str![],
        str![[r#"
将会执行：撤回 wkUyeGDxvMPbMHsvHQvFAjEzyQNjb7sA 的消息 m1

"#]],
    );
    stage.run(&["--yes", "recall", "m1"]).piped().await.is(
        0,
        str![],
        str![[r#"
Recalls the message m1 of wkUyeGDxvMPbMHsvHQvFAjEzyQNjb7sA
recalled

"#]],
    );
    stage.run(&["--yes", "recall", "m2"]).in_chinese().piped().await.is(1, str![], str![[r#"
撤回 wkUyeGDxvMPbMHsvHQvFAjEzyQNjb7sA 的消息 m2
错误：recall_msg 被拒：95028，未找到要撤回的消息。企业微信的说明："the message to recall was not found, hint: [2935512841357687530], from ip: 127.0.0.1, more info at https://open.work.weixin.qq.com/devtool/query?e=95028"。处理：使用 send_msg 返回的 msgid 及其发送账号的 open_kfid；接待人员发的消息不能通过接口撤回。

"#]]);
    stage.run(&["recall", "m1"]).piped().await.is(2, str![], str![[r#"
error: not confirmed: Recalls the message m1 of wkUyeGDxvMPbMHsvHQvFAjEzyQNjb7sA  do: Run it on a terminal, which asks, or add --yes. With --dry-run it only says what it would do.

"#]]);
}
