use std::process::Stdio;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

fn program(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wecom-kf-sim"));
    command.args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command
}

/// Starts it and reads as far as the curl line. Gives what was exported.
async fn start(args: &[&str]) -> (Child, Lines<BufReader<ChildStdout>>, Vec<(String, String)>) {
    let mut child = program(args).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut vars = Vec::new();
    while let Some(line) = lines.next_line().await.unwrap() {
        if let Some((name, value)) = line.strip_prefix("export ").and_then(|export| export.split_once('=')) {
            vars.push((name.to_owned(), value.to_owned()));
        }
        if line.starts_with("curl ") {
            break;
        }
    }
    (child, lines, vars)
}

#[tokio::test]
async fn it_prints_what_a_bot_needs_and_then_each_call() {
    let (mut child, mut lines, vars) = start(&["--port", "0", "--seed", "7", "--account", "甲", "乙"]).await;
    let var = |wanted: &str| vars.iter().find(|(name, _)| name == wanted).unwrap().1.as_str();
    let base_url = var("WECOM_KF_BASE_URL");
    assert!(var("WECOM_KF_OPEN_KFID").starts_with("wk"));

    let query = [("corpid", var("WECOM_CORP_ID")), ("corpsecret", var("WECOM_KF_SECRET"))];
    let gettoken = reqwest::Client::new().get(format!("{base_url}/cgi-bin/gettoken")).query(&query);
    let token: Value = gettoken.send().await.unwrap().json().await.unwrap();
    assert_eq!(token["errcode"], 0);
    reqwest::get(format!("{base_url}/%1b[31m客服")).await.unwrap();

    assert_eq!(lines.next_line().await.unwrap().unwrap(), ""); // ends the greeting
    let call = lines.next_line().await.unwrap().unwrap();
    let words: Vec<_> = call.split_whitespace().collect();
    assert!(matches!(words[..], [_, "<--", "gettoken", "0", _, "ms"]), "{call}");
    let call = lines.next_line().await.unwrap().unwrap();
    assert!(call.contains("unknown_path") && call.contains("HTTP 404"), "{call}");
    assert!(!call.contains(char::is_control), "{call:?}");

    if cfg!(unix) {
        let pid = child.id().unwrap().to_string();
        assert!(Command::new("kill").args(["-INT", &pid]).status().await.unwrap().success());
        assert_eq!(child.wait().await.unwrap().code(), Some(0));
    }
}

#[tokio::test]
async fn a_port_that_is_taken_is_named_with_a_way_out() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let output = program(&["--port", &port]).output().await.unwrap();
    assert_eq!(output.status.code(), Some(1));
    let complaint = String::from_utf8(output.stderr).unwrap();
    assert!(complaint.contains(&format!("port {port}")) && complaint.contains("--port 0"), "{complaint}");
    assert!(output.stdout.is_empty());
}
