//! Runs the example as people do: in a process of its own.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tempfile::TempDir;
use wecom_kf_sim::{Builder, Simulator, op};

const DAY: Duration = Duration::from_secs(24 * 3600);

/// Cargo puts the examples of a package beside its tests.
fn echo_bot() -> Command {
    let test = std::env::current_exe().unwrap();
    let target: PathBuf = test.ancestors().nth(2).unwrap().into();
    let program = target.join("examples").join(format!("echo_bot{}", std::env::consts::EXE_SUFFIX));
    let mut command = Command::new(program);
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("WECOM_")) {
        command.env_remove(name);
    }
    command.env("NO_PROXY", "127.0.0.1");
    command
}

/// A bot in a folder of its own. It is killed at the end, even if an assertion fails.
struct Bot {
    process: Child,
    folder: TempDir,
}

impl Drop for Bot {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Bot {
    fn start(sim: &Simulator) -> Self {
        Self::start_in(sim, TempDir::new().unwrap())
    }

    fn start_in(sim: &Simulator, folder: TempDir) -> Self {
        let mut command = echo_bot();
        command.arg(sim.open_kfid()).current_dir(folder.path()).envs(sim.vars()).stdout(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert!(line.contains(&sim.open_kfid()), "{line}");
        Self { process, folder }
    }

    /// Kills the bot, as when a machine loses power. Returns the folder with the store.
    fn killed(mut self) -> TempDir {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        std::mem::replace(&mut self.folder, TempDir::new().unwrap())
    }
}

/// Returns a simulator whose clock stands still at yesterday's time.
fn a_day_ago() -> Builder {
    #[allow(clippy::disallowed_methods, reason = "the bot's process has the real time")]
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Simulator::builder().manual_clock_from(now - DAY)
}

/// Makes the simulator send callbacks from now on, to a free port. There is none for earlier messages.
fn send_callbacks(sim: &Simulator) {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let key = "BwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyAhIiMkJSY";
    sim.set_callback(&format!("http://{address}/callback"), "TOKEN1", key).unwrap();
}

fn until_it_has_read(sim: &Simulator) {
    while sim.calls(op::SYNC_MSG) == 0 {
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn without_an_account_it_plays_a_conversation_to_its_end() {
    let output = echo_bot().output().unwrap();
    let transcript = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{transcript}\n{}", String::from_utf8_lossy(&output.stderr));
    for line in
        ["  小王      你好\n  bot       你好\n", "🙂\n  bot       Do you", "📦\n  bot       我的订单", "  zhangsan  "]
    {
        assert!(transcript.contains(line), "{line:?} is missing: {transcript}");
    }
    let end = "3 messages answered, 2 access tokens fetched, 1 old message left unanswered.\n";
    assert!(transcript.ends_with(end), "{transcript}");
    assert!(!transcript.contains("昨天"), "what was written before was answered: {transcript}");
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test(flavor = "multi_thread")]
async fn it_answers_what_came_while_it_was_down() {
    let sim = a_day_ago().servicer("zhangsan").start().await.unwrap();
    let (customer, other) = (sim.customer("小王"), sim.customer("小李"));
    // The history is longer than one page.
    for number in 0..1500 {
        customer.says(&format!("旧消息{number}"));
    }
    other.says("也是旧的");
    sim.advance(DAY);
    send_callbacks(&sim);
    let bot = Bot::start(&sim);
    until_it_has_read(&sim);
    customer.says("新消息");
    assert_eq!(customer.hears().await.unwrap().text(), Some("新消息"));

    let folder = bot.killed();
    customer.says("你还在吗");
    other.says("在吗");
    let _bot = Bot::start_in(&sim, folder);
    assert_eq!(customer.hears().await.unwrap().text(), Some("你还在吗"));
    assert_eq!(other.hears().await.unwrap().text(), Some("在吗"));
    assert_eq!((customer.heard().len(), other.heard().len()), (2, 1));
    assert_eq!(sim.calls(op::SERVICE_STATE_TRANS), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn with_credentials_and_no_account_named_it_lists_them_and_stops() {
    let sim = Simulator::builder().account("售前").account("售后").start().await.unwrap();
    sim.customer("小王").says("在吗");
    let output = echo_bot().envs(sim.vars()).env_remove("WECOM_KF_OPEN_KFID").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}");
    assert!(text.contains("售前") && text.contains("售后") && text.contains(&sim.open_kfid()), "{text}");
    assert_eq!((sim.calls(op::SYNC_MSG), sim.calls(op::SEND_MSG)), (0, 0));
}

#[test]
fn with_half_of_the_settings_it_names_what_is_missing() {
    let output = echo_bot().env("WECOM_CORP_ID", "ww").output().unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && error.contains("WECOM_KF_SECRET"), "{error}");
    assert!(output.stdout.is_empty());
    let output = echo_bot().arg("wkAccount").output().unwrap();
    assert!(!output.status.success(), "an account was named, and nobody to ask: {output:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_settings_end_it_with_the_remedy() {
    let sim = Simulator::start().await.unwrap();
    let run = |name: &str, value: &str| {
        let folder = TempDir::new().unwrap();
        let mut command = echo_bot();
        command.arg(sim.open_kfid()).current_dir(folder.path()).envs(sim.vars()).env("WECOM_KF_LANG", "zh");
        let output = command.env(name, value).output().unwrap();
        assert!(!output.status.success(), "{output:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    let error = run("WECOM_KF_SECRET", "wrong");
    assert!(error.contains("40001") && error.contains("处理："), "{error}");
    let error = run("WECOM_KF_LISTEN", "127.0.0.1:0");
    for variable in ["WECOM_KF_CALLBACK_TOKEN：未设置", "WECOM_KF_CALLBACK_AES_KEY：未设置"] {
        assert!(error.contains(variable), "{error}");
    }
}
