//! `wecom-kf completions`: scripts that complete commands and flags in a shell.

use clap_complete::Shell;

use crate::app::App;
use crate::failure::Failure;
use crate::help;

#[derive(Debug, clap::Args)]
pub(crate) struct Completions {
    /// The shell
    shell: Shell,
}

pub(crate) const CHINESE: &[(&str, &str)] = &[
    ("completions", "输出 shell 的命令补全脚本"),
    ("completions.shell", "shell 的名称：bash、elvish、fish、powershell 或 zsh"),
];

impl Completions {
    pub(crate) fn run(self, app: &App) -> Result<(), Failure> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut help::command(app.lang()), "wecom-kf", &mut script);
        app.out.line(String::from_utf8_lossy(&script).trim_end())
    }
}
