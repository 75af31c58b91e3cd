//! Runs the short examples as users do: each in a process of its own, without an account.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::path::PathBuf;
use std::process::Command;

/// Runs an example and returns its output. Cargo builds the examples of a package together with its tests, into
/// neighbouring folders.
fn run(example: &str, arguments: &[&str]) -> String {
    let test = std::env::current_exe().unwrap();
    let target: PathBuf = test.ancestors().nth(2).unwrap().into();
    let mut command = Command::new(target.join("examples").join(format!("{example}{}", std::env::consts::EXE_SUFFIX)));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("WECOM_")) {
        command.env_remove(name);
    }
    let output = command.args(arguments).output().unwrap();
    let (text, errors) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert!(output.status.success() && errors.is_empty(), "{example}: {text}\n{errors}");
    text
}

#[test]
fn a_customer_is_welcomed_with_a_menu_and_gets_what_was_tapped() {
    let text = run("welcome_menu", &[]);
    for line in
        ["  bot  您好，请选择\n", "       › 营业时间\n", "       › 自助查询\n", "  bot  周一至周五 9:00–18:00\n"]
    {
        assert!(text.contains(line), "{line:?} is missing: {text}");
    }
}

#[test]
fn a_customer_who_asks_for_a_human_is_with_one() {
    let text = run("hand_over", &[]);
    for line in ["  bot     正在为您转接人工，请稍候。\n", "(state 3, zhangsan has the session)\n"] {
        assert!(text.contains(line), "{line:?} is missing: {text}");
    }
}

#[test]
#[cfg(feature = "schemars")]
fn a_model_calls_tools_and_its_mistakes_are_not_sent() {
    let text = run("tools", &[]);
    for line in [
        "  \"name\": \"send_msg\",\n",
        "\"description\": \"Send a message to a customer. ",
        "  refused there is no tool of this name\n",
        "  refused Additional properties are not allowed ('content' was unexpected)\n",
        "  refused /text/content: longer than 2048 bytes\n",
        "  bot     正在为您转接人工。\n          (state 3, zhangsan has the session)\n",
    ] {
        assert!(text.contains(line), "{line:?} is missing: {text}");
    }
    assert_eq!(text.matches("  refused ").count(), 3, "{text}");
    assert_eq!(text.matches("  tool    {").count(), 3, "{text}");
}

#[test]
fn an_account_is_added_with_its_avatar_and_a_link() {
    let text = run("add_account", &["客服一组"]);
    assert!(text.contains("  客服一组\nlink      https://work.weixin.qq.com/kf/"), "{text}");
    assert_eq!(text.matches("\naccount   wk").count(), 2, "{text}");
    assert!(text.contains("&scene_param=page%3Dhome\n"), "{text}");
}

#[test]
fn figures_are_a_table_with_a_line_for_a_day_without_any() {
    let text = run("statistics", &[]);
    let lines: Vec<_> = text.lines().rev().take(3).collect();
    let [nothing, something, head] = lines[..] else { panic!("{text}") };
    assert!(head.starts_with("day         sessions"), "{text}");
    let figures: Vec<_> = something.split_whitespace().skip(1).collect();
    assert_eq!(figures, ["2", "2", "2", "2", "0", "%"], "{text}");
    assert_eq!(nothing.matches('–').count(), 5, "{text}");
}
