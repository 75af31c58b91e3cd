//! Scenarios, played by the program.

use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;
use wecom_kf_sim::{Simulator, op};

use crate::bot::Bot;
use crate::receiver::{self, Receiver};

fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

async fn play(folder: &Path, text: &str, before: &[&str], after: &[&str]) -> Output {
    std::fs::write(folder.join("s.yaml"), text).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_wecom-kf-sim"));
    command.args(before).args(["play", "s.yaml"]).args(after).current_dir(folder).kill_on_drop(true);
    command.env("WECOM_KF_LANG", "en").env("NO_COLOR", "1").output().await.unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[tokio::test]
async fn flaws_of_a_file_have_line_and_remedy() {
    let folder = folder("play-flaws");
    let flaws = [
        ("steps:\n  - customer: 小王\n    say: x\n", "s.yaml:3:5: there is no `say` here: did you mean `says`?"),
        ("steps:\n  - customer: 小王\n    says: x\n    taps: a\n", "s.yaml:2:5: `taps` and `says` are two steps"),
        ("steps:\n  - bot_answers: x\n", "s.yaml:2:5: which customer? No step before names one: add `to: NAME`"),
        (
            "steps:\n  - customer: a\n    says: x\n  - bot_answers: 1.10\n",
            "s.yaml:4:18: YAML does not read this as a text",
        ),
        ("steps:\n  - customer: a\n    sends: picture\n", "s.yaml:2:5: `picture` needs its body"),
        ("steps:\n  - customer: a\n    sends: { image: none.png }\n", "s.yaml:2:5: there is no file none.png"),
        ("steps:\n  - customer: a\n", "s.yaml:2:5: this step has no verb"),
        ("steps:\n  - says: x\n", "s.yaml:2:5: who does `says`? Add `customer: NAME`"),
        ("steps:\n  - customer: a\n    takes: b\n", "s.yaml:2:5: customers do not do `takes`"),
        ("steps:\n  - servicer: a\n    enters:\n", "s.yaml:2:5: servicers do not do `enters`"),
        ("steps:\n  - servicer: a\n    transfers: b\n", "s.yaml:2:5: to whom?"),
        ("steps:\n  - customer: a\n    says: x\n    to: b\n", "s.yaml:2:5: `says` does not take `to` here"),
        ("steps:\n  - advance: 49h\n    within: 2s\n", "s.yaml:2:5: `advance` does not wait"),
        ("steps:\n  - advance: 49 hours\n", "s.yaml:2:5: `49 hours` is no duration"),
        (
            "steps:\n  - calls: { send_message: 1 }\n",
            "s.yaml:2:5: there is no operation `send_message`: did you mean `send_msg`?",
        ),
        ("steps:\n  - calls: { send_msg: -1 }\n", "s.yaml:2:24: a number of calls is 0 or more"),
        ("steps:\n  - session_is: open\n", "s.yaml:2:5: `session_is: open` is not known: it is one of untreated"),
        (
            "steps:\n  - bot_answers: { matches: \"(\" }\n    to: a\n",
            "s.yaml:2:5: `matches` is no regular expression: unclosed group",
        ),
        ("allow: [nothing]\nsteps:\n  - advance: 1s\n", "s.yaml:1:9: there is no finding `nothing`"),
        ("clock: sun\nsteps:\n  - advance: 1s\n", "s.yaml:1:8: `clock` is `real` or `manual`"),
        ("steps: []\n", "s.yaml:1:1: `steps` is empty"),
        ("steps:\n  - customer: a\n   says: x\n", "s.yaml:3:4: "),
        ("steps: [", "s.yaml:1:8: "),
        ("name: x\n", "s.yaml:1:1: missing field `steps`"),
        ("", "s.yaml: the file has no scenario"),
    ];
    for (text, expected) in flaws {
        let output = play(&folder, text, &["--port", "0"], &["--", "true"]).await;
        let complaint = String::from_utf8(output.stderr).unwrap();
        assert!(complaint.starts_with(&format!("wecom-kf-sim: {expected}")), "{text}\n{complaint}");
        assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0), "{text}");
    }
}

/// What people do, and what can be said of it without a bot.
const EVERYTHING: &str = r#"
accounts: [售前, 售后]
servicers: [zhangsan, lisi]
customers:
  小李: { account: 售后, gender: 2, unionid: u1, avatar: "" }
