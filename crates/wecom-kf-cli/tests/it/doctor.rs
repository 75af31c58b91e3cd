//! `wecom-kf doctor`: every problem with settings and rights is produced here, and the remedy that it names ends the problem.

use snapbox::str;
use wecom_kf::raw::op;

use crate::stage::{Outcome, Run, Stage};
use crate::terminal::{on_terminal, plain};

/// Runs `doctor` in a pipe. It must never ask for more than one token, whatever happens.
pub(super) async fn piped(run: Run<'_>) -> Outcome {
    let stage = run.stage();
    let before = stage.simulator.calls(op::GETTOKEN);
    let outcome = run.piped().await;
    assert!(stage.simulator.calls(op::GETTOKEN) - before <= 1, "more than one gettoken: {outcome:?}");
    without_address(stage, outcome)
}

/// Replaces the address of the simulator, which differs from run to run.
fn without_address(stage: &Stage, outcome: Outcome) -> Outcome {
    let url = stage.simulator.base_url();
    Outcome { stdout: outcome.stdout.replace(url.trim_start_matches("http://"), "[ADDRESS]"), ..outcome }
}

/// Returns the lines with this id.
fn lines<'a>(outcome: &'a Outcome, id: &str) -> Vec<&'a str> {
    outcome.stdout.lines().filter(|line| line.split('\t').nth(1) == Some(id)).collect()
}

/// Fails unless the check has this status, and returns its line.
#[track_caller]
pub(super) fn status<'a>(outcome: &'a Outcome, id: &str, status: &str) -> &'a str {
    match lines(outcome, id)[..] {
        [line] if line.starts_with(&format!("{status}\t")) => line,
        _ => panic!("{id} is not {status}: {outcome:#?}"),
    }
}

pub(super) const DOCTOR: &[&str] = &["doctor"];

