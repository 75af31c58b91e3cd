//! Runs the example `worker` against a real Redis.

use std::path::PathBuf;

use tokio::process::Command;

use crate::server::{Persistence, Server};

/// Cargo puts examples beside tests.
fn worker() -> Command {
    let test = std::env::current_exe().unwrap();
    let target: PathBuf = test.ancestors().nth(2).unwrap().into();
    let program = target.join("examples").join("worker");
    assert!(program.exists(), "{} is not built: see main.rs for how", program.display());
    let mut command = Command::new(program);
    for name in ["WECOM_CORP_ID", "WECOM_KF_SECRET", "WECOM_KF_BASE_URL"] {
        command.env_remove(name);
    }
    command
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn the_example_kills_a_worker_and_the_other_answers_the_rest() {
    let server = Server::start(Persistence::Nothing).await;
    let output = worker().env("REDIS_URL", server.url()).output().await.unwrap();
    let transcript = String::from_utf8(output.stdout).unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{transcript}\n{errors}");
    assert!(transcript.contains("12 questions, 12 answers, 1 access token fetched."), "{transcript}");
    assert_eq!(transcript.matches("  reads  ").count(), 2, "{transcript}");
    assert_eq!(transcript.matches(r#""ready":true,"reasons":[],"accounts":{"found":1,"#).count(), 2, "{transcript}");
    for number in 1..=12 {
        assert_eq!(transcript.matches(&format!(": 第 {number} 问\n")).count(), 1, "{number}: {transcript}");
    }
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn the_example_says_what_to_do_if_there_is_no_redis() {
    let output = worker().env("REDIS_URL", "redis://:CANARY@127.0.0.1:1/").output().await.unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    assert_eq!(errors.matches("no connection with the Redis at 127.0.0.1:1").count(), 1, "{errors}");
    assert!(errors.contains("do: bring it back") && !errors.contains("CANARY"), "{errors}");
}
