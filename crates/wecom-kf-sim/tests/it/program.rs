//! The program, run as people run it.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

fn program(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wecom-kf-sim"));
    command
        .args(args)
        .env("WECOM_KF_LANG", "en")
        .env("NO_COLOR", "1")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
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

fn var<'a>(vars: &'a [(String, String)], wanted: &str) -> &'a str {
    vars.iter().find(|(name, _)| name == wanted).unwrap().1.as_str()
}

/// What it says when it cannot do what it is told.
async fn complaint(args: &[&str], code: i32) -> String {
    let output = tokio::time::timeout(Duration::from_secs(120), program(args).output());
    let output = output.await.expect("it runs instead of complaining").unwrap();
    assert_eq!(output.status.code(), Some(code), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.stdout.is_empty());
    String::from_utf8(output.stderr).unwrap()
}

fn file(name: &str, text: &str) -> String {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

#[tokio::test]
async fn it_prints_what_a_bot_needs_and_then_each_call() {
    let (mut child, mut lines, vars) =
        start(&["--port", "0", "--seed", "7", "--account", "甲", "--account", "乙"]).await;
    let base_url = var(&vars, "WECOM_KF_BASE_URL");
    assert!(var(&vars, "WECOM_KF_OPEN_KFID").starts_with("wk"));

    let query = [("corpid", var(&vars, "WECOM_CORP_ID")), ("corpsecret", var(&vars, "WECOM_KF_SECRET"))];
    let gettoken = reqwest::Client::new().get(format!("{base_url}/cgi-bin/gettoken")).query(&query);
    let token: Value = gettoken.send().await.unwrap().json().await.unwrap();
    assert_eq!(token["errcode"], 0);
    reqwest::get(format!("{base_url}/%1b[31m客服")).await.unwrap();

    assert_eq!(lines.next_line().await.unwrap().unwrap(), ""); // ends the greeting
    let call = lines.next_line().await.unwrap().unwrap();
    let words: Vec<_> = call.split_whitespace().collect();
    assert!(matches!(words[..], [_, "→", "gettoken", "ok", _, "ms"]), "{call}");
    let call = lines.next_line().await.unwrap().unwrap();
    assert!(call.contains("unknown_path") && call.contains("HTTP 404"), "{call}");
    assert!(!call.contains(char::is_control), "{call:?}");

    if cfg!(unix) {
        let pid = child.id().unwrap().to_string();
        assert!(Command::new("kill").args(["-INT", &pid]).status().await.unwrap().success());
        assert_eq!(lines.next_line().await.unwrap().unwrap(), "nothing found in 1 calls and 0 callbacks");
        assert_eq!(child.wait().await.unwrap().code(), Some(0));
    }
}

#[tokio::test]
async fn a_child_says_where_it_is_and_ends_with_its_input() {
    let mut child = program(&["--child", "--port", "0"]).stdin(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let ready: Value = serde_json::from_str(&lines.next_line().await.unwrap().unwrap()).unwrap();
    let info = reqwest::get(format!("{}/sim/v1/info", ready["base_url"].as_str().unwrap())).await.unwrap();
    assert_eq!(info.json::<Value>().await.unwrap()["version"], ready["version"]);
    assert_eq!(child.try_wait().unwrap(), None);
    drop(child.stdin.take());
    assert_eq!(child.wait().await.unwrap().code(), Some(0));
    assert_eq!(lines.next_line().await.unwrap(), None);
}

#[tokio::test]
async fn a_child_says_why_it_did_not_start() {
    let output = program(&["--child", "--port", "0", "--account", " "]).output().await.unwrap();
    assert_eq!(output.status.code(), Some(1));
    let line: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(line["error"].as_str().unwrap().contains("the name of an account"), "{line}");
    let complaint = complaint(&["--child", "--port", "0", "run", "--", "true"], 1).await;
    assert!(complaint.contains("leave the command out"), "{complaint}");
}

#[tokio::test]
async fn it_shows_callbacks_refusals_and_findings() {
    let bot = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap(); // nobody listens
    let url = format!("http://{bot}/callback");
    let (_child, mut lines, vars) = start(&["--port", "0", "--callback", &url]).await;
    assert_eq!(var(&vars, "WECOM_KF_LISTEN"), bot.to_string());
    let base_url = var(&vars, "WECOM_KF_BASE_URL");
    let http = reqwest::Client::new();
    let customer = http.post(format!("{base_url}/sim/v1/customers")).json(&json!({ "name": "小王" }));
    let customer: Value = customer.send().await.unwrap().json().await.unwrap();
    let id = customer["external_userid"].as_str().unwrap();
    let written = http.post(format!("{base_url}/sim/v1/customers/{id}/messages"));
    written.json(&json!({ "msgtype": "text", "text": "你好" })).send().await.unwrap();
    lines.next_line().await.unwrap();
    let callback = lines.next_line().await.unwrap().unwrap();
    assert!(
        callback.contains("← kf_msg_or_event")
            && callback.contains("  小店  ")
            && callback.contains("is the bot listening"),
        "{callback}"
    );
    lines.next_line().await.unwrap();
    assert!(lines.next_line().await.unwrap().unwrap().contains("attempt 3"));

    let query = [("corpid", var(&vars, "WECOM_CORP_ID")), ("corpsecret", var(&vars, "WECOM_KF_SECRET"))];
    let gettoken = || http.get(format!("{base_url}/cgi-bin/gettoken")).query(&query).send();
    gettoken().await.unwrap();
    gettoken().await.unwrap();
    lines.next_line().await.unwrap();
    let again = lines.next_line().await.unwrap().unwrap();
    assert!(again.ends_with("! token_refetched"), "{again}");
    http.get(format!("{base_url}/cgi-bin/gettoken")).send().await.unwrap();
    let refused = lines.next_line().await.unwrap().unwrap();
    assert!(refused.contains("41002") && !refused.contains("hint"), "{refused}");
}

#[tokio::test]
async fn a_port_that_is_taken_is_named_with_a_way_out() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let complaint = complaint(&["--port", &port], 1).await;
    assert!(complaint.contains(&format!("port {port}")) && complaint.contains("--port 0"), "{complaint}");
    if cfg!(target_os = "linux") {
        let process = format!("(process {})", std::process::id());
        assert!(complaint.contains(&process), "{complaint}");
    }
}

#[tokio::test]
async fn without_a_port_the_next_free_one_is_taken() {
    // Somebody may have 9500 already: then there is no need to.
    let _taken = std::net::TcpListener::bind("127.0.0.1:9500");
    let mut child = program(&[]).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let complaint = lines.next_line().await.unwrap().unwrap();
    assert!(
        complaint.starts_with("wecom-kf-sim: port 9500 is taken") && complaint.ends_with("; trying 9501"),
        "{complaint}"
    );
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.next_line().await.unwrap().unwrap().contains("ready in"));
}

