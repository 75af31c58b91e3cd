//! When the system or somebody at the terminal tells the program to end.

/// Ends when the system tells the program to end (SIGTERM). It is listened to from now on, not only once the future is polled.
#[cfg(unix)]
pub(super) fn told_to_end() -> impl Future<Output = ()> {
    use tokio::signal::unix::{SignalKind, signal};
    let terminate = signal(SignalKind::terminate());
    async {
        match terminate {
            Ok(mut terminate) => drop(terminate.recv().await),
            Err(_) => std::future::pending().await,
        }
    }
}

/// Elsewhere the program is not told, but ended.
#[cfg(not(unix))]
pub(super) async fn told_to_end() {
    std::future::pending::<()>().await;
}

/// Ends with Ctrl-C, or when the system tells the program to end.
pub(super) async fn interrupted() {
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        () = told_to_end() => {}
    }
}
