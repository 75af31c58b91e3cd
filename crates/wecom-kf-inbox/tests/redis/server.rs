//! A `redis-server` for tests and benches.

use std::io;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tokio::time::{Instant, sleep};
use wecom_kf_inbox::store::Redis;

/// Whether the server keeps its data across a restart.
#[derive(Clone, Copy)]
pub(crate) enum Persistence {
    /// An append-only file, written before each answer.
    Always,
    /// An append-only file, written every second.
    EverySecond,
    Nothing,
}

/// A `redis-server` of our own on a free port, with a folder of its own. A drop ends the server and deletes the folder.
pub(crate) struct Server {
    process: Child,
    port: u16,
    folder: PathBuf,
    /// The arguments, except port and folder.
    arguments: Vec<String>,
}

impl Server {
    pub(crate) async fn start(persistence: Persistence) -> Self {
        Self::start_with(persistence, &[]).await
    }

    /// Starts a server with more arguments, such as `--replicaof`.
    pub(crate) async fn start_with(persistence: Persistence, arguments: &[&str]) -> Self {
        let (append, sync) = match persistence {
            Persistence::Always => ("yes", "always"),
            Persistence::EverySecond => ("yes", "everysec"),
            Persistence::Nothing => ("no", "no"),
        };
        let all = [&["--save", "", "--appendonly", append, "--appendfsync", sync], arguments].concat();
        let arguments: Vec<String> = all.into_iter().map(str::to_owned).collect();
        // Another program may take a port that was free.
        for _ in 0..10 {
            let (port, folder) = (free_port(), new_folder());
            let process = spawn(port, &folder, &arguments);
            let mut server = Self { process, port, folder, arguments: arguments.clone() };
            if server.is_up().await {
                return server;
            }
        }
        panic!("redis-server does not start");
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://{}/", self.address())
    }

    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    pub(crate) async fn store(&self) -> Redis {
        Redis::open(&self.url()).await.unwrap()
    }

    /// Opens a connection beside that of the store.
    pub(crate) async fn connection(&self) -> redis::aio::MultiplexedConnection {
        let client = redis::Client::open(self.url()).unwrap();
        // The default of half a second is too short on a busy machine.
        let patient = redis::AsyncConnectionConfig::new().set_response_timeout(Some(PATIENCE));
        client.get_multiplexed_async_connection_with_config(&patient).await.unwrap()
    }

    /// Kills the server, as when the machine loses power.
    pub(crate) fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    pub(crate) async fn start_again(&mut self) {
        self.process = spawn(self.port, &self.folder, &self.arguments);
        assert!(self.is_up().await, "redis-server does not start again");
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Waits until the server answers and has read its file. Returns false if it ends instead.
    async fn is_up(&mut self) -> bool {
        let until = Instant::now() + PATIENCE;
        loop {
            if self.process.try_wait().unwrap().is_some() {
                return false;
            }
            let client = redis::Client::open(self.url()).unwrap();
            if let Ok(mut connection) = client.get_multiplexed_async_connection().await {
                let answer = redis::cmd("DBSIZE").query_async::<i64>(&mut connection).await;
                // If the server wants a login, it is up; the login is the test's business.
                if answer.as_ref().map_or_else(|error| error.code() == Some("NOAUTH"), |_| true) {
                    return true;
                }
            }
            assert!(Instant::now() < until, "redis-server does not answer");
            sleep(Duration::from_millis(20)).await;
        }
    }
}

/// The time limit is long, since no test may depend on the speed of this machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(180);

pub(crate) fn new_folder() -> PathBuf {
    let folder = std::env::temp_dir().join(format!("wecom-kf-redis-{}-{:x}", std::process::id(), fastrand::u64(..)));
    std::fs::create_dir(&folder).unwrap();
    folder
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn spawn(port: u16, folder: &std::path::Path, arguments: &[String]) -> Child {
    let program = program();
    let started = Command::new(&program)
        .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--dir", &folder.to_string_lossy()])
        .args(arguments)
        .stdout(Stdio::null())
        .spawn();
    match started {
        Ok(process) => process,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            panic!("there is no {program}: install it (apt-get install redis-server)")
        }
        Err(error) => panic!("{program}: {error}"),
    }
}

/// Returns the program. Another one, such as a Valkey or an older Redis, can be named.
pub(crate) fn program() -> String {
    std::env::var("WECOM_KF_REDIS_SERVER").unwrap_or_else(|_| "redis-server".to_owned())
}

/// Returns a port that is free now. The port that is 10,000 above it is free too, since a node of a cluster needs both.
pub(crate) fn free_port() -> u16 {
    loop {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        if port.checked_add(10_000).is_some_and(|second| TcpListener::bind(("127.0.0.1", second)).is_ok()) {
            return port;
        }
    }
}

/// Sends a signal to a process of ours: SIGSTOP, SIGCONT, SIGKILL.
pub(crate) fn signal(pid: u32, name: &str) {
    let status = Command::new("kill").args(["-s", name, &pid.to_string()]).status().unwrap();
    assert!(status.success(), "kill -s {name} {pid}");
}