#[tokio::test]
async fn a_file_has_all_settings_and_flags_go_before_it() {
    let path = file(
        "settings.toml",
        r#"
        port = 0
        seed = 7
        accounts = ["售前", "售后"]
        servicers = ["zhangsan", "lisi"]
        clock = 1767196800
        strictness = "lenient"
        disabled_assumptions = ["last_account_stays"]

        [corp]
        id = "ww0123456789"
        secret = "canary-of-the-file"

        [callback]
        url = "http://127.0.0.1:8080/callback"
        token = "TokenOfTheFile"
        aes_key = "BwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyAhIiMkJSY"

        [[faults]]
        operation = "account_list"
        effect = "errcode"
        errcode = -1
        times = 2
        "#,
    );
    let (_child, _lines, vars) = start(&["--config", &path, "--servicer", "wangwu"]).await;
    assert_eq!(var(&vars, "WECOM_CORP_ID"), "ww0123456789");
    assert_eq!(var(&vars, "WECOM_KF_CALLBACK_TOKEN"), "TokenOfTheFile");
    let base_url = var(&vars, "WECOM_KF_BASE_URL");
    let get = |path: &'static str| async move {
        reqwest::get(format!("{base_url}/sim/v1/{path}")).await.unwrap().json::<Value>().await.unwrap()
    };
    let (state, info, assumptions) = (get("state").await, get("info").await, get("assumptions").await);
    let names: Vec<_> = state["accounts"].as_array().unwrap().iter().map(|account| &account["name"]).collect();
    assert_eq!(names, ["售前", "售后"]);
    assert_eq!(state["servicers"].as_array().unwrap().len(), 1);
    assert_eq!((&state["clock"]["now"], &state["faults"][0]["times"]), (&json!(1_767_196_800), &json!(2)));
    assert_eq!((&info["strictness"], &info["seed"]), (&json!("lenient"), &json!("7")));
    let disabled: Vec<_> = assumptions["assumptions"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|assumption| assumption["holds"] == false)
        .collect();
    assert_eq!((disabled.len(), &disabled[0]["id"]), (1, &json!("last_account_stays")));
}

