//! TLS with a certificate of our own. The environment says what a client trusts, so each client is a process of its
//! own.

use std::env;
use std::path::Path;
use std::process::{Output, Stdio};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep};
use wecom_kf_inbox::store::{Acquired, Commit, Committed, Generation, InboxKey, InboxStore, Redis, StoreError};

use crate::server::{PATIENCE, free_port, program};

const URL: &str = "WECOM_KF_TEST_TLS_REDIS";
const PASSWORD: &str = "not-to-be-seen";

async fn make_certificate(folder: &Path) {
    let status = Command::new("openssl")
        .args(["req", "-x509", "-nodes", "-days", "2", "-subj", "/CN=redis", "-newkey", "ec"])
        .args(["-pkeyopt", "ec_paramgen_curve:prime256v1", "-addext", "subjectAltName=IP:127.0.0.1"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE", "-keyout", "key.pem", "-out", "certificate.pem"])
        .current_dir(folder)
        .stderr(Stdio::null())
        .status()
        .await
        .unwrap();
    assert!(status.success(), "openssl: {status}");
}

async fn start_server(folder: &Path, port: u16, clients: &[&str]) -> Child {
    let server = Command::new(program())
        .args(["--port", "0", "--tls-port", &port.to_string(), "--bind", "127.0.0.1", "--requirepass", PASSWORD])
        .args(["--tls-cert-file", "certificate.pem", "--tls-key-file", "key.pem"])
        .args(clients)
        .current_dir(folder)
        .stdout(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let patience = Instant::now() + PATIENCE;
    while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
        assert!(Instant::now() < patience, "redis-server does not answer: has it TLS?");
        sleep(Duration::from_millis(20)).await;
    }
    server
}

async fn client(port: u16, trusted: &Path) -> Output {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["tls::a_client_of_its_own", "--exact", "--ignored", "--nocapture"]);
    command.env(URL, format!("rediss://:{PASSWORD}@127.0.0.1:{port}/")).env("SSL_CERT_FILE", trusted);
    command.output().await.unwrap()
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn a_redis_behind_tls_needs_a_trusted_certificate() {
    let (folder, others) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    make_certificate(folder.path()).await;
    make_certificate(others.path()).await;
    let port = free_port();
    let _server = start_server(folder.path(), port, &["--tls-auth-clients", "no"]).await;

    let output = client(port, &folder.path().join("certificate.pem")).await;
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("revision 1 of c1"), "{said}");

    let output = client(port, &others.path().join("certificate.pem")).await;
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("certificate"), "{said}");
    assert!(!said.contains(PASSWORD), "{said}");
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn certificates_of_the_builder_are_used() {
    let (folder, of_client) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    make_certificate(folder.path()).await;
    make_certificate(of_client.path()).await;
    let read = |folder: &Path, name: &str| std::fs::read(folder.join(name)).unwrap();
    let trusted_client = of_client.path().join("certificate.pem");
    let trusted_client = trusted_client.to_str().unwrap();
    let port = free_port();
    let _server =
        start_server(folder.path(), port, &["--tls-auth-clients", "yes", "--tls-ca-cert-file", trusted_client]).await;
    let url = format!("rediss://:{PASSWORD}@127.0.0.1:{port}/");

    let builder = || Redis::builder(&url).ca_certificate(read(folder.path(), "certificate.pem"));
    let (certificate, key) = (read(of_client.path(), "certificate.pem"), read(of_client.path(), "key.pem"));
    let store = builder().client_certificate(certificate.clone(), key.clone()).open().await.unwrap();
    store.check().await.unwrap();

    let refused = [
        builder().open().await.unwrap(),
        Redis::builder(&url).client_certificate(certificate.clone(), key.clone()).open().await.unwrap(),
    ];
    for store in refused {
        let error = store.check().await.unwrap_err();
        assert!(!format!("{error:?}").contains(PASSWORD), "{error}");
    }
    let plain = format!("redis://127.0.0.1:{port}/");
    let error = Redis::builder(&plain).ca_certificate(certificate).open().await.unwrap_err();
    assert!(matches!(error, StoreError::Settings(_)), "{error}");
    let error = builder().client_certificate("no certificate", "no key").open().await.unwrap_err();
    assert!(matches!(error, StoreError::Settings(_)), "{error}");
}

/// This is not a test but the program that the test above starts. Alone it does nothing.
#[tokio::test]
#[ignore = "a process of the other tests"]
async fn a_client_of_its_own() {
    let Ok(url) = env::var(URL) else { return };
    let store = Redis::open(&url).await.unwrap_or_else(|error| panic!("{error}"));
    let key = InboxKey::new("example.invalid/ww1", "wk1".into());
    let Acquired::Lease(lease) = store.acquire(&key, "a", Duration::from_secs(60)).await.unwrap() else {
        panic!("nobody else has it")
    };
    let mut commit = Commit::whole(&Committed::new(Generation::random()));
    commit.cursor = Some("c1".into());
    store.commit(&lease, &commit).await.unwrap();
    let state = store.load(&key).await.unwrap().unwrap();
    println!("revision {} of {}", state.revision, state.cursor.unwrap());
}
