//! The example as people run it: in a process of its own.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use wecom_kf_sim::{Simulator, op};

/// Cargo builds the examples of a package together with its tests, side by side.
fn echo_bot() -> Command {
    let test = std::env::current_exe().unwrap();
    let target: PathBuf = test.ancestors().nth(2).unwrap().into();
    let program = target.join("examples").join(format!("echo_bot{}", std::env::consts::EXE_SUFFIX));
    assert!(program.exists(), "{} is not built: run `cargo build --example echo_bot`", program.display());
    let mut command = Command::new(program);
    for name in ["WECOM_CORP_ID", "WECOM_KF_SECRET", "WECOM_KF_BASE_URL"] {
        command.env_remove(name);
    }
    command
}

/// Kills it in the end, also when an assertion fails.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn without_an_account_it_plays_a_conversation_to_its_end() {
    let output = echo_bot().output().unwrap();
    let transcript = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{transcript}\n{}", String::from_utf8_lossy(&output.stderr));
    for line in [
        "  小王      你好\n  bot       你好\n",
        "🙂\n  bot       Do you",
        "📦\n  bot       我的订单",
        "人工\n  bot       正在为您转接人工",
        "  zhangsan  ",
    ] {
        assert!(transcript.contains(line), "{line:?} is missing: {transcript}");
    }
    assert!(transcript.contains("4 messages sent, 2 access tokens fetched"), "{transcript}");
    assert!(!transcript.contains("昨天"), "what was written before was answered: {transcript}");
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn with_credentials(sim: &Simulator) -> Command {
    let mut command = echo_bot();
    command.envs(sim.vars());
    command
}

#[tokio::test(flavor = "multi_thread")]
async fn with_credentials_it_answers_nothing_that_was_sent_before_it_started_and_never_transfers() {
    let sim = Simulator::builder().servicer("zhangsan").start().await.unwrap();
    let (customer, other) = (sim.customer("小王"), sim.customer("小李"));
    // More than one page of history.
    for number in 0..1500 {
        customer.says(&format!("旧消息{number}"));
    }
    other.says("也是旧的");
    let mut bot = with_credentials(&sim);
    let mut bot = Running(bot.arg(sim.open_kfid()).arg("1").stdout(Stdio::piped()).spawn().unwrap());
    let mut line = String::new();
    BufReader::new(bot.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert!(line.contains(&sim.open_kfid()), "{line}");

    customer.says("我要转人工");
    assert_eq!(customer.hears().await.unwrap().text(), Some("我要转人工"));
    assert_eq!((customer.heard().len(), other.heard().len()), (1, 0));
    assert_eq!(sim.calls(op::SERVICE_STATE_TRANS), 0);
}

/// An empty page that says "more" and names no cursor is not the end of the history.
#[tokio::test(flavor = "multi_thread")]
async fn a_history_that_stands_still_for_a_while_gets_no_reply_either() {
    let sim = Simulator::start().await.unwrap();
    let customer = sim.customer("小王");
    customer.says("旧消息");
    let empty = r#"{"errcode":0,"errmsg":"ok","has_more":1,"next_cursor":"","msg_list":[]}"#;
    sim.fault(op::SYNC_MSG).body(empty);
    let old = r#"{"msgid":"m","msgtype":"text","text":{"content":"旧"},"origin":3,"external_userid":"CUSTOMER"}"#;
    let no_cursor =
        format!(r#"{{"errcode":0,"has_more":0,"msg_list":[{}]}}"#, old.replace("CUSTOMER", customer.external_userid()));
    sim.fault(op::SYNC_MSG).body(no_cursor);
    let mut bot = with_credentials(&sim);
    let mut bot = Running(bot.arg(sim.open_kfid()).arg("1").stdout(Stdio::piped()).spawn().unwrap());
    let mut line = String::new();
    BufReader::new(bot.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(sim.calls(op::SYNC_MSG), 3, "{line}");
    customer.says("新消息");
    assert_eq!(customer.hears().await.unwrap().text(), Some("新消息"));
    assert_eq!(customer.heard().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn with_credentials_and_no_account_named_it_lists_them_and_stops() {
    let sim = Simulator::builder().account("售前").account("售后").start().await.unwrap();
    sim.customer("小王").says("在吗");
    let output = with_credentials(&sim).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}");
    assert!(text.contains("售前") && text.contains("售后") && text.contains(&sim.open_kfid()), "{text}");
    assert_eq!((sim.calls(op::SYNC_MSG), sim.calls(op::SEND_MSG)), (0, 0));
}

#[test]
fn with_half_of_the_credentials_it_names_what_is_missing() {
    let output = echo_bot().env("WECOM_CORP_ID", "ww").output().unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && error.contains("WECOM_KF_SECRET"), "{error}");
    assert!(output.stdout.is_empty());
    let output = echo_bot().arg("wkAccount").output().unwrap();
    assert!(!output.status.success(), "an account was named, and nobody to ask: {output:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_secret_ends_it_with_the_remedy() {
    let sim = Simulator::start().await.unwrap();
    let output = with_credentials(&sim).env("WECOM_KF_SECRET", "wrong").env("WECOM_KF_LANG", "zh").output().unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && error.contains("40001") && error.contains("处理："), "{error}");
}
