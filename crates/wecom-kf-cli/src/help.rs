//! The language of the program, and its help and usage errors in Chinese.

use std::ffi::OsString;

use clap::{Command, CommandFactory, Error, FromArgMatches};
use wecom_kf::{Lang, reader_lang};
use wecom_kf_text::{chinese_help, chinese_usage_error};

use crate::args::{self, Args};
use crate::commands;
use crate::out;

/// Returns the language that `--lang` chooses, otherwise that of the environment. It is needed before the command line is
/// parsed, since the errors of parsing have a language, too.
pub(crate) fn lang() -> Lang {
    chosen(std::env::args_os()).unwrap_or_else(reader_lang)
}

fn chosen(args: impl Iterator<Item = OsString>) -> Option<Lang> {
    let mut args = args.skip(1).take_while(|arg| arg != "--");
    while let Some(arg) = args.next() {
        let value = match arg.to_str()? {
            "--lang" => args.next()?.into_string().ok()?,
            arg => match arg.strip_prefix("--lang=") {
                Some(value) => value.to_owned(),
                None => continue,
            },
        };
        return match value.as_str() {
            "zh" => Some(Lang::Zh),
            "en" => Some(Lang::En),
            _ => None,
        };
    }
    None
}

/// Reads the command line, or prints why not and ends the program.
pub(crate) fn parse(lang: Lang) -> Args {
    let mut command = command(lang);
    let parsed =
        command.try_get_matches_from_mut(std::env::args_os()).and_then(|matches| Args::from_arg_matches(&matches));
    parsed.unwrap_or_else(|error| fail(&error, lang))
}

/// Returns the command line in a language, for its help, its completions and its manual pages.
pub(crate) fn command(lang: Lang) -> Command {
    match lang {
        Lang::En => Args::command(),
        Lang::Zh => chinese_help(Args::command(), &text),
    }
}

fn text(path: &str) -> Option<&'static str> {
    let mut tables = [args::CHINESE].into_iter().chain(commands::CHINESE.iter().copied());
    tables.find_map(|table| table.iter().find(|(known, _)| *known == path).map(|(_, text)| *text))
}

/// Prints an error of the command line, or the help that was asked for, and ends the program.
fn fail(error: &Error, lang: Lang) -> ! {
    match chinese_usage_error(error).filter(|_| lang == Lang::Zh) {
        Some(text) => out::complain(&format!("{text}\n更多信息见 --help"), lang),
        // clap prints help to stdout and errors to stderr.
        None => drop(error.print()),
    }
    std::process::exit(error.exit_code())
}

#[cfg(test)]
mod tests {
    use wecom_kf_text::without_chinese_help;

    use super::*;

    #[test]
    fn every_command_and_flag_has_a_chinese_text() {
        let missing = without_chinese_help(&command(Lang::Zh));
        assert!(missing.is_empty(), "{missing:#?}");
    }

    #[test]
    fn every_chinese_text_belongs_to_a_command_or_flag() {
        fn paths(command: &Command, path: &str, all: &mut Vec<String>) {
            all.push(path.to_owned());
            all.extend(command.get_arguments().map(|arg| format!("{path}.{}", arg.get_id())));
            for below in command.get_subcommands().filter(|below| below.get_name() != "help") {
                let name = below.get_name();
                paths(below, &if path.is_empty() { name.to_owned() } else { format!("{path} {name}") }, all);
            }
        }
        let mut all = vec!["help".to_owned(), args::HEADING.to_owned()];
        paths(&command(Lang::Zh), "", &mut all);
        for (path, _) in args::CHINESE.iter().chain(commands::CHINESE.iter().copied().flatten()) {
            assert!(all.iter().any(|known| known == path), "{path} is no command and no flag");
        }
    }

    #[test]
    fn both_readmes_name_every_command() {
        for readme in [include_str!("../README.md"), include_str!("../README.zh-CN.md")] {
            for command in Args::command().get_subcommands() {
                let name = command.get_name();
                assert!(readme.contains(&format!("`{name}`")), "{name} is missing");
            }
        }
    }

    #[test]
    fn the_command_line_is_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn the_language_is_known_before_the_command_line_is_valid() {
        let chosen = |args: &[&str]| chosen(["wecom-kf"].iter().chain(args).map(OsString::from));
        assert_eq!(chosen(&["no-such", "--lang", "zh"]), Some(Lang::Zh));
        assert_eq!(chosen(&["--lang=en"]), Some(Lang::En));
        assert_eq!(chosen(&["--", "--lang", "zh"]), None);
        assert_eq!(chosen(&["--lang", "fr"]), None);
    }
}
