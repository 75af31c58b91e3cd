//! Help and errors of the command line in Chinese. The English ones stand beside the flags in `options.rs`.

use clap::{Command, CommandFactory, Error, FromArgMatches};
use wecom_kf_text::{Lang, chinese_help, chinese_usage_error};

use super::options::Args;

/// What each command does, and what each flag and argument means, as `chinese_help` asks for them.
const TEXTS: [(&str, &str); 38] = [
    ("", "企业微信「微信客服」API 的本机模拟器"),
    ("run", "启动一个命令，并设置本模拟器（多企业时为第一个企业）的环境变量；命令结束时模拟器也结束"),
    (
        "play",
        "对机器人执行剧本，有失败时退出码为 1，格式见 docs/scenarios.zh-CN.md。`--` 之后给出命令时，每个剧本都有自己的模拟器\
         和机器人；不给命令时机器人须已在运行，所有剧本都在 --port 上的模拟器中执行（没有就启动一个）",
    ),
    ("schema", "打印剧本的 JSON Schema，供编辑器补全和检查"),
    ("point", "打印把机器人指向 --port 上的模拟器所需的代码或变量（第一个企业的值）"),
    ("assumptions", "打印《模拟器的假设》"),
    ("help", "显示本帮助，或某个命令的帮助"),
    (".help", "显示帮助"),
    (".version", "显示版本"),
    (".child", "供启动本程序的程序使用：就绪时打印一行 JSON，调用写到标准错误，标准输入关闭时结束"),
    (".config", "TOML 配置文件"),
    (".port", "端口；0 表示任意空闲端口 [默认：9500 或其后的空闲端口]"),
    (".listen", "监听地址 [默认：127.0.0.1]"),
    (".seed", "使每次运行的 id、token 和 cursor 相同"),
    (".corp_id", "企业 ID，须与 --secret 同时给出；不给则自动生成"),
    (".secret", "应用的 Secret，须与 --corp-id 同时给出"),
    (".accounts", "客服账号的名称，可重复 [默认：小店]"),
    (".servicers", "接待所有账号的成员，可重复"),
    (".callback", "接收回调的 URL"),
    (".callback_token", "回调的 Token，须与 --callback-aes-key 同时给出；不给则由种子生成"),
    (".callback_aes_key", "回调的 EncodingAESKey"),
    (".clock", "real：时钟自己走；manual：时钟静止，只能手动前进，从现在或给定的 Unix 时间开始 [默认：real]"),
    (".strictness", "strict：拒绝文档中没有的字段；lenient：只报告 [默认：strict]"),
    (".disable_assumption", "不成立的假设的 id，见 `assumptions`，可重复"),
    (".public_url", "其他容器中的机器人访问模拟器的 URL（主机和端口），该主机名也会被允许"),
    (".allow_host", "除本机外还允许的主机名，回调也可以发往它，可重复"),
    (".allow", "`run --check`、`run --report` 和 `play` 可接受的问题，可重复"),
    (".state", "启动时从此文件载入状态（文件存在时），结束时保存到此文件；其中有密钥"),
    (".journal", "把每次调用和回调写入文件：`.jsonl` 为 JSON Lines，`.har` 为浏览器可以打开的 HAR"),
    ("run.check", "任何企业发现问题时退出码为 1，即使命令本身成功"),
    ("run.report", "把发现的问题写成 JUnit XML 或 JSON 文件；两种各可给一次"),
    ("run.wait_for_callback", "机器人须在此时间内通过回调 URL 验证，如 10s，否则报错结束"),
    ("run.command", "命令及其参数"),
    ("play.files", "剧本文件"),
    ("play.junit", "把结果写成 JUnit XML 文件"),
    ("play.wait_for_callback", "机器人通过回调 URL 验证的最长时间，如 10s [给出命令时默认：60s]"),
    ("play.command", "机器人的命令及其参数"),
    ("point.client", "机器人的语言或客户端：run、rust、curl、wechatpy、wxjava 或 skit"),
];

/// Reads the command line, or prints why not and ends the program.
pub(super) fn parse(lang: Lang) -> Args {
    let mut command = command(lang);
    let parsed =
        command.try_get_matches_from_mut(std::env::args_os()).and_then(|matches| Args::from_arg_matches(&matches));
    parsed.unwrap_or_else(|error| match lang {
        Lang::Zh => fail(&error),
        Lang::En => error.exit(),
    })
}

fn command(lang: Lang) -> Command {
    match lang {
        Lang::En => Args::command(),
        Lang::Zh => chinese_help(Args::command(), &text),
    }
}

fn text(path: &str) -> Option<&'static str> {
    TEXTS.iter().find(|(known, _)| *known == path).map(|(_, text)| *text)
}

/// Prints an error in Chinese and ends the program, as clap does it in English.
fn fail(error: &Error) -> ! {
    match chinese_usage_error(error) {
        Some(text) => super::terminal::complain(&format!("{text}\n更多信息见 --help")),
        None => {
            let _ = error.print();
        }
    }
    std::process::exit(error.exit_code())
}

#[cfg(test)]
mod tests {
    use wecom_kf_text::without_chinese_help;

    use super::*;

    #[test]
    fn every_command_and_flag_has_a_chinese_text() {
        let command = command(Lang::Zh);
        let missing = without_chinese_help(&command);
        assert!(missing.is_empty(), "{missing:?}");
        let mut known = vec![String::new(), "help".to_owned()];
        known.extend(command.get_arguments().map(|arg| format!(".{}", arg.get_id())));
        for below in command.get_subcommands() {
            known.push(below.get_name().to_owned());
            known.extend(below.get_arguments().map(|arg| format!("{}.{}", below.get_name(), arg.get_id())));
        }
        for (path, _) in TEXTS {
            assert!(known.iter().any(|known| known == path), "{path} is no command and no flag");
        }
    }

    #[test]
    fn errors_are_told_in_chinese() {
        let told = |args: &[&str]| {
            let error = command(Lang::Zh).try_get_matches_from([&["wecom-kf-sim"], args].concat()).unwrap_err();
            chinese_usage_error(&error).unwrap()
        };
        assert_eq!(told(&["run", "--jurnal", "x"]), "没有参数 --jurnal；是否想用 --journal？");
        assert_eq!(told(&["pla"]), "没有命令 pla；是否想用 play？");
        assert!(told(&["--port", "x"]).starts_with("--port <PORT> 的值 \"x\" 无效："));
        assert!(told(&["run"]).starts_with("缺少参数：<COMMAND>"));
    }
}
