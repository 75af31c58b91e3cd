//! `wecom-kf sim`: starts a simulator, and a shell or a command that uses it.

use std::ffi::{OsStr, OsString};
use std::process::ExitStatus;
use std::{env, io};

use tokio::process::Command;
use wecom_kf::{Bilingual, Variable};
use wecom_kf_sim::{Simulator, StartError};

use crate::app::App;
use crate::failure::{Exit, Failure, Problem};
use crate::profile;

#[derive(Debug, clap::Args)]
pub(crate) struct Sim {
    /// The name of an account; may be repeated. By default there is one, 小店
    #[arg(long, value_name = "NAME")]
    account_name: Vec<String>,
    /// A servicer who receives customers at every account; may be repeated
    #[arg(long, value_name = "USERID")]
    servicer: Vec<String>,
    /// Makes all ids, tokens and cursors follow from this number, so that they are the same each time
    #[arg(long, value_name = "NUMBER")]
    seed: Option<u64>,
    /// The port of the simulator; by default a free one
    #[arg(long, default_value_t = 0, hide_default_value = true)]
    port: u16,
    /// The URL on this machine to which callbacks are sent
    #[arg(long, value_name = "URL")]
    callback: Option<String>,
    /// A command to run instead of a shell, after --
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

pub(crate) const CHINESE: &[(&str, &str)] = &[
    ("sim", "启动模拟器，并打开一个使用它的 shell"),
    ("sim.account_name", "客服账号的名称，可重复；默认只有一个「小店」"),
    ("sim.servicer", "在所有账号接待客户的接待人员，可重复"),
    ("sim.seed", "由这个数字决定所有 id、token 和 cursor，每次都相同"),
    ("sim.port", "模拟器的端口；默认使用空闲端口"),
    ("sim.callback", "接收回调的本机 URL"),
    ("sim.command", "写在 -- 之后，不打开 shell，而是运行这个命令"),
];

impl Sim {
    /// Returns the exit code of the shell or the command.
    pub(crate) async fn run(self, app: &App) -> Result<Exit, Failure> {
        let mut builder = Simulator::builder().port(self.port);
        builder = self.account_name.into_iter().fold(builder, wecom_kf_sim::Builder::account);
        builder = self.servicer.into_iter().fold(builder, wecom_kf_sim::Builder::servicer);
        if let Some(seed) = self.seed {
            builder = builder.seed(seed);
        }
        if let Some(callback) = self.callback {
            builder = builder.callback_url(callback);
        }
        let simulator = builder.start().await.map_err(cannot_start)?;
        let is_shell = self.command.is_empty();
        introduce(app, &simulator, is_shell);
        let mut words = self.command.into_iter();
        let program = words.next().unwrap_or_else(shell);
        let status = run(Command::new(&program).args(words), &program, &simulator).await?;
        if is_shell {
            app.out.note(&Bilingual::fixed("the simulator has ended", "模拟器已停止"));
        }
        Ok(Exit::Other(code(status)))
    }
}

fn introduce(app: &App, simulator: &Simulator, is_shell: bool) {
    let url = simulator.base_url();
    app.out.note(&Bilingual::new(
        format!("a simulator runs. Open {url}/ in a browser: there you play customers and servicers"),
        format!("模拟器已启动。用浏览器打开 {url}/，在那里扮演客户和接待人员"),
    ));
    let vars: Vec<String> = simulator.vars().into_iter().map(|(name, value)| shown(name, &value)).collect();
    app.out.note(&Bilingual::new(format!("set: {}", vars.join(" ")), format!("已设置：{}", vars.join(" "))));
    if is_shell {
        app.out.note(&Bilingual::fixed("exit ends the shell and the simulator", "输入 exit 结束 shell 和模拟器"));
    }
}

/// Shows a variable without the values that are secret, even though they are worth nothing outside the simulator.
fn shown(name: &str, value: &str) -> String {
    let secrets = [Variable::Secret, Variable::CallbackToken, Variable::CallbackAesKey];
    let is_secret = secrets.into_iter().any(|secret| secret.name() == name);
    format!("{name}={}", if is_secret { "…" } else { value })
}

fn shell() -> OsString {
    let (variable, usual) = if cfg!(windows) { ("COMSPEC", "cmd") } else { ("SHELL", "/bin/sh") };
    env::var_os(variable).filter(|shell| !shell.is_empty()).unwrap_or_else(|| usual.into())
}

/// Runs a command to its end.
async fn run(command: &mut Command, program: &OsStr, simulator: &Simulator) -> Result<ExitStatus, Failure> {
    // What is meant for WeCom itself must not be used beside the simulator.
    let names = Variable::ALL.map(Variable::name).into_iter().chain([profile::STORE, profile::PROFILE]);
    for name in names {
        command.env_remove(name);
    }
    command.envs(simulator.vars()).kill_on_drop(true);
    let told_to_end = ignore_ctrl_c()?;
    let mut child = command.spawn().map_err(|error| {
        let name = program.display();
        Problem::new(
            Bilingual::new(format!("{name} cannot be started"), format!("无法启动 {name}")),
            ("Check the command after --, or the variable SHELL.", "检查 -- 之后的命令，或环境变量 SHELL。"),
        )
        .because(error)
    })?;
    tokio::select! {
        status = child.wait() => return Ok(status?),
        () = told_to_end => {}
    }
    // Nobody else tells the command, which would continue without a simulator.
    child.kill().await?;
    Ok(child.wait().await?)
}

/// Lets the command alone decide what Ctrl-C does, which a terminal sends to both. Returns what ends when the system tells
/// this program to end (SIGTERM).
#[cfg(unix)]
fn ignore_ctrl_c() -> io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let (interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    Ok(async move {
        let _nobody_listens = interrupt;
        terminate.recv().await;
    })
}

#[cfg(not(unix))]
fn ignore_ctrl_c() -> io::Result<impl Future<Output = ()>> {
    let interrupt = tokio::signal::windows::ctrl_c()?;
    Ok(async move {
        let _nobody_listens = interrupt;
        std::future::pending().await
    })
}

/// Returns the exit code as shells count it: 128 and the number of the signal that ended a command.
fn code(status: ExitStatus) -> u8 {
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        return u8::try_from(signal + 128).unwrap_or(1);
    }
    status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1)
}

fn cannot_start(error: StartError) -> Problem {
    match error {
        StartError::Listen { address, source, .. } => Problem::new(
            Bilingual::new(format!("the simulator cannot listen on {address}"), format!("模拟器无法监听 {address}")),
            (
                "Choose another port, or leave out --port to use a free one.",
                "换一个端口，或不写 --port 以使用空闲端口。",
            ),
        )
        .because(source),
        StartError::Callback { .. } => Problem::new(
            Bilingual::fixed("the URL of --callback is invalid", "--callback 的 URL 无效"),
            (
                "Write a URL of this machine, such as http://127.0.0.1:8080/callback.",
                "写本机的 URL，例如 http://127.0.0.1:8080/callback。",
            ),
        )
        .exit(Exit::Usage),
        error => Problem::new(
            Bilingual::fixed("the simulator cannot be started", "模拟器无法启动"),
            ("Correct the flags.", "修正参数。"),
        )
        .because(error),
    }
}
