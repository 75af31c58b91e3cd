//! Where the settings come from: flags, profiles, the environment.

use std::os::unix::fs::PermissionsExt;

use snapbox::str;

use crate::stage::Stage;

const LIST: &[&str] = &["accounts", "list"];

#[tokio::test(flavor = "multi_thread")]
async fn missing_settings_exit_with_4_and_say_where_they_are_found() {
    let stage = Stage::start().await;
    stage.run_without_settings(LIST).piped().await.is(4, "", str![[r#"
error: bad settings: (1) WECOM_CORP_ID: not set (admin console: 我的企业 › 企业信息 › 企业ID); (2) WECOM_KF_SECRET: not set (admin console: 微信客服 › 企业内部接入, or 应用管理 › the app listed under 可调用接口的应用 › Secret)  do: Correct the settings and start again.

"#]]);
    stage.run_without_settings(LIST).in_chinese().piped().await.is(4, "", str![[r#"
错误：配置有误：（1）WECOM_CORP_ID：未设置（管理后台：我的企业 › 企业信息 › 企业ID）；（2）WECOM_KF_SECRET：未设置（管理后台：微信客服 › 企业内部接入，或应用管理 › 列在「可调用接口的应用」中的应用 › Secret）。处理：修正配置后重新启动。

"#]]);
    stage.run(LIST).without_var("WECOM_CORP_ID").piped().await.is(4, "", str![[r#"
error: bad settings: WECOM_CORP_ID: not set (admin console: 我的企业 › 企业信息 › 企业ID)  do: Correct the settings and start again.

"#]]);
    let wrong = stage.run(LIST).var("WECOM_KF_SECRET", "of-another-app").piped().await;
    wrong.is(4, "", str![[r#"
error: account_list was not sent, there is no access token: gettoken refused: 40001, the secret is wrong, belongs to another corp id, or its app is disabled. WeCom said: "the secret is wrong, belongs to another corp id, or its app is disabled, hint: [2935512841357687530], from ip: 127.0.0.1, more info at https://open.work.weixin.qq.com/devtool/query?e=40001"  do: Do not retry: 2,000 failed calls in an hour lock this IP out for an hour. Copy the secret of the app listed under 微信客服 › 可调用接口的应用 again, together with the corp id of the same corp.

"#]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_profile_names_its_secrets_and_does_not_hold_them() {
    let stage = Stage::start().await;
    let (corp_id, base_url) = (stage.simulator.corp_id(), stage.simulator.base_url());
    let secret_file = stage.home.path().join("secret");
    std::fs::write(&secret_file, stage.simulator.secret() + "\n").unwrap();
    std::fs::set_permissions(&secret_file, std::fs::Permissions::from_mode(0o600)).unwrap();
    let head = format!("corp_id = \"{corp_id}\"\nbase_url = \"{base_url}\"\n");
    stage.profiles(&format!(
        "[profiles.env]\n{head}secret = {{ env = \"THE_SECRET\" }}\n\
         [profiles.command]\n{head}secret = {{ command = \"printenv THE_SECRET\" }}\n\
         [profiles.default]\n{head}secret = {{ file = \"{}\" }}\n",
        secret_file.display()
    ));
    for name in ["env", "command", "default"] {
        let run = stage.run_without_settings(&["--profile", name, "accounts", "list"]);
        let outcome = run.var("THE_SECRET", stage.simulator.secret()).piped().await;
        assert_eq!(outcome.code, 0, "{name}: {outcome:?}");
    }
    // The profile `default` is used if the environment has no settings.
    assert_eq!(stage.run_without_settings(LIST).piped().await.code, 0);
    stage.run_without_settings(&["--profile", "env", "accounts", "list"]).piped().await.is(4, "", str![[r#"
error: the profile takes a secret from the variable THE_SECRET, which is not set  do: Set the variable, or change the profile.

"#]]);
    stage.run_without_settings(&["--profile", "prod", "accounts", "list"]).piped().await.is(4, "", str![[r#"
error: there is no profile "prod" in [HOME]/.config/wecom-kf/profiles.toml: there are command, default, env  do: Choose another profile, or add it to the file.

"#]]);

    std::fs::set_permissions(&secret_file, std::fs::Permissions::from_mode(0o640)).unwrap();
    stage.run_without_settings(LIST).piped().await.is(4, "", str![[r#"
error: other users may read [HOME]/secret, which holds a secret  do: Run chmod 600 on the file. If others have read it, reset the secret.

"#]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_in_the_file_is_refused_and_not_shown() {
    let stage = Stage::start().await;
    stage.profiles(&format!("[profiles.default]\ncorp_id = \"ww1\"\nsecret = \"{}\"\n", stage.simulator.secret()));
    stage.run_without_settings(LIST).piped().await.is(4, "", str![[r#"
error: [HOME]/.config/wecom-kf/profiles.toml:3 is no valid profile  do: A profile has corp_id, base_url, open_kfid, listen, store as texts, and secret, callback_token, callback_aes_key as { env = "NAME" }, { command = "…" } or { file = "PATH" }. A secret itself must not be in the file.

"#]]);
    stage.run_without_settings(LIST).in_chinese().piped().await.is(4, "", str![[r#"
错误：[HOME]/.config/wecom-kf/profiles.toml:3 不是有效的配置档。处理：配置档中 corp_id、base_url、open_kfid、listen、store 为文本；secret、callback_token、callback_aes_key 写成 { env = "变量名" }、{ command = "…" } 或 { file = "路径" }。文件中不得直接写密钥。

"#]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn flags_replace_single_settings() {
    let stage = Stage::start().await;
    let secret_file = stage.home.path().join("secret");
    std::fs::write(&secret_file, stage.simulator.secret()).unwrap();
    std::fs::set_permissions(&secret_file, std::fs::Permissions::from_mode(0o600)).unwrap();
    let (corp_id, base_url) = (stage.simulator.corp_id(), stage.simulator.base_url());
    let args = ["accounts", "list", "--corp-id", &corp_id, "--base-url", &base_url, "--secret-file"];
    let args = [&args[..], &[secret_file.to_str().unwrap()]].concat();
    assert_eq!(stage.run_without_settings(&args).piped().await.code, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_of_a_secret_runs_once() {
    let stage = Stage::start().await;
    let (corp_id, base_url) = (stage.simulator.corp_id(), stage.simulator.base_url());
    let customer = stage.simulator.customer("王");
    let runs = stage.home.path().join("runs");
    stage.profiles(&format!(
        "[profiles.shop]\ncorp_id = \"{corp_id}\"\nbase_url = \"{base_url}\"\nopen_kfid = \"{}\"\n\
         secret = {{ command = \"echo run >> {}; printenv THE_SECRET\" }}\n",
        customer.open_kfid(),
        runs.display()
    ));
    // It needs the client and the account.
    let run = stage.run_without_settings(&["--profile", "shop", "sessions", "get", customer.external_userid()]);
    assert_eq!(run.var("THE_SECRET", stage.simulator.secret()).piped().await.code, 0);
    assert_eq!(std::fs::read_to_string(runs).unwrap(), "run\n");
}
