//! A simulator and the program that is run against it. No output may show a secret.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::process::Stdio;
use std::time::Duration;

use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStderr, ChildStdout, Command};
use tokio::time::timeout;
use wecom_kf_sim::Simulator;

/// The program, built for this test.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_wecom-kf");

pub(crate) struct Stage {
    pub(crate) simulator: Simulator,
    /// The home folder of the program, with its profiles.
    pub(crate) home: TempDir,
}

/// What a run of the program printed, with the simulator's address replaced by `[URL]`.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) code: i32,
}

impl Stage {
    /// Starts a simulator whose ids are always the same, with two accounts and two servicers.
    pub(crate) async fn start() -> Self {
        let builder =
            Simulator::builder().seed(7).account("小店").account("售后").servicer("zhangsan").servicer("lisi");
        Self::with(builder).await
    }

    /// Starts a simulator whose ids and times are always the same: it is 08:00 of 2024-06-10 in China.
    pub(crate) async fn in_the_past() -> Self {
        let clock = Duration::from_secs(1_717_948_800 + 8 * 3600);
        let builder = Simulator::builder().seed(7).manual_clock_from(clock).account("小店").servicer("zhangsan");
        Self::with(builder).await
    }

    pub(crate) async fn with(builder: wecom_kf_sim::Builder) -> Self {
        Self { simulator: builder.start().await.unwrap(), home: TempDir::new().unwrap() }
    }

    /// Returns a run of the program with the variables of the simulator.
    pub(crate) fn run(&self, args: &[&str]) -> Run<'_> {
        let mut run = self.run_without_settings(args);
        run.vars.extend(self.simulator.vars().into_iter().map(|(name, value)| (name.to_owned(), value)));
        run
    }

    /// Returns a run of the program without any variable of the client.
    pub(crate) fn run_without_settings(&self, args: &[&str]) -> Run<'_> {
        let args = args.iter().map(|&arg| arg.to_owned()).collect();
        let vars = [("WECOM_KF_LANG", "en"), ("TZ", "Asia/Shanghai"), ("COLUMNS", "100")];
        let vars = vars.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        Run { stage: self, args, vars, input: None, reveals_token: false }
    }

    /// Writes the file with the profiles.
    pub(crate) fn profiles(&self, toml: &str) {
        let folder = self.home.path().join(".config/wecom-kf");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("profiles.toml"), toml).unwrap();
    }

    /// Replaces what differs from run to run, and fails if a secret is shown.
    pub(crate) fn cleaned(&self, text: &str) -> String {
        let text = text.replace("\r\n", "\n");
        for secret in self.secrets() {
            assert!(!text.contains(&secret), "the output shows a secret: {text}");
        }
        let url = self.simulator.base_url();
        let text = text.replace(&url, "[URL]").replace(url.trim_start_matches("http://"), "[ADDRESS]");
        text.replace(&self.home.path().display().to_string(), "[HOME]")
    }

    fn secrets(&self) -> Vec<String> {
        let is_secret = |name: &str| ["SECRET", "CALLBACK_TOKEN", "AES_KEY"].iter().any(|part| name.contains(part));
        let of_vars = self.simulator.vars().into_iter().filter(|(name, _)| is_secret(name)).map(|(_, value)| value);
        of_vars.chain([self.simulator.secret()]).chain(self.simulator.access_token()).collect()
    }
}

/// A run of the program.
pub(crate) struct Run<'a> {
    stage: &'a Stage,
    args: Vec<String>,
    vars: BTreeMap<String, String>,
    input: Option<String>,
    reveals_token: bool,
}

impl<'a> Run<'a> {
    pub(crate) fn var(mut self, name: &str, value: impl Into<String>) -> Self {
        self.vars.insert(name.to_owned(), value.into());
        self
    }

    pub(crate) fn without_var(mut self, name: &str) -> Self {
        self.vars.remove(name);
        self
    }

    pub(crate) fn in_chinese(self) -> Self {
        self.var("WECOM_KF_LANG", "zh")
    }

    /// Sets what the program reads from standard input; by default there is nothing.
    pub(crate) fn input(mut self, text: &str) -> Self {
        self.input = Some(text.to_owned());
        self
    }

    /// Allows the run to show the access token, as `[TOKEN]`.
    pub(crate) fn revealing_the_token(mut self) -> Self {
        self.reveals_token = true;
        self
    }

    pub(crate) fn vars(&self) -> &BTreeMap<String, String> {
        &self.vars
    }