#[tokio::test(flavor = "multi_thread")]
async fn a_deployment_that_works() {
    let stage = Stage::start().await;
    piped(stage.run(DOCTOR)).await.is(0, str![[r#"
ok	corp_id	WECOM_CORP_ID is set, its form is valid	
ok	secret	WECOM_KF_SECRET is set, its form is valid	
ok	base_url	WECOM_KF_BASE_URL is set, its form is valid	
ok	open_kfid	WECOM_KF_OPEN_KFID is set, its form is valid	
not_checked	callback_token	WECOM_KF_CALLBACK_TOKEN is not set	Get it: admin console: 应用管理 › the app › 接收消息 › 设置API接收 › Token.
not_checked	callback_aes_key	WECOM_KF_CALLBACK_AES_KEY is not set	Get it: admin console: 应用管理 › the app › 接收消息 › 设置API接收 › EncodingAESKey.
ok	proxy	WeCom: no proxy, HTTP_PROXY is not set	
ok	connection	WeCom: connected to [ADDRESS]	
ok	tls	WeCom: the server answers; it is on this machine and needs no TLS	
ok	clock	the clock is right, it differs from WeCom's by less than 60 s	
ok	token	WeCom issued an access token	
ok	accounts	the app sees 2 accounts	
ok	api_management	the app may manage all of them	
ok	account	the app sees the account wkUyeGDxvMPbMHsvHQvFAjEzyQNjb7sA	
ok	servicers	the app may read the servicers: 2 members (2 receive customers), 0 departments	
not_checked	store	no store of the bot is set	Name the bot's store with --store, WECOM_KF_STORE, or store in the profile: the path of its file, or redis://HOST.

"#]], str![[r#"
0 problems, 3 not checked, 0 notes, 13 ok

"#]]);
    piped(stage.run(DOCTOR).in_chinese()).await.is(0, str![[r#"
ok	corp_id	WECOM_CORP_ID 已设置，格式有效	
ok	secret	WECOM_KF_SECRET 已设置，格式有效	
ok	base_url	WECOM_KF_BASE_URL 已设置，格式有效	
ok	open_kfid	WECOM_KF_OPEN_KFID 已设置，格式有效	
not_checked	callback_token	WECOM_KF_CALLBACK_TOKEN 未设置	获取：管理后台：应用管理 › 该应用 › 接收消息 › 设置API接收 › Token。
not_checked	callback_aes_key	WECOM_KF_CALLBACK_AES_KEY 未设置	获取：管理后台：应用管理 › 该应用 › 接收消息 › 设置API接收 › EncodingAESKey。
ok	proxy	企业微信：不经代理，未设置 HTTP_PROXY	
ok	connection	企业微信：已连接 [ADDRESS]	
ok	tls	企业微信：服务器有应答；它在本机，无需 TLS	
ok	clock	时钟正确，与企业微信相差不到 60 秒	
ok	token	已取得 access_token	
ok	accounts	应用可见 2 个客服账号	
ok	api_management	应用可管理全部账号	
ok	account	应用可见账号 wkUyeGDxvMPbMHsvHQvFAjEzyQNjb7sA	
ok	servicers	应用可读取接待人员：成员 2 人（接待中 2 人），部门 0 个	
not_checked	store	没有设置机器人的存储	用 --store、WECOM_KF_STORE 或配置档的 store 指定机器人的存储：文件路径，或 redis://HOST。

"#]], str![[r#"
问题 0 个，未检查 3 项，提示 0 条，正常 13 项

"#]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_terminal_remedies_have_their_own_lines() {
    let stage = Stage::start().await;
    let outcome = on_terminal(stage.run(DOCTOR).without_var("WECOM_KF_OPEN_KFID"), "").await;
    let outcome = without_address(&stage, outcome);
    assert!(outcome.stdout.contains("\u{1b}[32mok"), "{outcome:?}");
    snapbox::assert_data_eq!(
        plain(&outcome),
        str![[r#"
ok           WECOM_CORP_ID is set, its form is valid
ok           WECOM_KF_SECRET is set, its form is valid
ok           WECOM_KF_BASE_URL is set, its form is valid
not checked  WECOM_KF_CALLBACK_TOKEN is not set
             do: Get it: admin console: 应用管理 › the app › 接收消息 › 设置API接收 › Token.
not checked  WECOM_KF_CALLBACK_AES_KEY is not set
             do: Get it: admin console: 应用管理 › the app › 接收消息 › 设置API接收 › EncodingAESKey.
ok           WeCom: no proxy, HTTP_PROXY is not set
ok           WeCom: connected to [ADDRESS]
ok           WeCom: the server answers; it is on this machine and needs no TLS
ok           the clock is right, it differs from WeCom's by less than 60 s
ok           WeCom issued an access token
ok           the app sees 2 accounts
ok           the app may manage all of them
not checked  WECOM_KF_OPEN_KFID is not set, so the account of the bot is not known
             do: Set WECOM_KF_OPEN_KFID to one of wkUyeGDxvMPbMHsvHQvFAjEzyQNjb7sA, wk6vQEXfXXQBQICi2OZtZpZ21zhGCKj9.
not checked  no store of the bot is set
             do: Name the bot's store with --store, WECOM_KF_STORE, or store in the profile: the path of its file, or redis://HOST.
0 problems, 4 not checked, 0 notes, 10 ok

"#]]
    );
    let outcome = on_terminal(stage.run(DOCTOR).without_var("WECOM_CORP_ID").in_chinese(), "").await;
    let outcome = without_address(&stage, outcome);
    assert!(outcome.stdout.contains("\u{1b}[31m问题"), "{outcome:?}");
    snapbox::assert_data_eq!(
        plain(&outcome),
        str![[r#"
问题    WECOM_CORP_ID 未设置
        处理：获取：管理后台：我的企业 › 企业信息 › 企业ID。
正常    WECOM_KF_SECRET 已设置，格式有效
正常    WECOM_KF_BASE_URL 已设置，格式有效
正常    WECOM_KF_OPEN_KFID 已设置，格式有效
未检查  WECOM_KF_CALLBACK_TOKEN 未设置
        处理：获取：管理后台：应用管理 › 该应用 › 接收消息 › 设置API接收 › Token。
未检查  WECOM_KF_CALLBACK_AES_KEY 未设置
        处理：获取：管理后台：应用管理 › 该应用 › 接收消息 › 设置API接收 › EncodingAESKey。
正常    企业微信：不经代理，未设置 HTTP_PROXY
正常    企业微信：已连接 [ADDRESS]
正常    企业微信：服务器有应答；它在本机，无需 TLS
正常    时钟正确，与企业微信相差不到 60 秒
未检查  检查 token、账号和权限需要 WECOM_CORP_ID 和 WECOM_KF_SECRET
        处理：请先按上文处理。
未检查  没有设置机器人的存储
        处理：用 --store、WECOM_KF_STORE 或配置档的 store 指定机器人的存储：文件路径，或 redis://HOST。
问题 1 个，未检查 4 项，提示 0 条，正常 7 项

"#]]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn each_check_is_a_json_object_for_monitoring() {
    let stage = Stage::start().await;
    let outcome = piped(stage.run(&["doctor", "--json"]).without_var("WECOM_KF_OPEN_KFID")).await;
    let checks: Vec<serde_json::Value> =
        outcome.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for check in &checks {
        let keys: Vec<&String> = check.as_object().unwrap().keys().collect();
        assert_eq!(keys, ["id", "message", "milliseconds", "remedy", "status"], "{check}");
        assert_eq!(check["remedy"].is_null(), check["status"] == "ok", "{check}");
    }
    let account = checks.iter().find(|check| check["id"] == "account").unwrap();
    assert_eq!(account["status"], "not_checked");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_wecom_hands_out_later_is_no_problem_yet() {
    let stage = Stage::start().await;
    // Nothing at all: the corp id is known from the first day.
    piped(stage.run_without_settings(DOCTOR).var("WECOM_KF_BASE_URL", stage.simulator.base_url())).await.is(3, str![[r#"
problem	corp_id	WECOM_CORP_ID is not set	Get it: admin console: 我的企业 › 企业信息 › 企业ID.
not_checked	secret	WECOM_KF_SECRET is not set	Set up the callback first: WeCom shows the secret after it has verified the URL. Then get it: admin console: 微信客服 › 企业内部接入, or 应用管理 › the app listed under 可调用接口的应用 › Secret.
ok	base_url	WECOM_KF_BASE_URL is set, its form is valid	
not_checked	open_kfid	WECOM_KF_OPEN_KFID is not set	Get it: admin console: 微信客服 › 通过API管理微信客服账号 lists the accounts; account_list returns their ids.
not_checked	callback_token	WECOM_KF_CALLBACK_TOKEN is not set	Get it: admin console: 应用管理 › the app › 接收消息 › 设置API接收 › Token.
not_checked	callback_aes_key	WECOM_KF_CALLBACK_AES_KEY is not set	Get it: admin console: 应用管理 › the app › 接收消息 › 设置API接收 › EncodingAESKey.
ok	proxy	WeCom: no proxy, HTTP_PROXY is not set	
ok	connection	WeCom: connected to [ADDRESS]	
ok	tls	WeCom: the server answers; it is on this machine and needs no TLS	
ok	clock	the clock is right, it differs from WeCom's by less than 60 s	
not_checked	token	token, accounts and rights need WECOM_CORP_ID and WECOM_KF_SECRET	Do what the lines above say.
not_checked	store	no store of the bot is set	Name the bot's store with --store, WECOM_KF_STORE, or store in the profile: the path of its file, or redis://HOST.

"#]], str![[r#"
1 problem, 6 not checked, 0 notes, 5 ok

"#]]);
    // The callback is set up before the secret exists.
    let part = || {
        let run = stage.run(DOCTOR).without_var("WECOM_KF_SECRET").without_var("WECOM_KF_OPEN_KFID");
        run.var("WECOM_KF_CALLBACK_TOKEN", TOKEN).var("WECOM_KF_CALLBACK_AES_KEY", KEY)
    };
    piped(part().in_chinese()).await.is(0, str![[r#"
ok	corp_id	WECOM_CORP_ID 已设置，格式有效	
not_checked	secret	WECOM_KF_SECRET 未设置	先在管理后台保存回调设置（可先用 --callback URL 检查），再获取：管理后台：微信客服 › 企业内部接入，或应用管理 › 列在「可调用接口的应用」中的应用 › Secret。
ok	base_url	WECOM_KF_BASE_URL 已设置，格式有效	
not_checked	open_kfid	WECOM_KF_OPEN_KFID 未设置	获取：账号见管理后台：微信客服 › 通过API管理微信客服账号；id 由接口 account_list 返回。
ok	callback_token	WECOM_KF_CALLBACK_TOKEN 已设置，格式有效	
ok	callback_aes_key	WECOM_KF_CALLBACK_AES_KEY 已设置，格式有效	
not_checked	listen	WECOM_KF_LISTEN 未设置	获取：本机地址；管理后台「应用管理 › 该应用 › 接收消息 › 设置API接收」中的 URL 须指向它。
ok	proxy	企业微信：不经代理，未设置 HTTP_PROXY	
ok	connection	企业微信：已连接 [ADDRESS]	
ok	tls	企业微信：服务器有应答；它在本机，无需 TLS	
ok	clock	时钟正确，与企业微信相差不到 60 秒	
not_checked	token	检查 token、账号和权限需要 WECOM_CORP_ID 和 WECOM_KF_SECRET	请先按上文处理。
not_checked	callback_url	没有给出回调 URL	加上 --callback URL 运行 doctor，URL 与管理后台一致：应用管理 › 该应用 › 接收消息 › 设置API接收。
not_checked	store	没有设置机器人的存储	用 --store、WECOM_KF_STORE 或配置档的 store 指定机器人的存储：文件路径，或 redis://HOST。

"#]], str![[r#"
问题 0 个，未检查 6 项，提示 0 条，正常 8 项

"#]]);
    let complete = piped(stage.run(&["doctor", "--complete"]).without_var("WECOM_KF_OPEN_KFID")).await;
    assert_eq!(complete.code, 3, "{complete:?}");
    let half = piped(part().without_var("WECOM_KF_CALLBACK_AES_KEY")).await;
    status(&half, "callback_aes_key", "problem");
    assert_eq!(half.code, 3);
    let whole = piped(part().var("WECOM_KF_SECRET", stage.simulator.secret())).await;
    status(&whole, "token", "ok");
}

/// Settings of a callback that the simulator does not know.
const TOKEN: &str = "FixtureCallbackTok01";
const KEY: &str = "BwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyAhIiMkJSY";

#[tokio::test(flavor = "multi_thread")]
async fn invalid_settings_are_reported_all_at_once_and_not_shown() {
    let stage = Stage::start().await;
    let run = || stage.run(DOCTOR).var("WECOM_KF_CALLBACK_TOKEN", TOKEN);
    let broken = run()
        .var("WECOM_CORP_ID", "ww0 CANARY")
        .var("WECOM_KF_SECRET", "\"CANARY\"")
        .var("WECOM_KF_BASE_URL", "CANARY:9500")
        .var("WECOM_KF_OPEN_KFID", "wk\u{200b}CANARY")
        .var("WECOM_KF_CALLBACK_AES_KEY", format!("{KEY}="))
        .var("WECOM_KF_LISTEN", "CANARY")
        .var("WECOM_KF_SECERT", "CANARY");
    let broken = piped(broken).await;
    assert!(!broken.stdout.contains("CANARY"), "{broken:?}");
    broken.is(3, str![[r#"
note	unknown_variables	no setting has the name WECOM_KF_SECERT	Correct a misspelt name. The names are WECOM_CORP_ID, WECOM_KF_SECRET, WECOM_KF_BASE_URL, WECOM_KF_OPEN_KFID, WECOM_KF_CALLBACK_TOKEN, WECOM_KF_CALLBACK_AES_KEY, WECOM_KF_LISTEN, WECOM_KF_STORE.
problem	corp_id	WECOM_CORP_ID: character 4 is U+0020 SPACE; remove it	Set it again: admin console: 我的企业 › 企业信息 › 企业ID.
problem	secret	WECOM_KF_SECRET: character 1 is U+0022 QUOTATION MARK; leave out the quotes around the value	Set it again: admin console: 微信客服 › 企业内部接入, or 应用管理 › the app listed under 可调用接口的应用 › Secret.
problem	base_url	WECOM_KF_BASE_URL: the scheme is missing; begin it with https:// (or http://)	Set it again: leave it unset for WeCom itself, https://qyapi.weixin.qq.com.
problem	open_kfid	WECOM_KF_OPEN_KFID: character 3 is U+200B ZERO WIDTH SPACE; remove it	Set it again: admin console: 微信客服 › 通过API管理微信客服账号 lists the accounts; account_list returns their ids.
ok	callback_token	WECOM_KF_CALLBACK_TOKEN is set, its form is valid	
problem	callback_aes_key	WECOM_KF_CALLBACK_AES_KEY: EncodingAESKey has 44 characters and ends in '=': remove the '=', the one in the admin console has 43	Set it again: admin console: 应用管理 › the app › 接收消息 › 设置API接收 › EncodingAESKey.
problem	listen	WECOM_KF_LISTEN: not an IP address with a port, such as 127.0.0.1:8080	Set it again: an address of this machine that the URL under 应用管理 › the app › 接收消息 › 设置API接收 leads to.
not_checked	token	token, accounts and rights need a connection to WeCom	Do what the lines above say.
not_checked	store	no store of the bot is set	Name the bot's store with --store, WECOM_KF_STORE, or store in the profile: the path of its file, or redis://HOST.

"#]], str![[r#"
6 problems, 2 not checked, 1 note, 1 ok

"#]]);
    let repaired = run().var("WECOM_KF_CALLBACK_AES_KEY", KEY).var("WECOM_KF_LISTEN", "127.0.0.1:8080");
    assert_eq!(piped(repaired).await.code, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn swapped_ids_are_noticed() {
    let stage = Stage::start().await;
    let (corp_id, account) = (stage.simulator.corp_id(), stage.simulator.open_kfid());
    let swapped = stage.run(DOCTOR).var("WECOM_CORP_ID", account).var("WECOM_KF_OPEN_KFID", corp_id);
    let outcome = piped(swapped).await;
    status(&outcome, "corp_id", "note");
    status(&outcome, "open_kfid", "note");
    status(&outcome, "token", "problem");
    assert_eq!(outcome.code, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_profile_that_cannot_be_read_is_a_problem() {
    let stage = Stage::start().await;
    stage.profiles("[profiles.shop]\nsecret = \"CANARY\"\n");
    let outcome = piped(stage.run_without_settings(&["--profile", "shop", "doctor"])).await;
    assert!(!outcome.stdout.contains("CANARY"), "{outcome:?}");
    status(&outcome, "profile", "problem");
    assert_eq!(outcome.code, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_secret_costs_one_attempt() {
    let stage = Stage::start().await;
    let outcome = piped(stage.run(DOCTOR).var("WECOM_KF_SECRET", "of-another-app")).await;
    let line = status(&outcome, "token", "problem");
    assert!(line.contains("40001") && line.contains("2,000 failed calls in an hour lock this IP out"), "{line}");
    assert_eq!(stage.simulator.calls(op::GETTOKEN), 1);
    assert_eq!(outcome.code, 3);
    status(&piped(stage.run(DOCTOR)).await, "token", "ok");
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_of_gettoken_are_not_repeated() {
    let stage = Stage::start().await;
    for (errcode, remedy) in [(-1, "Wait."), (40013, "corp"), (50003, "app"), (45009, "minute")] {
        let fault = stage.simulator.fault(op::GETTOKEN).errcode(errcode).always();
        let before = stage.simulator.calls(op::GETTOKEN);
        let outcome = piped(stage.run(DOCTOR)).await;
        assert!(status(&outcome, "token", "problem").contains(remedy), "{outcome:?}");
        assert_eq!(stage.simulator.calls(op::GETTOKEN) - before, 1, "{errcode}");
        fault.remove();
        status(&piped(stage.run(DOCTOR)).await, "token", "ok");
    }
    let html = stage.simulator.fault(op::GETTOKEN).html().always();
    let outcome = piped(stage.run(DOCTOR)).await;
    assert!(status(&outcome, "token", "problem").contains("an HTML page"), "{outcome:?}");
    html.remove();
    assert_eq!(piped(stage.run(DOCTOR)).await.code, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_wecom_does_not_trust_is_named() {
    let stage = Stage::start().await;
    let fault = stage.simulator.fault(op::ACCOUNT_LIST).errcode(60020).always();
    let outcome = piped(stage.run(DOCTOR)).await;
    assert_eq!(
        status(&outcome, "accounts", "problem"),
        "problem\taccounts\t60020: WeCom does not trust the address 127.0.0.1, from which this machine calls\t\
         Enter 127.0.0.1 in the admin console: 应用管理 › the app › 企业可信IP. Wait a minute, and run doctor again."
    );
    // What the remedy does.
    fault.remove();
    status(&piped(stage.run(DOCTOR)).await, "accounts", "ok");
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_rights_are_explained() {
    let stage = Stage::start().await;
    for (errcode, remedy) in [
        (48002, "可调用接口的应用"),
        (95011, "kf.weixin.qq.com"),
        (95012, "开始使用"),
        (40014, ""),
        (42001, ""),
        (40001, ""),
    ] {
        let fault = stage.simulator.fault(op::ACCOUNT_LIST).errcode(errcode).always();
        let outcome = piped(stage.run(DOCTOR)).await;
        let line = status(&outcome, "accounts", "problem");
        assert!(line.contains(&errcode.to_string()) && line.contains(remedy), "{line}");
        fault.remove();
        status(&piped(stage.run(DOCTOR)).await, "accounts", "ok");
    }
    let fault = stage.simulator.fault(op::SERVICER_LIST).errcode(48007).always();
    let outcome = piped(stage.run(DOCTOR)).await;
    assert!(status(&outcome, "servicers", "problem").contains("通过API管理微信客服账号"), "{outcome:?}");
    fault.remove();
    assert_eq!(piped(stage.run(DOCTOR)).await.code, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn accounts_and_their_api_management() {
    let stage = Stage::start().await;
    let id = stage.simulator.open_kfid();
    let list = |accounts: String| {
        let body = format!(r#"{{"errcode":0,"account_list":[{accounts}]}}"#);
        stage.simulator.fault(op::ACCOUNT_LIST).body(body).always()
    };
    let fault = list(String::new());
    let outcome = piped(stage.run(DOCTOR)).await;
    assert!(status(&outcome, "accounts", "problem").contains("Create an account under 微信客服"), "{outcome:?}");
    fault.remove();

    let fault = list(format!(r#"{{"open_kfid":"{id}","name":"小店","manage_privilege":false}}"#));
    let outcome = piped(stage.run(DOCTOR)).await;
    assert!(status(&outcome, "api_management", "note").contains(&id), "{outcome:?}");
    assert!(status(&outcome, "account", "problem").contains("may not manage it"), "{outcome:?}");
    fault.remove();

    let fault = list(format!(r#"{{"open_kfid":"{id}","name":"小店"}}"#));
    let outcome = piped(stage.run(DOCTOR)).await;
    status(&outcome, "api_management", "not_checked");
    status(&outcome, "account", "ok");
    fault.remove();

    let outcome = piped(stage.run(&["doctor", "--account", "wkNone"])).await;
    assert!(status(&outcome, "account", "problem").contains(&id), "{outcome:?}");
    let outcome = piped(stage.run(&["doctor", "--account", &id])).await;
    status(&outcome, "account", "ok");
    status(&outcome, "servicers", "ok");
}
