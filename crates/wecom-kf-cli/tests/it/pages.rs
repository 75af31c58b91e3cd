//! Help, usage errors, completions and manual pages.

use snapbox::str;

use crate::stage::Stage;

#[tokio::test(flavor = "multi_thread")]
async fn help_has_both_languages() {
    let stage = Stage::start().await;
    let english = stage.run_without_settings(&["accounts", "add", "--help"]).piped().await;
    assert!(english.stdout.contains("Usage: wecom-kf accounts add"), "{english:?}");
    let chinese = stage.run_without_settings(&["accounts", "add", "--help", "--lang", "zh"]).piped().await;
    assert!(chinese.stdout.contains("用法：wecom-kf accounts add"), "{chinese:?}");
    assert!(chinese.stdout.contains("头像图片文件"), "{chinese:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_usage_error_exits_with_2() {
    let stage = Stage::start().await;
    stage.run_without_settings(&["acounts"]).piped().await.is(
        2,
        "",
        str![[r#"
error: unrecognized subcommand 'acounts'

  tip: a similar subcommand exists: 'accounts'

Usage: wecom-kf [OPTIONS] <COMMAND>

For more information, try '--help'.

"#]],
    );
    stage.run_without_settings(&["--lang=zh", "acounts"]).piped().await.is(
        2,
        "",
        str![[r#"
错误：没有命令 acounts；是否想用 accounts？
更多信息见 --help

"#]],
    );
    stage.run_without_settings(&["--lang=zh", "accounts", "update", "wk1"]).piped().await.is(
        2,
        "",
        str![[r#"
错误：缺少参数：--avatar <FILE>
更多信息见 --help

"#]],
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn completions_exist_for_every_shell() {
    let stage = Stage::start().await;
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let outcome = stage.run_without_settings(&["completions", shell]).piped().await;
        assert_eq!((outcome.code, outcome.stderr.as_str()), (0, ""));
        assert!(outcome.stdout.contains("wecom-kf") && outcome.stdout.contains("accounts"), "{shell}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_command_has_a_manual_page() {
    let stage = Stage::start().await;
    let folder = stage.home.path().join("man1");
    let folder = folder.to_str().unwrap();
    stage.run_without_settings(&["man", "--out", folder]).piped().await.is(
        0,
        "",
        str![[r#"
wrote the manual pages to [HOME]/man1

"#]],
    );
    let page = std::fs::read_to_string(format!("{folder}/wecom-kf-accounts-add.1")).unwrap();
    assert!(page.contains("Adds an account"), "{page}");
}
