//! A process that only receives callbacks, and passes them on to the processes that read the accounts.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;
use wecom_kf::{Error, OpenKfid, Settings};
use wecom_kf_callback::Event;

use crate::report::in_one_line;
use crate::store::{InboxKey, InboxStore, StoreError, Wake, scope_at};

/// Passes callbacks on to the readers through a store of several processes, such as `Redis`. It needs no secret and calls
/// nothing of WeCom's, so it can face the internet alone while the bots run elsewhere.
///
/// ```no_run
/// # #[cfg(all(feature = "axum", feature = "redis"))]
/// # async fn example() -> Result<(), wecom_kf_inbox::Report> {
/// use wecom_kf_inbox::callback::{self, Router};
/// use wecom_kf_inbox::{Gateway, Settings, store::Redis};
///
/// let settings = Settings::from_env();
/// let gateway = Gateway::new(Redis::open("redis://127.0.0.1/").await?, &settings)?;
/// let app = Router::new().route("/callback", gateway.service(settings.callback()?));
/// let listener = tokio::net::TcpListener::bind(settings.listen()?).await?;
/// callback::serve(listener, app).await;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Gateway {
    store: Arc<dyn InboxStore>,
    scope: String,
}

/// How often a callback is passed on while the store does not answer, and the wait in between. The readers poll, too.
const TRIES: u32 = 5;
const AGAIN_AFTER: Duration = Duration::from_secs(1);

impl Gateway {
    /// Creates a gateway for the bots of a corp that use this store. Corp id and base URL must be those of the bots. With
    /// another base URL, such as that of a simulator, the bots have another [scope](Self::scope), and no callback reaches them.
    ///
    /// # Errors
    ///
    /// Those of [`Settings::require`] for the corp id, also for a base URL that is set but invalid.
    pub fn new(store: impl InboxStore, settings: &Settings) -> Result<Self, Error> {
        let scope = scope_at(&settings.base_url()?, settings.corp_id()?);
        Ok(Self { store: Arc::new(store), scope })
    }

    /// Sets the scope, if that of the inboxes was set: see [`InboxBuilder::scope`](crate::InboxBuilder::scope). By default it
    /// is the host of the API and the corp id.
    pub fn scope(mut self, scope: impl Into<String>) -> Self {
        self.scope = scope.into();
        self
    }

    /// Passes a callback on: to the reader of its account, or to the whole [group](crate::InboxGroup) if it names no account or
    /// announces accounts. Other events are ignored.
    ///
    /// # Errors
    ///
    /// Those of the store. [`StoreError::Settings`]: it is a store of one process.
    pub async fn pass_on(&self, event: &Event) -> Result<(), StoreError> {
        let (key, wake) = match event {
            Event::KfMsgOrEvent(news) => {
                let key = match &news.open_kfid {
                    Some(open_kfid) => InboxKey::new(&*self.scope, OpenKfid::new(open_kfid)),
                    None => InboxKey::of_fleet(&*self.scope),
                };
                (key, Wake::from(news))
            }
            Event::KfAccountAuthChange(change) => {
                (InboxKey::of_fleet(&*self.scope), Wake::new(None, change.create_time))
            }
            _ => return Ok(()),
        };
        let fleet = self.store.fleet().ok_or_else(StoreError::of_one_process)?;
        fleet.wake(&key, &wake).await.map(drop)
    }

    /// Returns the service for the URL of the callback: it answers WeCom at once and passes events on in the background. While
    /// the store does not answer, it tries for some seconds.
    #[cfg(feature = "axum")]
    #[cfg_attr(docsrs, doc(cfg(feature = "axum")))]
    pub fn service(&self, callback: wecom_kf::callback::Callback) -> wecom_kf::callback::MethodRouter {
        let (service, mut events) = wecom_kf::callback::service(callback);
        let gateway = self.clone();
        tokio::spawn(async move {
            while let Some(event) = events.recv().await {
                gateway.pass_on_patiently(&event).await;
            }
        });
        service
    }

    /// Returns a function that passes callbacks on in the background, for a simulator or a server of your own.
    pub fn waker(&self) -> impl Fn(&Event) -> bool + Send + Sync + 'static {
        let gateway = self.clone();
        move |event| {
            let Ok(runtime) = tokio::runtime::Handle::try_current() else { return false };
            let (gateway, event) = (gateway.clone(), event.clone());
            runtime.spawn(async move { gateway.pass_on_patiently(&event).await });
            true
        }
    }

    async fn pass_on_patiently(&self, event: &Event) {
        for again in (0..TRIES).rev() {
            match self.pass_on(event).await {
                Ok(()) => return,
                Err(error) if error.is_retryable() && again > 0 => sleep(AGAIN_AFTER).await,
                Err(error) => {
                    let error = in_one_line(&error);
                    tracing::warn!(scope = %self.scope, %error, "a callback was not passed on; the reader learns of the messages at its next poll");
                    return;
                }
            }
        }
    }
}

impl fmt::Debug for Gateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gateway").field("scope", &self.scope).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use wecom_kf::{Settings, Variable};

    use super::Gateway;
    use crate::store::{Memory, scope_of};

    #[test]
    fn a_gateway_has_the_scope_of_the_bots() {
        for base_url in [None, Some("http://127.0.0.1:9500")] {
            let gateways = [("WECOM_CORP_ID", "ww0fixture0corp0001")].into_iter();
            let gateways = gateways.chain(base_url.map(|url| (Variable::BaseUrl.name(), url)));
            let bots = gateways.clone().chain([("WECOM_KF_SECRET", "fixture-secret-of-the-app")]);
            let gateway = Gateway::new(Memory::new(), &Settings::from_vars(gateways)).unwrap();
            assert_eq!(gateway.scope, scope_of(&Settings::from_vars(bots).client().unwrap()), "{base_url:?}");
        }
    }

    #[test]
    fn a_gateway_needs_a_corp_id_only() {
        let error = Gateway::new(Memory::new(), &Settings::from_vars([("", "")])).unwrap_err().to_string();
        assert!(error.contains("WECOM_CORP_ID") && !error.contains("WECOM_KF_SECRET"), "{error}");
    }
}
