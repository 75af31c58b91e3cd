//! The axum service that passes WeCom's callbacks to an inbox or to a group (feature `axum`).

use wecom_kf::callback::{self, Callback, MethodRouter};
use wecom_kf_callback::Event;

use crate::group::GroupHandle;
use crate::inbox::InboxHandle;

impl InboxHandle {
    /// Returns the service for the URL of the callback: it answers WeCom at once and wakes the inbox.
    ///
    /// ```no_run
    /// # use wecom_kf_inbox::{InboxHandle, Report, Settings};
    /// use wecom_kf_inbox::callback::{self, Router};
    ///
    /// async fn listen(settings: &Settings, inbox: &InboxHandle) -> Result<(), Report> {
    ///     let app = Router::new().route("/callback", inbox.service(settings.callback()?));
    ///     let listener = tokio::net::TcpListener::bind(settings.listen()?).await?;
    ///     tokio::spawn(callback::serve(listener, app));
    ///     Ok(())
    /// }
    /// ```
    pub fn service(&self, callback: Callback) -> MethodRouter {
        passing_to(self.waker(), callback)
    }
}

impl GroupHandle {
    /// Returns the service for the URL of the callback: it answers WeCom at once and wakes the inbox of the account. See
    /// [`InboxHandle::service`].
    pub fn service(&self, callback: Callback) -> MethodRouter {
        passing_to(self.waker(), callback)
    }
}

fn passing_to(wake: impl Fn(&Event) -> bool + Send + 'static, callback: Callback) -> MethodRouter {
    let (service, mut events) = callback::service(callback);
    tokio::spawn(async move {
        while let Some(event) = events.recv().await {
            wake(&event);
        }
    });
    service
}