#[tokio::test]
async fn what_is_wrong_with_the_settings_is_said_without_the_secrets() {
    assert!(complaint(&["--config", "/nowhere.toml"], 1).await.contains("cannot read /nowhere.toml"));
    let cases = [
        ("typo.toml", "port = 0\nsecrte = \"canary\"\n", "line 2"),
        ("syntax.toml", "port = \n", "line 1"),
        (
            "key.toml",
            "port = 0\n[callback]\nurl = \"http://127.0.0.1/\"\ntoken = \"t\"\naes_key = \"canary\"\n",
            "EncodingAESKey has 6 characters",
        ),
        ("half.toml", "[callback]\nurl = \"http://127.0.0.1/\"\ntoken = \"canary\"\n", "both `token` and `aes_key`"),
        ("url.toml", "port = 0\n[callback]\nurl = \"http://10.0.0.1/\"\n", "--allow-host"),
        ("assumption.toml", "disabled_assumptions = [\"nothing\"]\n", "wecom-kf-sim assumptions"),
        (
            "fault.toml",
            "port = 0\n[[faults]]\noperation = \"send_message\"\neffect = \"html\"\n",
            "no operation `send_message`",
        ),
        ("kind.toml", "clock = \"canary\"\n", "line 1"),
        ("account.toml", "port = 0\naccounts = [\"售前\", \" \"]\n", "the name of an account has 1 to 16 characters"),
        ("allow.toml", "port = 0\nallow = [\"canary\"]\n", "line 2: `allow` has no finding's name"),
        ("servicer.toml", "port = 0\nservicers = [\"\"]\n", "the name of a servicer has 1 to 64 characters"),
        (
            "id.toml",
            "port = 0\n[corp]\nid = \"ww 1\"\nsecret = \"canary\"\n",
            "the corp id: character 3 is U+0020 SPACE; remove it",
        ),
        ("plain.toml", "port = 0\n[corp]\nid = \"ww$1\"\nsecret = \"canary\"\n", "a corp id has letters"),
        (
            "secret.toml",
            "port = 0\n[[corps]]\nid = \"ww1\"\nsecret = \"canary $HOME\"\n",
            "corp ww1: the secret: character 7 is U+0020 SPACE; remove it",
        ),
        (
            "quotes.toml",
            "port = 0\n[callback]\nurl = \"“http://127.0.0.1/”\"\n",
            "the URL of the callback: character 1 is U+201C LEFT DOUBLE QUOTATION MARK",
        ),
    ];
    for (name, text, expected) in cases {
        let complaint = complaint(&["--config", &file(name, text)], 1).await;
        assert!(complaint.contains(expected), "{name}: {complaint}");
        assert!(!complaint.contains("canary") || name == "kind.toml", "{name}: {complaint}");
    }
    let pasted = complaint(&["--port", "0", "--corp-id", " ww1\n", "--secret", "can\u{200b}ary"], 1).await;
    assert!(pasted.contains("the secret: character 4 is U+200B ZERO WIDTH SPACE; remove it"), "{pasted}");
    let pasted = complaint(&["--listen", "127.0.0.1\u{200b}"], 2).await;
    assert!(pasted.contains("the address: character 10 is U+200B ZERO WIDTH SPACE; remove it"), "{pasted}");
    complaint(&["--corp-id", "ww1"], 2).await;
    complaint(&["--clock", "sun"], 2).await;
}

