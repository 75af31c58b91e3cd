//! What a person sees on a terminal: tables, colours and questions.

use std::io::{Read, Write};

use portable_pty::{CommandBuilder, PtySize, native_pty_system};
use snapbox::str;

use crate::stage::{Outcome, PROGRAM, Run, Stage};

/// Runs the program on a terminal, and answers its questions. Both streams go to the terminal.
pub(crate) async fn on_terminal(run: Run<'_>, answers: &str) -> Outcome {
    let pty = native_pty_system().openpty(PtySize { rows: 40, cols: 100, ..PtySize::default() }).unwrap();
    let mut command = CommandBuilder::new(PROGRAM);
    command.args(run.args());
    command.env_clear();
    command.env("HOME", run.stage().home.path());
    command.env("NO_PROXY", "127.0.0.1,localhost");
    command.env("TERM", "xterm-256color");
    for (name, value) in run.vars() {
        command.env(name, value);
    }
    let mut child = pty.slave.spawn_command(command).unwrap();
    drop(pty.slave);
    let (mut reader, mut writer) = (pty.master.try_clone_reader().unwrap(), pty.master.take_writer().unwrap());
    let answers = answers.to_owned();
    let (bytes, code) = tokio::task::spawn_blocking(move || {
        let (mut bytes, mut part) = (Vec::new(), [0; 4096]);
        let mut answer = Some(answers).filter(|answers| !answers.is_empty());
        // On Linux, reading fails with EIO once the program has ended.
        while let Ok(length) = reader.read(&mut part)
            && length > 0
        {
            bytes.extend_from_slice(&part[..length]);
            if bytes.windows(5).any(|shown| shown == b"[y/N]")
                && let Some(answer) = answer.take()
            {
                writer.write_all(answer.as_bytes()).unwrap();
            }
        }
        (bytes, child.wait().unwrap().exit_code())
    })
    .await
    .unwrap();
    let text = run.cleaned(&String::from_utf8(bytes).unwrap());
    Outcome { stdout: text, stderr: String::new(), code: code.try_into().unwrap() }
}

/// Returns the text without colours.
pub(crate) fn plain(outcome: &Outcome) -> String {
    anstream::adapter::strip_str(&outcome.stdout).to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_is_a_table_with_titles() {
    let stage = Stage::start().await;
    let outcome = on_terminal(stage.run(&["accounts", "list"]), "").await;
    assert!(outcome.stdout.contains("\u{1b}[1m"), "the titles are bold: {outcome:?}");
    snapbox::assert_data_eq!(
        plain(&outcome),
        str![[r#"
OPEN_KFID                         MANAGED  NAME
wkUyeGDxvMPbMHsvHQvFAjEzyQNjb7sA  yes      小店
wk6vQEXfXXQBQICi2OZtZpZ21zhGCKj9  yes      售后

"#]]
    );
    let outcome = on_terminal(stage.run(&["accounts", "list"]).in_chinese().var("NO_COLOR", "1"), "").await;
    assert!(!outcome.stdout.contains('\u{1b}'), "{outcome:?}");
    snapbox::assert_data_eq!(
        plain(&outcome),
        str![[r#"
OPEN_KFID                         可管理  名称
wkUyeGDxvMPbMHsvHQvFAjEzyQNjb7sA  是      小店
wk6vQEXfXXQBQICi2OZtZpZ21zhGCKj9  是      售后

"#]]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_is_asked_for() {
    let stage = Stage::start().await;
    let id = stage.simulator.open_kfid();
    let refused = on_terminal(stage.run(&["accounts", "delete", &id]), "n").await;
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(refused.stdout.contains("Go ahead?") && refused.stdout.contains("nothing was changed"), "{refused:?}");
    assert!(stage.simulator.account_name(&id).is_some());
    let agreed = on_terminal(stage.run(&["accounts", "delete", &id]).in_chinese(), "y").await;
    assert_eq!(agreed.code, 0, "{agreed:?}");
    assert!(agreed.stdout.contains("继续？") && agreed.stdout.contains("已删除"), "{agreed:?}");
    assert!(stage.simulator.account_name(&id).is_none());
}
