//! Chinese help and errors of command lines (feature `clap`). The English texts are beside the flags of each program.

use clap::error::{ContextKind, ErrorKind};
use clap::{Arg, Command, Error};

const TEMPLATE: &str = "{about-with-newline}\n用法：{usage}\n\n{all-args}{after-help}";

/// Returns the command with Chinese help, for it and for everything below it.
///
/// `text` returns the text of a command by its path without the program's name, such as `accounts add`, and that of a flag
/// or an argument by the path, a dot and its id, such as `accounts add.avatar`. The path of the program itself is empty.
/// A heading of its own that a group of flags has is asked for by its English text. What has no text stays English. `.help` is asked for every `--help`, and `help` for every command `help`.
pub fn chinese_help(mut command: Command, text: &dyn Fn(&str) -> Option<&'static str>) -> Command {
    // Adds what every command has: `--help`, `--version` and `help`.
    command.build();
    translated(command, "", text)
}

fn translated(command: Command, path: &str, text: &dyn Fn(&str) -> Option<&'static str>) -> Command {
    let command = command.help_template(TEMPLATE).subcommand_help_heading("命令");
    let command = match text(path) {
        Some(about) => command.about(about).long_about(about),
        None => command,
    };
    let command = command.mut_args(|arg| argument(arg, path, text));
    command.mut_subcommands(|command| {
        // The commands below `help` are those of the program again, which need no text.
        let below = match (path, command.get_name()) {
            (_, "help") => "help".to_owned(),
            ("", name) => name.to_owned(),
            (path, name) => format!("{path} {name}"),
        };
        translated(command, &below, text)
    })
}

fn argument(arg: Arg, path: &str, find: &dyn Fn(&str) -> Option<&'static str>) -> Arg {
    let id = arg.get_id().to_string();
    // A global flag has one text for all commands.
    let help = find(&format!("{path}.{id}")).or_else(|| find(&format!(".{id}")));
    // Arguments with a heading of their own have its Chinese under the English text.
    let own = arg.get_help_heading().and_then(find);
    let heading = own.unwrap_or(if arg.is_positional() { "参数" } else { "选项" });
    let arg = arg.help_heading(heading).hide_possible_values(true);
    match help {
        Some(help) => arg.help(help).long_help(help),
        None => arg,
    }
}

/// Returns the text of an error that people meet often, in Chinese. The others have only clap's own text.
pub fn chinese_usage_error(error: &Error) -> Option<String> {
    let part = |kind| error.get(kind).map(ToString::to_string);
    let invalid = part(ContextKind::InvalidArg);
    let text = match error.kind() {
        ErrorKind::UnknownArgument => format!("没有参数 {}", invalid?),
        ErrorKind::InvalidSubcommand => format!("没有命令 {}", part(ContextKind::InvalidSubcommand)?),
        ErrorKind::MissingRequiredArgument => format!("缺少参数：{}", invalid?),
        ErrorKind::ArgumentConflict => match part(ContextKind::PriorArg) {
            Some(prior) => format!("{} 不能与 {prior} 同时使用", invalid?),
            None => format!("{} 不能与其他参数同时使用", invalid?),
        },
        ErrorKind::InvalidValue | ErrorKind::ValueValidation => {
            let why = std::error::Error::source(error).map(|source| format!("：{source}"));
            let known = part(ContextKind::ValidValue).map(|known| format!("：可以是 {known}"));
            format!(
                "{} 的值 {:?} 无效{}",
                invalid?,
                part(ContextKind::InvalidValue)?,
                why.or(known).unwrap_or_default()
            )
        }
        _ => return None,
    };
    let meant = part(ContextKind::SuggestedArg).or_else(|| part(ContextKind::SuggestedSubcommand));
    Some(format!("{text}{}", meant.map(|meant| format!("；是否想用 {meant}？")).unwrap_or_default()))
}

/// Returns what of a command has no Chinese help: paths as [`chinese_help`] asks for them. For tests.
pub fn without_chinese_help(command: &Command) -> Vec<String> {
    let mut missing = Vec::new();
    collect_missing(command, "", &mut missing);
    missing
}

fn collect_missing(command: &Command, path: &str, missing: &mut Vec<String>) {
    let is_chinese = |text: Option<String>| {
        text.is_some_and(|text| text.chars().any(|character| ('\u{4e00}'..='\u{9fff}').contains(&character)))
    };
    if !is_chinese(command.get_about().map(ToString::to_string)) {
        missing.push(path.to_owned());
    }
    let args = command.get_arguments().filter(|arg| !is_chinese(arg.get_help().map(ToString::to_string)));
    missing.extend(args.map(|arg| format!("{path}.{}", arg.get_id())));
    for below in command.get_subcommands().filter(|below| below.get_name() != "help") {
        let name = below.get_name();
        let path = if path.is_empty() { name.to_owned() } else { format!("{path} {name}") };
        collect_missing(below, &path, missing);
    }
}