const TWO_CORPS: &str = r#"
    port = 0
    seed = 7
    disabled_assumptions = ["last_account_stays"]

    [[corps]]
    id = "ww1"
    secret = "secret-1"
    accounts = ["售前", "售后"]
    servicers = ["zhangsan"]

    [[corps]]
    id = "ww2"
    secret = "secret-2"
    accounts = ["二店"]
    servicers = ["lisi", "wangwu"]

    [corps.callback]
    url = "http://127.0.0.1:9/callback"
    token = "TokenOfTheSecond"
    aes_key = "BwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyAhIiMkJSY"

    [[faults]]
    operation = "account_list"
    effect = "errcode"
    errcode = -1
    "#;

#[tokio::test]
async fn a_file_may_have_several_corps() {
    let path = file("corps.toml", TWO_CORPS);
    let mut child = program(&["--config", &path]).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut greeting = Vec::new();
    while greeting.last().is_none_or(|line: &String| !line.starts_with("curl ")) {
        greeting.push(lines.next_line().await.unwrap().unwrap());
    }
    let listed: Vec<_> = greeting.iter().filter_map(|line| line.strip_prefix("  ")?.split_once("  ")).collect();
    let words: Vec<_> = listed.iter().map(|(name, value)| (*name, value.trim())).skip(5).collect();
    assert_eq!((words[0], words[1]), (("corp id", "ww1"), ("secret", "secret-1")));
    assert_eq!((words[4], words[5]), (("corp id", "ww2"), ("secret", "secret-2")));
    let accounts = words.iter().filter(|(name, _)| *name == "account");
    let names: Vec<_> = accounts.filter_map(|(_, account)| account.split_whitespace().nth(1)).collect();
    assert_eq!(names, ["售前", "售后", "二店"]);
    let exports: Vec<_> = greeting.iter().filter_map(|line| line.strip_prefix("export ")?.split_once('=')).collect();
    let var = |wanted: &str| exports.iter().find(|(name, _)| *name == wanted).map(|(_, value)| *value);
    assert_eq!((var("WECOM_CORP_ID"), var("WECOM_KF_CALLBACK_TOKEN")), (Some("ww1"), None));
    assert!(greeting.iter().any(|line| line.starts_with("  below    the variables of ww1; ")), "{greeting:#?}");

    let base_url = var("WECOM_KF_BASE_URL").unwrap();
    let get =
        async |path: &str| -> Value { reqwest::get(format!("{base_url}{path}")).await.unwrap().json().await.unwrap() };
    for (corp_id, accounts, servicers, url) in
        [("ww1", 2, 1, Value::Null), ("ww2", 1, 2, json!("http://127.0.0.1:9/callback"))]
    {
        let state = get(&format!("/sim/v1/state?corp_id={corp_id}")).await;
        let count = |what: &str| state[what].as_array().unwrap().len();
        assert_eq!((count("accounts"), count("servicers"), &state["callback"]["url"]), (accounts, servicers, &url));
        // A fault of the file is one of each corp.
        assert_eq!((count("faults"), &state["faults"][0]["hits"]), (1, &json!(0)));
        let assumptions = get(&format!("/sim/v1/assumptions?corp_id={corp_id}")).await;
        assert_eq!(
            assumptions["assumptions"]
                .as_array()
                .unwrap()
                .iter()
                .filter(|assumption| assumption["holds"] == false)
                .count(),
            1
        );
    }
    lines.next_line().await.unwrap();
    for (corpid, secret) in [("ww2", "secret-2"), ("ww1", "secret-1"), ("ww1", "secret-2")] {
        get(&format!("/cgi-bin/gettoken?corpid={corpid}&corpsecret={secret}")).await;
        let line = lines.next_line().await.unwrap().unwrap();
        let outcome = if secret.ends_with(corpid.trim_start_matches("ww")) { "ok" } else { "40001" };
        let words: Vec<_> = line.split_whitespace().take(5).collect();
        assert_eq!(words[1..], ["→", corpid, "gettoken", outcome], "{line}");
    }
}