corp: { upgrade: { userids: [zhangsan] }, wechat_channels_bound: true }
departments: [{ department_id: 7, userids: [wangwu] }]
clock: manual
steps:
  - customer: 小王
    enters:
  - customer: 小王
    enters: { scene: poster, scene_param: x }
  - customer: 小王
    enters: { channels: { scene: 1, nickname: 某店 } }
  - customer: 小王
    says: 你好
  - customer: 小王
    recalls: 你好
  - customer: 小王
    sends: image
  - customer: 小王
    recalls:
  - customer: 小王
    sends: { image: a.png }
  - customer: 小王
    sends: { location: { latitude: 39.9, longitude: 116.4, name: 店, address: 街 } }
  - customer: 小王
    taps: { id: "7", content: 转人工 }
  - customer: 小李
    says: "1.10"
  - session_is: untreated
  - servicer: zhangsan
    takes: 小王
  - session_is: servicer
    of: 小王
  - session_is_with: zhangsan
  - servicer: zhangsan
    says: 请看
    to: 小王
  - servicer: zhangsan
    sends: { business_card: { userid: lisi } }
  - servicer: zhangsan
    recalls: 请看
  - servicer: zhangsan
    rejects: 小王
  - servicer: zhangsan
    stops_rejecting: 小王
  - servicer: zhangsan
    transfers: 小王
    to: lisi
  - session_is_with: lisi
  - servicer: lisi
    ends: 小王
  - session_is: ended
  - servicer: lisi
    asks_to_rate: 小王
  - customer: 小王
    rates: satisfied
  - servicer: lisi
    suspends:
  - servicer: lisi
    resumes:
  - servicer: lisi
    stops:
  - bot_stays_silent: 10ms
  - bot_offers:
  - calls: { send_msg: 0, sync_msg: { count: 0, errcode: 0 } }
  - fault: [{ operation: callback, effect: lost }, { operation: "*", effect: delay, delay: 1s }]
  - clear_faults:
  - advance: 49h
  - session_is: ended
    of: 小李
---
name: second
steps:
  - servicer: lisi
    ends: 小王
"#;

#[tokio::test]
async fn people_do_everything_that_the_page_lists() {
    let folder = folder("play-people");
    std::fs::write(folder.join("a.png"), [7; 100]).unwrap();
    let bot = &["--", "sh", "-c", "while :; do sleep 1; done"];
    let output = play(&folder, EVERYTHING, &["--seed", "7"], bot).await;
    let transcript = stdout(&output);
    assert!(transcript.starts_with("s.yaml:2  s 1\n"), "{transcript}");
    assert!(transcript.contains("  53  lisi ends the session of 小王\n"), "{transcript}");
    assert!(transcript.contains("  10  小王 enters the chat\n"), "{transcript}");
    assert!(transcript.contains("  72  the session of 小李: ended or never begun\n  ✓ "), "{transcript}");
    let refused = "✗ s.yaml:77: lisi does not have the session with 小王: let them take it first";
    assert!(transcript.contains(refused), "{transcript}");
    assert!(transcript.ends_with("1 of 2 scenarios failed\n"), "{transcript}");
    assert_eq!(output.status.code(), Some(1));
}