    pub(crate) fn args(&self) -> &[String] {
        &self.args
    }

    pub(crate) fn stage(&self) -> &'a Stage {
        self.stage
    }

    /// Replaces what differs from run to run. Fails if a secret is shown, or a text with CANARY without `--show-text`: it
    /// stands for what people write.
    pub(crate) fn cleaned(&self, text: &str) -> String {
        let shows_text = self.args.iter().any(|arg| arg == "--show-text");
        assert!(shows_text || !text.contains("CANARY"), "the output shows a text: {text}");
        match self.stage.simulator.access_token().filter(|_| self.reveals_token) {
            Some(token) => self.stage.cleaned(&text.replace(&token, "[TOKEN]")),
            None => self.stage.cleaned(text),
        }
    }

    /// Starts the program, with its output in pipes and nothing to read.
    pub(crate) fn started(self) -> Running<'a> {
        let mut child = command(&self.vars, self.stage)
            .args(self.args.iter().map(OsStr::new))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap()).lines();
        let stderr = BufReader::new(child.stderr.take().unwrap()).lines();
        Running { run: self, child, stdout, stderr }
    }

    /// Runs the program to its end, with its output in pipes.
    pub(crate) async fn piped(mut self) -> Outcome {
        let mut child = command(&self.vars, self.stage)
            .args(self.args.iter().map(OsStr::new))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        // A program that reads nothing may have closed it.
        let _ = stdin.write_all(self.input.take().unwrap_or_default().as_bytes()).await;
        drop(stdin);
        let output = child.wait_with_output().await.unwrap();
        let text = |bytes: Vec<u8>| self.cleaned(&String::from_utf8(bytes).unwrap());
        Outcome { stdout: text(output.stdout), stderr: text(output.stderr), code: output.status.code().unwrap() }
    }
}

/// A run of the program that has not ended.
pub(crate) struct Running<'a> {
    run: Run<'a>,
    child: Child,
    stdout: Lines<BufReader<ChildStdout>>,
    stderr: Lines<BufReader<ChildStderr>>,
}

impl Running<'_> {
    /// Waits for the next line of standard output.
    pub(crate) async fn line(&mut self) -> String {
        let line = timeout(Duration::from_secs(60), self.stdout.next_line()).await.unwrap().unwrap();
        self.run.cleaned(&line.unwrap())
    }

    /// Waits for the next line of standard error.
    pub(crate) async fn note(&mut self) -> String {
        let line = timeout(Duration::from_secs(60), self.stderr.next_line()).await.unwrap().unwrap();
        self.run.cleaned(&line.unwrap())
    }

    /// Presses Ctrl-C and waits for the end. The outcome has what was not read before.
    pub(crate) async fn interrupted(mut self) -> Outcome {
        let kill = Command::new("kill").args(["-INT", &self.child.id().unwrap().to_string()]).status().await;
        assert!(kill.unwrap().success());
        let (mut stdout, mut stderr) = (String::new(), String::new());
        while let Some(line) = timeout(Duration::from_secs(60), self.stdout.next_line()).await.unwrap().unwrap() {
            stdout += &(line + "\n");
        }
        while let Some(line) = timeout(Duration::from_secs(60), self.stderr.next_line()).await.unwrap().unwrap() {
            stderr += &(line + "\n");
        }
        let code = self.child.wait().await.unwrap().code().unwrap();
        Outcome { stdout: self.run.cleaned(&stdout), stderr: self.run.cleaned(&stderr), code }
    }
}

fn command(vars: &BTreeMap<String, String>, stage: &Stage) -> Command {
    let mut command = Command::new(PROGRAM);
    // Nothing of the machine that runs the tests may change the outcome.
    command.env_clear().env("HOME", stage.home.path()).env("NO_PROXY", "127.0.0.1,localhost");
    command.envs(["PATH", "SystemRoot"].iter().filter_map(|name| Some((name, std::env::var_os(name)?)))).envs(vars);
    command
}

impl Outcome {
    /// Compares the outcome with what is expected: the exit code, standard output, and standard error.
    #[track_caller]
    pub(crate) fn is(&self, code: i32, stdout: impl snapbox::IntoData, stderr: impl snapbox::IntoData) {
        let assert = snapbox::Assert::new().action_env(snapbox::assert::DEFAULT_ACTION_ENV);
        assert.eq(&self.stdout, stdout.raw());
        assert.eq(&self.stderr, stderr.raw());
        assert_eq!(self.code, code, "{self:?}");
    }
}