#[tokio::test]
async fn run_has_the_variables_of_the_first_corp_and_checks_all() {
    let path = file("corps-run.toml", TWO_CORPS);
    let script = r#"
        for secret in $SECRETS; do
            curl -s "$WECOM_KF_BASE_URL/cgi-bin/gettoken?corpid=ww2&corpsecret=$secret" >/dev/null
        done
        echo "$WECOM_CORP_ID $WECOM_KF_SECRET""#;
    let run = async |secrets: &str| {
        let mut command = program(&["--config", &path, "run", "--check", "--", "sh", "-c", script]);
        let output = command.env("SECRETS", secrets).output().await.unwrap();
        assert_eq!(String::from_utf8(output.stdout).unwrap(), "ww1 secret-1\n");
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let (code, said) = run("secret-2").await;
    let said = |line: &str| -> bool { said.lines().any(|said| said.split_whitespace().eq(line.split(' '))) };
    assert_eq!(code, Some(0));
    assert!(said("ww1 nothing found in 0 calls and 0 callbacks"));
    assert!(said("ww2 nothing found in 1 calls and 0 callbacks"));
    let (code, said) = run("secret-2 secret-2").await;
    assert_eq!((code, said.contains("token_refetched")), (Some(1), true), "{said}");
}

#[tokio::test]
async fn what_is_wrong_with_several_corps_is_said_with_its_line_and_without_secrets() {
    let one = "[[corps]]\nid = \"ww1\"\nsecret = \"canary\"\n";
    let cases = [
        ("twice", format!("{one}\n{one}"), "line 6: another corp has the id ww1 already"),
        ("both", format!("port = 0\n[corp]\nid = \"ww0\"\nsecret = \"canary\"\n{one}"), "line 2: `corp` is for"),
        ("accounts", format!("port = 0\naccounts = [\"canary\"]\n{one}"), "line 2: `accounts` is for"),
        ("servicers", format!("servicers = [\"canary\"]\n{one}"), "line 1: `servicers` is for"),
        ("callback", format!("{one}[callback]\nurl = \"http://canary/\"\n"), "line 4: `callback` is for"),
        ("without", "[[corps]]\nsecret = \"canary\"\n".to_owned(), "line 1: missing field `id`"),
        ("misspelt", format!("{one}secrte = \"canary\"\n"), "line 4: unknown field `secrte`"),
        ("no-table", "corps = \"ww1:canary\"\n".to_owned(), "line 1: invalid type: string, expected a sequence"),
        ("no-list", format!("{one}accounts = \"canary\"\n"), "line 4: invalid type: string, expected a sequence"),
        (
            "half",
            format!("{one}callback = {{ url = \"http://127.0.0.1/\", token = \"canary\" }}\n"),
            "corp ww1: the callback",
        ),
        (
            "key",
            format!(
                "port = 0\n{one}[[corps]]\nid = \"ww2\"\nsecret = \"canary\"\n[corps.callback]\nurl = \"http://10.0.0.1/\"\n"
            ),
            "cannot send callbacks of the corp ww2: the callback's URL must lead to this machine",
        ),
    ];
    for (name, text, expected) in cases {
        let complaint = complaint(&["--config", &file(&format!("corps-{name}.toml"), &text)], 1).await;
        assert!(complaint.contains(expected), "{name}: {complaint}");
        assert!(!complaint.contains("canary"), "{name}: {complaint}");
    }
    let path = file("corps-flags.toml", one);
    for flags in [
        ["--account", "甲"].as_slice(),
        &["--servicer", "zhangsan"],
        &["--callback", "http://127.0.0.1/"],
        &["--corp-id", "ww2", "--secret", "canary"],
        &["--callback-token", "canary", "--callback-aes-key", "canary"],
    ] {
        let complaint = complaint(&[&["--config", &path], flags].concat(), 1).await;
        let expected = format!("{} is for a simulator of one corp", flags[0]);
        assert!(complaint.contains(&expected) && !complaint.contains("canary"), "{complaint}");
    }
}

#[tokio::test]
async fn run_starts_a_command_with_the_variables_and_ends_with_its_code() {
    let run = |check: &[&str], script: &str| {
        let args: Vec<_> = ["--port", "0", "run"]
            .iter()
            .chain(check)
            .chain(&["--", "sh", "-c", script])
            .map(|arg| (*arg).to_owned())
            .collect();
        async move { program(&args.iter().map(String::as_str).collect::<Vec<_>>()).output().await.unwrap() }
    };
    let output = run(&[], "echo $WECOM_KF_BASE_URL $WECOM_KF_OPEN_KFID; exit 7").await;
    assert_eq!(output.status.code(), Some(7));
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert!(
        stdout.starts_with("http://127.0.0.1:") && stdout.contains(" wk") && stdout.lines().count() == 1,
        "{stdout}"
    );
    let stderr = String::from_utf8(output.stderr).unwrap();
    let where_it_is = format!("console  {}/", stdout.split_whitespace().next().unwrap());
    assert!(stderr.lines().next().unwrap().ends_with(&where_it_is), "{stderr}");
    assert!(stderr.contains("nothing found in 0 calls"));

    let twice = r#"for _ in 1 2; do curl -s "$WECOM_KF_BASE_URL/cgi-bin/gettoken?corpid=$WECOM_CORP_ID&corpsecret=$WECOM_KF_SECRET" >/dev/null; done"#;
    let output = run(&["--check"], twice).await;
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stderr).unwrap().contains("token_refetched"));
    assert_eq!(run(&[], twice).await.status.code(), Some(0));

    let missing = program(&["--port", "0", "run", "--", "/no/such/program"]).output().await.unwrap();
    assert_eq!(missing.status.code(), Some(1));
    assert!(String::from_utf8(missing.stderr).unwrap().contains("cannot start /no/such/program"));
}

