//! `wecom-kf sim`.

use std::os::unix::fs::PermissionsExt;

use snapbox::str;

use crate::stage::{Outcome, PROGRAM, Stage};
use crate::terminal::{on_terminal, plain};

/// Replaces the port, which is a free one.
fn without_port(mut outcome: Outcome) -> Outcome {
    let hide = |text: &str| {
        let mut parts = text.split("http://127.0.0.1:");
        let mut hidden = parts.next().unwrap().to_owned();
        for part in parts {
            hidden.push_str(&format!("[SIM]{}", part.trim_start_matches(|char: char| char.is_ascii_digit())));
        }
        hidden
    };
    outcome.stdout = hide(&outcome.stdout);
    outcome.stderr = hide(&outcome.stderr);
    outcome
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_runs_with_the_variables_of_a_simulator_and_its_exit_code_is_ours() {
    let stage = Stage::start().await;
    let script = format!("{PROGRAM} accounts list --json; env | grep -c WECOM_; exit 7");
    let args = ["sim", "--seed", "7", "--account-name", "小店", "--servicer", "lisi", "--", "sh", "-c", &script];
    // What belongs to WeCom itself does not reach the command.
    let run = || stage.run(&args).var("WECOM_KF_STORE", "redis://real").var("WECOM_KF_CALLBACK_TOKEN", "real");
    without_port(run().piped().await).is(7, str![[r#"
{"open_kfid":"wkUyeGDxvMPbMHsvHQvFAjEzyQNjb7sA","name":"小店","avatar":"https://avatar.example/wkUyeGDxvMPbMHsvHQvFAjEzyQNjb7sA.png","manage_privilege":true}
5

"#]], str![[r#"
a simulator runs. Open [SIM]/ in a browser: there you play customers and servicers
set: WECOM_CORP_ID=wwa3C2TaB7JaxTJj8a WECOM_KF_SECRET=… WECOM_KF_BASE_URL=[SIM] WECOM_KF_OPEN_KFID=wkUyeGDxvMPbMHsvHQvFAjEzyQNjb7sA

"#]]);
    without_port(run().in_chinese().piped().await).is(7, str![[r#"
{"open_kfid":"wkUyeGDxvMPbMHsvHQvFAjEzyQNjb7sA","name":"小店","avatar":"https://avatar.example/wkUyeGDxvMPbMHsvHQvFAjEzyQNjb7sA.png","manage_privilege":true}
5

"#]], str![[r#"
模拟器已启动。用浏览器打开 [SIM]/，在那里扮演客户和接待人员
已设置：WECOM_CORP_ID=wwa3C2TaB7JaxTJj8a WECOM_KF_SECRET=… WECOM_KF_BASE_URL=[SIM] WECOM_KF_OPEN_KFID=wkUyeGDxvMPbMHsvHQvFAjEzyQNjb7sA

"#]]);
    without_port(run().var("WECOM_KF_PROFILE", "prod").piped().await).is(7, str![[r#"
{"open_kfid":"wkUyeGDxvMPbMHsvHQvFAjEzyQNjb7sA","name":"小店","avatar":"https://avatar.example/wkUyeGDxvMPbMHsvHQvFAjEzyQNjb7sA.png","manage_privilege":true}
5

"#]], str![[r#"
a simulator runs. Open [SIM]/ in a browser: there you play customers and servicers
set: WECOM_CORP_ID=wwa3C2TaB7JaxTJj8a WECOM_KF_SECRET=… WECOM_KF_BASE_URL=[SIM] WECOM_KF_OPEN_KFID=wkUyeGDxvMPbMHsvHQvFAjEzyQNjb7sA

"#]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_command_it_is_the_shell() {
    let stage = Stage::start().await;
    let shell = stage.home.path().join("shell");
    std::fs::write(&shell, format!("#!/bin/sh\n{PROGRAM} accounts list\nexit 3\n")).unwrap();
    std::fs::set_permissions(&shell, std::fs::Permissions::from_mode(0o755)).unwrap();
    let run = || stage.run_without_settings(&["sim", "--seed", "7"]).var("SHELL", shell.to_str().unwrap());
    let outcome = without_port(on_terminal(run(), "").await);
    assert_eq!(outcome.code, 3, "{outcome:?}");
    snapbox::assert_data_eq!(
        plain(&outcome),
        str![[r#"
a simulator runs. Open [SIM]/ in a browser: there you play customers and servicers
set: WECOM_CORP_ID=wwa3C2TaB7JaxTJj8a WECOM_KF_SECRET=… WECOM_KF_BASE_URL=[SIM] WECOM_KF_OPEN_KFID=wkUyeGDxvMPbMHsvHQvFAjEzyQNjb7sA
exit ends the shell and the simulator
OPEN_KFID                         MANAGED  NAME
wkUyeGDxvMPbMHsvHQvFAjEzyQNjb7sA  yes      小店
the simulator has ended

"#]]
    );
    let outcome = without_port(on_terminal(run().in_chinese(), "").await);
    snapbox::assert_data_eq!(
        plain(&outcome),
        str![[r#"
模拟器已启动。用浏览器打开 [SIM]/，在那里扮演客户和接待人员
已设置：WECOM_CORP_ID=wwa3C2TaB7JaxTJj8a WECOM_KF_SECRET=… WECOM_KF_BASE_URL=[SIM] WECOM_KF_OPEN_KFID=wkUyeGDxvMPbMHsvHQvFAjEzyQNjb7sA
输入 exit 结束 shell 和模拟器
OPEN_KFID                         可管理  名称
wkUyeGDxvMPbMHsvHQvFAjEzyQNjb7sA  是      小店
模拟器已停止

"#]]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_started_is_named() {
    let stage = Stage::start().await;
    let url = stage.simulator.base_url();
    let port = url.rsplit(':').next().unwrap();
    let mut taken = stage.run(&["sim", "--port", port, "--", "true"]).piped().await;
    taken.stderr = taken.stderr.replace(port, "[PORT]");
    taken.is(1, str![], str![[r#"
error: the simulator cannot listen on [ADDRESS]: Address already in use (os error 98)  do: Choose another port, or leave out --port to use a free one.

"#]]);
    let run = |args: &[&str]| stage.run(&[&["sim", "--quiet"], args].concat());
    run(&["--", "no-such-program"]).piped().await.is(1, str![], str![[r#"
error: no-such-program cannot be started: No such file or directory (os error 2)  do: Check the command after --, or the variable SHELL.

"#]]);
    run(&["--", "no-such-program"]).in_chinese().piped().await.is(
        1,
        str![],
        str![[r#"
错误：无法启动 no-such-program：文件或目录不存在（系统错误 2）。处理：检查 -- 之后的命令，或环境变量 SHELL。

"#]],
    );
    run(&["--callback", "x", "--", "true"]).piped().await.is(
        2,
        str![],
        str![[r#"
error: the URL of --callback is invalid  do: Write a URL of this machine, such as http://127.0.0.1:8080/callback.

"#]],
    );
    run(&["--callback", "x", "--", "true"]).in_chinese().piped().await.is(
        2,
        str![],
        str![[r#"
错误：--callback 的 URL 无效。处理：写本机的 URL，例如 http://127.0.0.1:8080/callback。

"#]],
    );
    run(&["true"]).piped().await.is(
        2,
        str![],
        str![[r#"
error: unexpected argument 'true' found

Usage: wecom-kf sim [OPTIONS] [-- <COMMAND>...]

For more information, try '--help'.

"#]],
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn signals_end_the_command_as_they_do_without_a_simulator() {
    let stage = Stage::start().await;
    let run = async |script: &str| stage.run(&["sim", "--quiet", "--", "sh", "-c", script]).piped().await;
    run("kill -9 $$").await.is(137, str![], str![]);
    run("kill -INT $PPID; exit 5").await.is(5, str![], str![]);
    // Otherwise the command would continue without a simulator.
    run("kill -TERM $PPID; exec sleep 600").await.is(137, str![], str![]);
}
