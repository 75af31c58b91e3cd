//! Waits until a bot that starts listens for callbacks.

use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

/// The variable with the host and port at which a bot listens.
pub(super) const LISTEN: &str = "WECOM_KF_LISTEN";
/// How often a bot that starts is asked: the system has no event for that.
const AGAIN: Duration = Duration::from_millis(50);

/// Waits until something listens at this host and port, but no longer than `patience`: then whoever asks next says what is
/// wrong.
pub(super) async fn until_listening(address: &str, patience: Duration) {
    let listening = async {
        while TcpStream::connect(address).await.is_err() {
            sleep(AGAIN).await;
        }
    };
    let _ = timeout(patience, listening).await;
}