#[cfg(unix)]
#[tokio::test]
async fn a_command_does_not_outlive_the_simulator() {
    let script = "echo $$; exec sleep 3600";
    let mut child = program(&["--port", "0", "run", "--", "sh", "-c", script]).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let command = lines.next_line().await.unwrap().unwrap();
    let kill = |args: &[&str]| Command::new("kill").args(args).stderr(Stdio::null()).status();
    assert!(kill(&["-0", &command]).await.unwrap().success(), "it runs");
    assert!(kill(&["-TERM", &child.id().unwrap().to_string()]).await.unwrap().success());
    assert_eq!(child.wait().await.unwrap().code(), Some(1));
    // The command has the same standard output, which ends when nobody has it open.
    assert_eq!(lines.next_line().await.unwrap(), None, "it runs on");
}

/// What `point` prints. It waits 2 s for the simulator, which on a busy machine may not be enough.
async fn pointed(args: &[&str]) -> String {
    let answered = async {
        loop {
            let output = program(args).output().await.unwrap();
            if output.status.success() {
                return String::from_utf8(output.stdout).unwrap();
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(60), answered).await.expect("it does not find the simulator")
}

#[tokio::test]
async fn point_prints_lines_that_work() {
    let (_child, _lines, vars) = start(&["--port", "0"]).await;
    let port = var(&vars, "WECOM_KF_BASE_URL").rsplit(':').next().unwrap();
    let script = pointed(&["point", "curl", "--port", port]).await;
    let output = Command::new("sh").args(["-c", &script]).output().await.unwrap();
    let reply: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&reply["errcode"], &reply["msg_list"]), (&json!(0), &json!([])));
    for client in ["run", "rust", "wechatpy", "wxjava", "skit"] {
        let lines = pointed(&["point", client, "--port", port]).await;
        assert!(lines.contains(var(&vars, "WECOM_KF_BASE_URL")), "{client}");
    }
    // The file that the simulator was started with will do.
    let path = file("point.toml", &format!("port = {port}\n"));
    let lines = pointed(&["--config", &path, "point", "run"]).await;
    assert!(lines.contains(var(&vars, "WECOM_KF_BASE_URL")));
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
    let complaint = complaint(&["point", "curl", "--port", &free], 1).await;
    assert!(complaint.contains(&format!("no simulator answers on port {free}")), "{complaint}");
}

