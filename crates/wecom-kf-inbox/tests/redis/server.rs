use std::io;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tokio::time::{Instant, sleep};
use wecom_kf_inbox::store::Redis;

/// Whether it remembers anything when it is started again.
#[derive(Clone, Copy)]
pub(crate) enum Persistence {
    /// An append-only file, written before each answer.
    Always,
    /// One that is written every second.
    EverySecond,
    Nothing,
}

/// A `redis-server` of our own on a free port, with a folder of its own. Both go when it is dropped.
pub(crate) struct Server {
    process: Child,
    port: u16,
    folder: PathBuf,
    persistence: Persistence,
}

impl Server {
    pub(crate) async fn start(persistence: Persistence) -> Self {
        let port = free_port();
        let folder = std::env::temp_dir().join(format!("wecom-kf-redis-{}-{port}", std::process::id()));
        std::fs::create_dir(&folder).unwrap();
        let mut server = Self { process: spawn(port, &folder, persistence), port, folder, persistence };
        server.is_up().await;
        server
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

    /// A connection beside the store's.
    pub(crate) async fn connection(&self) -> redis::aio::MultiplexedConnection {
        let client = redis::Client::open(self.url()).unwrap();
        // Half a second, as it would be, is not much on a busy machine.
        let patient = redis::AsyncConnectionConfig::new().set_response_timeout(Some(Duration::from_secs(20)));
        client.get_multiplexed_async_connection_with_config(&patient).await.unwrap()
    }

    /// As if the machine lost power.
    pub(crate) fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    pub(crate) async fn start_again(&mut self) {
        self.process = spawn(self.port, &self.folder, self.persistence);
        self.is_up().await;
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }

    async fn is_up(&mut self) {
        let until = Instant::now() + Duration::from_secs(20);
        loop {
            if let Some(status) = self.process.try_wait().unwrap() {
                panic!("redis-server ended with {status}");
            }
            // Opened means that scripts run: it has read its file.
            match Redis::open(&self.url()).await {
                Ok(_) => return,
                Err(error) if Instant::now() > until => panic!("{error}"),
                Err(_) => sleep(Duration::from_millis(20)).await,
            }
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn spawn(port: u16, folder: &std::path::Path, persistence: Persistence) -> Child {
    let (append, sync) = match persistence {
        Persistence::Always => ("yes", "always"),
        Persistence::EverySecond => ("yes", "everysec"),
        Persistence::Nothing => ("no", "no"),
    };
    let program = program();
    let started = Command::new(&program)
        .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--dir", &folder.to_string_lossy()])
        .args(["--save", "", "--appendonly", append, "--appendfsync", sync])
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

/// Another one, such as a Valkey or an older Redis, can be named.
pub(crate) fn program() -> String {
    std::env::var("WECOM_KF_REDIS_SERVER").unwrap_or_else(|_| "redis-server".to_owned())
}

pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Sends a signal to a process of ours: SIGSTOP, SIGCONT, SIGKILL.
pub(crate) fn signal(pid: u32, name: &str) {
    let status = Command::new("kill").args(["-s", name, &pid.to_string()]).status().unwrap();
    assert!(status.success(), "kill -s {name} {pid}");
}