#[tokio::test]
async fn a_bot_that_runs_meets_new_customers_in_each_scenario() {
    let sim = Simulator::builder().start().await.unwrap();
    sim.disable_assumption("tokenless_reads_are_limited").unwrap();
    let bot = Bot::of(&sim).await;
    let open_kfid = sim.open_kfid();
    // Counts what each customer wrote.
    let serving = tokio::spawn(async move {
        let (mut cursor, mut counts) = (String::new(), std::collections::HashMap::<String, u32>::new());
        loop {
            let page = bot.ok(op::SYNC_MSG, json!({ "open_kfid": open_kfid, "cursor": cursor })).await;
            cursor = page["next_cursor"].as_str().unwrap().to_owned();
            for message in page["msg_list"].as_array().unwrap() {
                let Some(text) = message["text"]["content"].as_str() else { continue };
                let count = counts.entry(message["external_userid"].to_string()).or_default();
                *count += 1;
                let answer = json!({ "touser": message["external_userid"], "open_kfid": open_kfid, "msgtype": "text",
                    "text": { "content": format!("{text} {count}") } });
                bot.ok(op::SEND_MSG, answer).await;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    let text = "steps: &steps\n  - customer: 小王\n    says: a\n  - bot_answers: a 1\n  - customer: 小王\n    says: b\n  \
                - bot_answers: b 2\n  - calls: { send_msg: 2 }\n";
    // What the simulator was started with stays; what a scenario changes ends with it.
    let head = "disabled_assumptions: [tokenless_reads_are_limited, last_account_stays]\nclock: manual\n";
    let fault = "  - fault: { operation: account_list, effect: html }\n";
    let text = format!("name: one\n{head}{text}{fault}---\nname: two\n{text}");
    let port = sim.base_url().rsplit(':').next().unwrap().to_owned();
    let output = play(&folder("play-shared"), &text, &["--port", &port], &[]).await;
    let transcript = stdout(&output);
    assert!(transcript.starts_with("plays in wecom-kf-sim "), "{transcript}");
    assert!(transcript.ends_with("2 scenarios passed\n"), "{transcript}");
    let state: Value =
        reqwest::get(format!("{}/sim/v1/customers", sim.base_url())).await.unwrap().json().await.unwrap();
    let names: Vec<_> = state["customers"].as_array().unwrap().iter().map(|customer| &customer["name"]).collect();
    assert_eq!(names, ["小王", "小王"]);
    let get = async |what: &str| -> Value {
        reqwest::get(format!("{}/sim/v1/{what}", sim.base_url())).await.unwrap().json().await.unwrap()
    };
    assert_eq!((&get("clock").await["manual"], &get("faults").await["faults"]), (&json!(false), &json!([])));
    let assumptions = get("assumptions").await;
    let disabled = assumptions["assumptions"].as_array().unwrap().iter().filter(|rule| rule["holds"] == false);
    assert_eq!(disabled.map(|rule| &rule["id"]).collect::<Vec<_>>(), ["tokenless_reads_are_limited"]);
    serving.abort();
}

#[tokio::test]
async fn a_bot_ends_with_its_scenario_and_what_it_started_too() {
    let folder = folder("play-ends");
    let text = "steps:\n  - customer: a\n    says: x\n  - bot_stays_silent: 500ms\n";
    let started = "sleep 600 & echo $! > pid; wait";
    let output = play(&folder, text, &["--port", "0"], &["--", "sh", "-c", started]).await;
    assert_eq!(output.status.code(), Some(0), "{}", stdout(&output));
    let pid = std::fs::read_to_string(folder.join("pid")).unwrap();
    assert!(!Command::new("kill").args(["-0", pid.trim()]).status().await.unwrap().success(), "{pid} runs on");
}

#[tokio::test]
async fn a_bot_that_ends_or_stays_silent_fails_the_scenario() {
    let folder = folder("play-fails");
    let text = "steps:\n  - customer: a\n    says: x\n  - bot_answers: y\n";
    let output = play(&folder, text, &["--port", "0"], &["--", "sh", "-c", "exit 3"]).await;
    assert!(stdout(&output).contains("s.yaml:1: sh ended before the scenario was over: exit code 3"));
    let text = format!("within: 100ms\n{text}");
    let output = play(&folder, &text, &["--port", "0"], &["--", "sh", "-c", "while :; do sleep 1; done"]).await;
    let transcript = stdout(&output);
    assert!(transcript.contains("✗ s.yaml:5: the bot did not answer within 0.1 s"), "{transcript}");
    assert!(transcript.contains("the bot made no call, and got no callback"), "{transcript}");
    assert_eq!(output.status.code(), Some(1));
}

#[tokio::test]
async fn the_first_step_waits_until_the_url_of_the_callback_is_verified() {
    let folder = folder("play-callback");
    let text = "steps:\n  - customer: a\n    says: x\n  - calls: { sync_msg: 0 }\n";
    // Nobody will listen.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = format!("http://{free}/callback");
    let bot = ["--wait-for-callback", "200ms", "--", "sh", "-c", "while :; do sleep 1; done"];
    let output = play(&folder, text, &["--port", "0", "--callback", &url], &bot).await;
    let problem = "✗ s.yaml:1: the verification of the callback's URL failed: ";
    assert!(stdout(&output).contains(problem), "{}", stdout(&output));

    let sim = Simulator::builder().start().await.unwrap();
    let receiver = Receiver::start(&sim.corp_id()).await;
    sim.set_callback(&receiver.url(), receiver::TOKEN, receiver::KEY).unwrap();
    let port = sim.base_url().rsplit(':').next().unwrap().to_owned();
    let output = play(&folder, text, &["--port", &port], &["--wait-for-callback", "60s"]).await;
    assert!(output.status.success(), "{}", stdout(&output));
    let events: Vec<_> = sim.callbacks().iter().map(|callback| callback.event).collect();
    assert_eq!(events[0], "verify_url");
}

#[tokio::test]
async fn the_schema_takes_what_the_program_takes() {
    let output = Command::new(env!("CARGO_BIN_EXE_wecom-kf-sim")).arg("schema").output().await.unwrap();
    let schema: Value = serde_json::from_slice(&output.stdout).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let page = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/scenarios.md")).unwrap();
    let example = page.split("```yaml hours.yaml\n").nth(1).unwrap().split("```").next().unwrap();
    let scenario = |text: &str| -> Value { yaml_serde::from_str(text).unwrap() };
    for text in EVERYTHING.split("\n---\n").chain([example]) {
        let errors: Vec<_> = validator.iter_errors(&scenario(text)).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{errors:#?}");
    }
    for bad in [
        "{ customer: a, says: x, taps: y }",
        "{ customer: a, takes: b }",
        "{ servicer: a, transfers: b }",
        "{ advance: 49 hours }",
        "{ calls: { send_message: 1 } }",
        "{ session_is: open }",
        "{ bot_answers: x, within: 2s, of: a }",
        "{ customer: a }",
    ] {
        assert!(!validator.is_valid(&scenario(&format!("steps: [{bad}]"))), "{bad}");
    }
    // An unknown member is answered with all that are known.
    let refused = play(&folder("play-schema"), "steps:\n  - zzzzzzzz: 1\n", &["--port", "0"], &["--", "true"]).await;
    let refused = String::from_utf8(refused.stderr).unwrap();
    let known: std::collections::BTreeSet<_> = refused.split("it takes ").nth(1).unwrap().trim().split(", ").collect();
    let variants = schema["properties"]["steps"]["items"]["oneOf"].as_array().unwrap();
    let described = variants.iter().flat_map(|step| step["properties"].as_object().unwrap().keys());
    assert_eq!(described.map(String::as_str).collect::<std::collections::BTreeSet<_>>(), known);
}

#[cfg(unix)]
#[tokio::test]
async fn ctrl_c_ends_the_scenario_and_the_bot() {
    let folder = folder("play-interrupted");
    let _ = std::fs::remove_file(folder.join("pid"));
    std::fs::write(
        folder.join("s.yaml"),
        "steps:\n  - customer: a\n    says: x\n  - bot_answers: y\n---\nsteps:\n  - advance: 1s\n",
    )
    .unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_wecom-kf-sim"));
    command.args([
        "--port",
        "0",
        "play",
        "s.yaml",
        "--junit",
        "s.xml",
        "--",
        "sh",
        "-c",
        "echo $$ > pid; exec sleep 600",
    ]);
    command
        .current_dir(&folder)
        .env("WECOM_KF_LANG", "en")
        .env("NO_COLOR", "1")
        .stdout(Stdio::piped())
        .kill_on_drop(true);
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    while !lines.next_line().await.unwrap().unwrap().ends_with("a: x") {}
    let pid = async {
        loop {
            match std::fs::read_to_string(folder.join("pid")) {
                Ok(pid) if pid.ends_with('\n') => return pid,
                _ => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    };
    let pid = tokio::time::timeout(Duration::from_secs(60), pid).await.expect("the bot starts");
    let kill = |args: &[&str]| Command::new("kill").args(args).stderr(Stdio::null()).status();
    assert!(kill(&["-INT", &child.id().unwrap().to_string()]).await.unwrap().success());
    assert_eq!(lines.next_line().await.unwrap().unwrap(), "  ✗ s.yaml:1: interrupted");
    assert_eq!(child.wait().await.unwrap().code(), Some(1));
    assert!(!kill(&["-0", pid.trim()]).await.unwrap().success(), "{pid} runs on");
    assert!(
        std::fs::read_to_string(folder.join("s.xml")).unwrap().contains("tests=\"1\""),
        "the second was not played"
    );
}

#[tokio::test]
async fn flaws_and_transcripts_are_chinese_if_the_reader_is() {
    let folder = folder("play-zh");
    std::fs::write(folder.join("s.yaml"), "steps:\n  - customer: 小王\n    say: x\n").unwrap();
    let play = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_wecom-kf-sim"));
        command.args(["--port", "0", "play", "s.yaml", "--", "sleep", "600"]).current_dir(&folder).kill_on_drop(true);
        command.env("WECOM_KF_LANG", "zh");
        command
    };
    let flaw = String::from_utf8(play().output().await.unwrap().stderr).unwrap();
    assert!(flaw.contains("s.yaml:3:5: 这里没有 `say`，是否想用 `says`？"), "{flaw}");
    std::fs::write(folder.join("s.yaml"), "steps:\n  - customer: 小王\n    enters:\n  - advance: 49h\n").unwrap();
    let transcript = stdout(&play().output().await.unwrap());
    assert!(transcript.contains("小王 进入会话") && transcript.contains("时钟前进 49h"), "{transcript}");
    assert!(transcript.ends_with("1 个剧本全部通过\n"), "{transcript}");
}