#[tokio::test]
async fn a_fresh_program_answers() {
    let (_child, _lines, vars) = start(&["--port", "0"]).await;
    reqwest::get(format!("{}/cgi-bin/gettoken", var(&vars, "WECOM_KF_BASE_URL"))).await.unwrap();
}

/// Calls `gettoken` twice, which is a finding, and starts over in between, so that the simulator forgets the first call.
const TWO_TOKENS: &str = r#"
    gettoken() { curl -s "$WECOM_KF_BASE_URL/cgi-bin/gettoken?corpid=$WECOM_CORP_ID&corpsecret=$WECOM_KF_SECRET"; }
    gettoken
    curl -s --json "{}" "$WECOM_KF_BASE_URL/sim/v1/reset" > reset.json
    gettoken
    gettoken
    echo "$WECOM_KF_SECRET" > secret
"#;

#[tokio::test]
async fn run_writes_reports_and_a_journal_that_forgets_nothing() {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("program-files");
    std::fs::create_dir_all(&folder).unwrap();
    let run = async |flags: &[&str]| {
        let mut command = program(&[&["--port", "0", "run", "--check"], flags, &["sh", "-c", TWO_TOKENS]].concat());
        command.current_dir(&folder).env("WECOM_KF_LANG", "en").output().await.unwrap()
    };
    let flags = ["--report", "junit", "r.xml", "--report", "json", "r.json", "--journal", "j.jsonl"];
    assert_eq!(run(&flags).await.status.code(), Some(1));
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    let report: Value = serde_json::from_str(&read("r.json")).unwrap();
    assert_eq!((&report["clean"], &report["findings"][0]["name"]), (&json!(false), &json!("token_refetched")));
    assert!(read("r.xml").contains("failures=\"1\"") && read("r.xml").contains("name=\"token_refetched\""));
    let rows: Vec<Value> = read("j.jsonl").lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(rows.iter().map(|row| row["n"].as_u64().unwrap()).collect::<Vec<_>>(), [1, 1, 2]);
    assert_eq!(rows[2]["findings"], json!(["token_refetched"]));
    assert!(!read("j.jsonl").contains(read("secret").trim()));

    let flags = ["--allow", "token_refetched", "--report", "json", "r.json", "--journal", "j.har"];
    assert_eq!(run(&flags).await.status.code(), Some(0));
    assert_eq!(serde_json::from_str::<Value>(&read("r.json")).unwrap()["clean"], true);
    let har: Value = serde_json::from_str(&read("j.har")).unwrap();
    let entries = har["log"]["entries"].as_array().unwrap();
    assert_eq!(entries.len(), 3);
    assert!(entries[0]["request"]["url"].as_str().unwrap().ends_with("/cgi-bin/gettoken"));
    assert!(!read("j.har").contains(read("secret").trim()));

    let allows = file("allow.toml", "port = 0\nallow = [\"token_refetched\"]\n");
    let mut command = program(&["--config", &allows, "run", "--check", "--", "sh", "-c", TWO_TOKENS]);
    assert_eq!(command.current_dir(&folder).output().await.unwrap().status.code(), Some(0));
}

