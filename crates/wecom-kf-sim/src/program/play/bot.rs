//! `play`: the process of the bot, which ends with its scenario.

use std::ffi::OsString;
use std::io;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::process::{Child, Command};

/// A bot that is told to end has this long before it is killed.
const TO_END: Duration = Duration::from_secs(10);
/// How often it is looked whether what the bot started has ended: the system has no event for that.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// A bot that was started for a scenario.
pub(super) struct Bot {
    child: Child,
    name: String,
    #[cfg(unix)]
    group: Option<rustix::process::Pid>,
}

impl Bot {
    /// Starts the command with the variables of a simulator. What it prints goes to standard error, beside the transcript.
    pub(super) fn start(command: &[OsString], vars: &[(String, String)]) -> Result<Self, String> {
        let (program, arguments) = command.split_first().ok_or("there is no command to run")?;
        let mut command = Command::new(program);
        command.args(arguments).envs(vars.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stdout(Stdio::from(io::stderr())).kill_on_drop(true);
        // A group of its own: a bot that `cargo run` or a shell has started is to end too.
        #[cfg(unix)]
        command.process_group(0);
        let name = program.display().to_string();
        let child = command.spawn().map_err(|error| format!("cannot start {name}: {error}"))?;
        #[cfg(unix)]
        let group = child.id().and_then(|id| i32::try_from(id).ok()).and_then(rustix::process::Pid::from_raw);
        Ok(Self {
            child,
            name,
            #[cfg(unix)]
            group,
        })
    }

    /// Waits until the command ends with an error. One that ends well may have started a bot that runs on.
    pub(super) async fn fails(&mut self) -> String {
        match self.child.wait().await {
            Ok(status) if status.success() => std::future::pending().await,
            Ok(status) => format!("{} ended before the scenario was over: {}", self.name, shown(status)),
            Err(error) => format!("cannot wait for {}: {error}", self.name),
        }
    }

    /// Tells the bot and what it started to end, and kills what has not ended in time.
    pub(super) async fn end(mut self) {
        self.tell_group(Signal::Terminate);
        let all_ended = async {
            let _ = self.child.wait().await;
            while self.group_lives() {
                tokio::time::sleep(LOOK_AGAIN).await;
            }
        };
        if tokio::time::timeout(TO_END, all_ended).await.is_err() {
            self.tell_group(Signal::Kill);
            let _ = self.child.kill().await;
        }
    }

    #[cfg(unix)]
    fn tell_group(&self, signal: Signal) {
        let signal = match signal {
            Signal::Terminate => rustix::process::Signal::TERM,
            Signal::Kill => rustix::process::Signal::KILL,
        };
        // Fails if nobody is left.
        self.group.map(|group| rustix::process::kill_process_group(group, signal));
    }

    #[cfg(unix)]
    fn group_lives(&self) -> bool {
        self.group.is_some_and(|group| rustix::process::test_kill_process_group(group).is_ok())
    }

    /// Elsewhere processes are killed, not told.
    #[cfg(not(unix))]
    fn tell_group(&mut self, _: Signal) {
        let _ = self.child.start_kill();
    }

    #[cfg(not(unix))]
    fn group_lives(&self) -> bool {
        false
    }
}

#[derive(Clone, Copy)]
enum Signal {
    Terminate,
    Kill,
}

fn shown(status: ExitStatus) -> String {
    status.code().map_or_else(|| status.to_string(), |code| format!("exit code {code}"))
}
