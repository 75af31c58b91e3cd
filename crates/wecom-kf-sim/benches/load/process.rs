//! The simulator's process: how it is started, and what it takes.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

pub(crate) struct Process {
    child: Child,
    stdout: BufReader<ChildStdout>,
    /// What the process said of itself: see `serve.rs`.
    pub(crate) ready: Value,
}

impl Process {
    pub(crate) fn start(flags: &[&str]) -> Self {
        Self::spawn(Command::new(std::env::current_exe().unwrap()).arg("serve").args(flags)).unwrap()
    }

    /// Returns `None` if valgrind is not installed.
    pub(crate) fn start_under_valgrind(flags: &[&str], file: Option<&Path>) -> Option<Self> {
        let file = file.unwrap_or(Path::new("/dev/null"));
        let mut command = Command::new("valgrind");
        command.arg("--tool=callgrind").arg(format!("--callgrind-out-file={}", file.display()));
        command.arg(std::env::current_exe().unwrap()).arg("serve").args(flags).stderr(Stdio::piped());
        Self::spawn(&mut command)
    }

    fn spawn(command: &mut Command) -> Option<Self> {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().ok()?;
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let mut process = Self { child, stdout, ready: Value::Null };
        process.ready = serde_json::from_str(&process.line()).unwrap();
        Some(process)
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn address(&self) -> String {
        self.text("base_url").replace("http://", "")
    }

    pub(crate) fn text(&self, name: &str) -> &str {
        self.ready[name].as_str().unwrap()
    }

    /// Lets customers write so many messages in turn, without a call.
    pub(crate) fn write(&mut self, messages: usize) {
        writeln!(self.child.stdin.as_mut().unwrap(), "{messages}").unwrap();
        assert_eq!(self.line(), "done\n");
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        line
    }

    pub(crate) fn resident_mb(&self) -> f64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<f64>().unwrap() / 1024.0
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It ends when its standard input is closed.
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

/// The CPU time of all threads that a process has now.
pub(crate) fn cpu_of(process: u32) -> Duration {
    let threads = fs::read_dir(format!("/proc/{process}/task")).unwrap();
    let nanoseconds = threads.map(|thread| {
        // A thread may end while the folder is read.
        let schedstat = fs::read_to_string(thread.unwrap().path().join("schedstat")).unwrap_or_default();
        schedstat.split(' ').next().and_then(|first| first.parse::<u64>().ok()).unwrap_or_default()
    });
    Duration::from_nanos(nanoseconds.sum())
}

/// Ends a process that runs under valgrind, and returns how many instructions it took in all.
pub(crate) fn instructions_of(mut process: Process) -> u64 {
    drop(process.child.stdin.take());
    let mut report = String::new();
    process.child.stderr.take().unwrap().read_to_string(&mut report).unwrap();
    let line = report.lines().find_map(|line| line.split_once("Collected :")).expect("callgrind counts");
    line.1.trim().parse().expect("callgrind prints a number")
}