#[tokio::test]
async fn a_misspelt_flag_of_run_is_no_command() {
    let misspelt = complaint(&["run", "--jurnal", "x"], 2).await;
    assert!(misspelt.contains("a similar argument exists: '--journal'"), "{misspelt}");
    let output = program(&["--port", "0", "run", "echo", "--jurnal", "-x"]).output().await.unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "--jurnal -x\n");
    for (flags, expected) in [
        (["--journal", "x.txt"], "the name ends in `.jsonl`"),
        (["--allow", "sixth"], "there is none of this name: they are has_more_ignored"),
        (["--wait-for-callback", "10"], "write a number and a unit"),
    ] {
        let complaint = complaint(&["run", flags[0], flags[1], "true"], 2).await;
        assert!(complaint.contains(expected), "{complaint}");
    }
    let kind = complaint(&["--port", "0", "run", "--report", "xml", "r.xml", "true"], 1).await;
    assert!(kind.contains("`junit` or `json`"), "{kind}");
    let none = complaint(&["--port", "0", "run", "--wait-for-callback", "1s", "true"], 1).await;
    assert!(none.contains("add --callback"), "{none}");
}

#[tokio::test]
async fn run_ends_if_the_callback_is_not_verified_in_time() {
    // Nobody will listen.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = format!("http://{free}/callback");
    let flags = ["--port", "0", "--callback", &url, "run", "--wait-for-callback", "200ms", "sleep", "600"];
    let complaint = complaint(&flags, 1).await;
    assert!(complaint.contains("the verification of the callback's URL failed: no connection"), "{complaint}");
    assert_eq!(complaint.matches("verify_url").count(), 1, "{complaint}");
}

#[tokio::test]
async fn the_terminal_is_chinese_if_the_reader_is() {
    let run = async |args: &[&str]| {
        let output = program(args).env("WECOM_KF_LANG", "zh").output().await.unwrap();
        (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    assert!(run(&["--help"]).await.0.contains("用法：wecom-kf-sim [OPTIONS] [COMMAND]"));
    let twice = r#"for _ in 1 2; do curl -s "$WECOM_KF_BASE_URL/cgi-bin/gettoken?corpid=$WECOM_CORP_ID&corpsecret=$WECOM_KF_SECRET"; done"#;
    let (_, shown) = run(&["--port", "0", "run", "sh", "-c", twice]).await;
    assert!(shown.contains("控制台  http://127.0.0.1:") && shown.contains("→ gettoken             成功"), "{shown}");
    assert!(shown.contains("发现 1 个问题") && !shown.contains('\u{1b}'), "{shown}");
    assert!(run(&["run", "--jurnal", "x"]).await.1.contains("没有参数 --jurnal；是否想用 --journal？"));
}

#[cfg(unix)]
#[tokio::test]
async fn a_state_is_kept_from_one_start_to_the_next() {
    use std::os::unix::fs::PermissionsExt;

    let path = file("state.json", "");
    std::fs::remove_file(&path).unwrap();
    let run = async |script: &str| {
        let run = program(&["--port", "0", "--state", &path, "run", "--", "sh", "-ec", script]).output().await.unwrap();
        (run.status.code(), String::from_utf8(run.stdout).unwrap(), String::from_utf8(run.stderr).unwrap())
    };
    // The state is saved although the command fails.
    let (code, ..) =
        run(r#"curl -s --fail --json '{"name":"小王"}' "$WECOM_KF_BASE_URL/sim/v1/customers"; exit 3"#).await;
    assert_eq!(code, Some(3));
    let saved = std::fs::metadata(&path).unwrap();
    assert_eq!(saved.permissions().mode() & 0o777, 0o600, "there are secrets in it");
    let (code, customers, _) = run(r#"curl -s --fail "$WECOM_KF_BASE_URL/sim/v1/customers""#).await;
    assert_eq!((code, customers.matches("小王").count()), (Some(0), 1));
    let folder = std::path::Path::new(&path).parent().unwrap();
    let left = std::fs::read_dir(folder).unwrap().filter(|entry| {
        entry.as_ref().unwrap().file_name().to_str().is_some_and(|name| name.starts_with("state.json."))
    });
    assert_eq!(left.count(), 0);

    std::fs::write(&path, "{\"format\": 2, \"version\": \"9.9.9\"}").unwrap();
    let (code, _, complaint) = run("true").await;
    assert_eq!((code, complaint.contains("use wecom-kf-sim 9.9.9 or later")), (Some(1), true), "{complaint}");
    assert!(std::fs::read_to_string(&path).unwrap().contains("9.9.9"), "what cannot be read is not overwritten");
}
