//! `wecom-kf callback`: requests go from `sign` to `decrypt` and `serve`, and from the simulator to `serve`.

use serde_json::Value;
use snapbox::str;
use wecom_kf::callback::Callback;

use crate::stage::{Outcome, Run, Stage};

const TOKEN: &str = "FixtureCallbackTok01";
const KEY: &str = "BwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyAhIiMkJSY";
/// The token of an event, with which everybody could read messages.
const EVENT_TOKEN: &str = "ENC-EVENT-TOKEN-0123456789";

fn run<'a>(stage: &'a Stage, args: &[&str]) -> Run<'a> {
    let run = stage.run(args).without_var("WECOM_KF_SECRET");
    run.var("WECOM_KF_CALLBACK_TOKEN", TOKEN).var("WECOM_KF_CALLBACK_AES_KEY", KEY)
}

/// Runs the program, which must not show the settings of the callback.
async fn piped(run: Run<'_>) -> Outcome {
    let outcome = run.piped().await;
    let shown = format!("{}{}", outcome.stdout, outcome.stderr);
    assert!(!shown.contains(TOKEN) && !shown.contains(KEY), "{shown}");
    outcome
}

/// Returns the URL and the body of a signed request.
async fn signed(stage: &Stage, args: &[&str]) -> (String, String) {
    let args = [&["callback", "sign", "https://bot.example/callback", "--json"], args].concat();
    let outcome = piped(run(stage, &args)).await;
    assert_eq!((outcome.code, outcome.stderr.as_str()), (0, ""), "{outcome:?}");
    let request: Value = serde_json::from_str(&outcome.stdout).unwrap();
    let text = |name: &str| request[name].as_str().unwrap_or_default().to_owned();
    (text("url"), text("body"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signed_event_is_decrypted_and_its_token_hidden() {
    let stage = Stage::start().await;
    let (url, body) = signed(&stage, &["--token", EVENT_TOKEN]).await;
    let file = stage.home.path().join("body.xml");
    std::fs::write(&file, &body).unwrap();
    let file = file.to_str().unwrap();
    let decrypt = |args: &[&str]| run(&stage, &[&["callback", "decrypt", &url], args].concat());

    let outcome = piped(decrypt(&["--body", file])).await;
    assert!(!outcome.stdout.contains(EVENT_TOKEN) && outcome.code == 0, "{outcome:?}");
    let event: Value = serde_json::from_str(&outcome.stdout).unwrap();
    assert_eq!(event["kind"], "kf_msg_or_event");
    assert_eq!(event["open_kfid"], stage.simulator.open_kfid());
    assert_eq!(event["to_user_name"], stage.simulator.corp_id());
    assert_eq!(event["token"], "***");
    // The body comes from standard input otherwise.
    assert_eq!(piped(decrypt(&[]).input(&body)).await.stdout, outcome.stdout);

    piped(decrypt(&["--reveal"]).input(&body)).await.is(2, "", str![[r#"
error: not confirmed: Shows the token of the event, with which messages can be read for ten minutes  do: Run it on a terminal, which asks, or add --yes. With --dry-run it only says what it would do.

"#]]);
    let revealed = piped(decrypt(&["--reveal", "--yes"]).input(&body).in_chinese()).await;
    assert!(revealed.stdout.contains(EVENT_TOKEN) && revealed.code == 0, "{revealed:?}");
    snapbox::assert_data_eq!(
        revealed.stderr,
        str![[r#"
显示事件中的 token，十分钟内可用它读取消息

"#]]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_verification_is_signed_and_decrypted() {
    let stage = Stage::start().await;
    let outcome = piped(run(&stage, &["callback", "sign", "http://127.0.0.1:1/'x'", "--verify"])).await;
    let (curl, note) = (outcome.stdout.trim(), outcome.stderr.trim());
    assert!(curl.starts_with("curl 'http://127.0.0.1:1/") && curl.ends_with('\''), "{curl}");
    let echo = note.strip_prefix("the receiver must answer ").unwrap().strip_suffix(", and nothing else").unwrap();
    let decrypted = piped(run(&stage, &["callback", "decrypt", curl])).await;
    assert_eq!(decrypted.stdout, format!("{{\"echo\":\"{echo}\",\"kind\":\"url_verification\"}}\n"));

    let event = piped(run(&stage, &["callback", "sign", "http://127.0.0.1:1/"])).await;
    assert!(event.stdout.starts_with("curl -H 'Content-Type: text/xml' --data-binary '<xml>"), "{event:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn texts_of_other_events_need_a_flag() {
    let stage = Stage::start().await;
    let xml = format!("<xml><MsgType>text</MsgType><Content>CANARY-TEXT</Content><Token>{EVENT_TOKEN}</Token></xml>");
    let file = stage.home.path().join("event.xml");
    std::fs::write(&file, xml).unwrap();
    let (url, body) = signed(&stage, &["--xml", file.to_str().unwrap()]).await;
    let decrypt = |args: &[&str]| run(&stage, &[&["callback", "decrypt", &url], args].concat()).input(&body);
    piped(decrypt(&[])).await.is(
        0,
        str![[r#"
{"event":null,"kind":"unknown","msg_type":"text"}

"#]],
        "",
    );
    piped(decrypt(&["--show-text"])).await.is(0, str![[r#"
{"event":null,"kind":"unknown","msg_type":"text","xml":"<xml><MsgType>text</MsgType><Content>CANARY-TEXT</Content><Token>***</Token></xml>"}

"#]], "");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_decrypted_is_explained() {
    let stage = Stage::start().await;
    let (url, body) = signed(&stage, &["--token", EVENT_TOKEN]).await;
    let decrypt = |url: &str| run(&stage, &["callback", "decrypt", url]).input(&body);
    piped(decrypt(&url).var("WECOM_KF_CALLBACK_TOKEN", "AnotherToken")).await.is(1, "", str![[r#"
error: callback refused: signature differs  do: compare Token with the one in the admin console; if they are the same, the request is not from WeCom

"#]]);
    let key = "AAAJCgsMDQ4PEBESExQVFhcYGRobHB0eHyAhIiMkJSY";
    // Once in 256 times the padding looks right by chance, and then the length is wrong.
    let wrong_key = piped(decrypt(&url).var("WECOM_KF_CALLBACK_AES_KEY", key)).await;
    assert!(wrong_key.stderr.contains("the Token is right, the key is not") && wrong_key.code == 1, "{wrong_key:?}");
    piped(decrypt(&url).var("WECOM_CORP_ID", "ww0another0corp0002").in_chinese()).await.is(
        1,
        "",
        str![[r#"
错误：回调被拒：receiveid 不符。处理：设置 receiver id：自建应用为企业 ID，第三方应用服务商事件为 suite id

"#]],
    );
    piped(decrypt("https://bot.example/callback")).await.is(1, "", str![[r#"
error: callback refused: msg_signature is missing from the query  do: pass the unchanged query of the URL, for GET to verify_url, for POST to decrypt or event; if you already do, the request is not from WeCom

"#]]);
    piped(decrypt(&url).without_var("WECOM_KF_CALLBACK_TOKEN")).await.is(4, "", str![[r#"
error: bad settings: (1) WECOM_KF_CALLBACK_TOKEN: not set (admin console: 应用管理 › the app › 接收消息 › 设置API接收 › Token); (2) WECOM_KF_LISTEN: not set (an address of this machine that the URL under 应用管理 › the app › 接收消息 › 设置API接收 leads to)  do: Correct the settings and start again.

"#]]);
    piped(run(&stage, &["callback", "decrypt", &url, "--body", "/nowhere"])).await.is(2, "", str![[r#"
error: the body cannot be read: No such file or directory (os error 2)  do: Check the path of --body, or pass the body on standard input.

"#]]);
    piped(run(&stage, &["callback", "sign", "bot.example"])).await.is(
        2,
        "",
        str![[r#"
error: the address of the receiver is no URL  do: Write it like http://127.0.0.1:8080/callback.

"#]],
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_prints_what_arrives() {
    let stage = Stage::start().await;
    let mut running = run(&stage, &["--json", "callback", "serve", "--listen", "127.0.0.1:0"]).started();
    let url = running.note().await.split([' ', ',']).find(|word| word.starts_with("http://")).unwrap().to_owned();
    stage.simulator.set_callback(&format!("{url}/callback"), TOKEN, KEY).unwrap();
    stage.simulator.verify_callback().await.unwrap();
    let row: Value = serde_json::from_str(&running.line().await).unwrap();
    assert_eq!(row["kind"], "url_verification", "{row}");
    stage.simulator.customer("小王").says("您好");
    let row: Value = serde_json::from_str(&running.line().await).unwrap();
    assert_eq!((&row["kind"], &row["token"]), (&"kf_msg_or_event".into(), &"***".into()), "{row}");
    assert_eq!(row["open_kfid"], stage.simulator.open_kfid());
    assert!(row["received_at"].is_i64(), "{row}");

    // A request that is not from WeCom: the receiver says why, and the sender learns nothing.
    let other = Callback::new("AnotherToken", KEY, stage.simulator.corp_id()).unwrap();
    let query = other.seal_url("1", "1718000001", "1", [7; 16]);
    let answer = wecom_kf::reqwest::get(format!("{url}/?{query}")).await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.text().await.unwrap()), (403, String::new()));
    let ended = running.interrupted().await;
    assert_eq!((ended.code, ended.stdout.as_str()), (0, ""), "{ended:?}");
    assert!(ended.stderr.contains("refused a GET: signature differs  do: compare Token"), "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_of_a_receiver_are_tab_separated_in_a_pipe() {
    let stage = Stage::start().await;
    let mut running = run(&stage, &["callback", "serve", "--listen", "127.0.0.1:0"]).in_chinese().started();
    let url = running.note().await.split(' ').find(|word| word.starts_with("http://")).unwrap().to_owned();
    stage.simulator.set_callback(&url, TOKEN, KEY).unwrap();
    stage.simulator.customer("小王").says("您好");
    let row = running.line().await;
    let cells: Vec<&str> = row.split('\t').skip(1).collect();
    assert_eq!(cells, ["kf_msg_or_event", &stage.simulator.open_kfid(), ""], "{row}");
    assert_eq!(running.interrupted().await.code, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_in_use_is_a_problem_with_a_remedy() {
    let stage = Stage::start().await;
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let outcome = piped(run(&stage, &["callback", "serve", "--listen", &address])).await;
    assert!(outcome.stderr.contains("Stop the program that listens there"), "{outcome:?}");
    assert_eq!(outcome.code, 1);
    let missing = piped(run(&stage, &["callback", "serve"]).in_chinese()).await;
    assert_eq!(missing.code, 4, "{missing:?}");
}
