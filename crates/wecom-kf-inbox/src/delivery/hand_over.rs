//! The hand-over of a delivery's session to people, and its end: what the transcript notes of it.

use std::fmt;

use wecom_kf::messages::Outgoing;
use wecom_kf::{BoxFuture, Error, ExternalUserId, HandedOver, To};

use super::Delivery;

/// A hand-over or the end of the customer's session, carried out when it is awaited: see
/// [`Sessions::hand_over`](wecom_kf::Sessions::hand_over). Returned by [`Delivery::hand_over`] and
/// [`Delivery::end_session`].
#[must_use = "the session is moved when this is awaited"]
pub struct HandOver<'a> {
    delivery: &'a Delivery,
    request: wecom_kf::HandOver<'a>,
    saying: Option<Outgoing>,
}

impl Delivery {
    /// Hands the session over to people: see [`Sessions::hand_over`](wecom_kf::Sessions::hand_over). It is safe to repeat.
    /// What it [says](HandOver::saying) becomes part of the transcript.
    ///
    /// ```no_run
    /// # use wecom_kf_inbox::{Delivery, Failure};
    /// use wecom_kf_inbox::To;
    ///
    /// async fn handle(delivery: Delivery) -> Result<(), Failure> {
    ///     delivery.hand_over(To::anyone_receiving()).saying("正在为您转接人工，请稍候。").await?;
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`]: the message has no customer. Those of
    /// [`Sessions::hand_over`](wecom_kf::Sessions::hand_over).
    pub fn hand_over(&self, to: To) -> HandOver<'_> {
        let customer = self.customer_whose_session_changes();
        let request = self.client().sessions().hand_over(self.open_kfid(), customer, to);
        HandOver { delivery: self, request, saying: None }
    }

    /// Ends the session: see [`Sessions::end`](wecom_kf::Sessions::end). It is safe to repeat.
    ///
    /// # Errors
    ///
    /// Those of [`hand_over`](Self::hand_over).
    pub fn end_session(&self) -> HandOver<'_> {
        let customer = self.customer_whose_session_changes();
        let request = self.client().sessions().end(self.open_kfid(), customer);
        HandOver { delivery: self, request, saying: None }
    }

    /// Without a customer the id is empty, which the request refuses.
    fn customer_whose_session_changes(&self) -> ExternalUserId {
        let customer = self.message().external_userid().cloned().unwrap_or_else(|| "".into());
        self.answering.shared.open_sessions.forget(&customer);
        customer
    }
}

impl HandOver<'_> {
    /// Sets the one message that WeCom allows after the move: a text, or a menu too if the session is ended.
    pub fn saying(mut self, message: impl Into<Outgoing>) -> Self {
        let message = message.into();
        self.request = self.request.saying(message.clone());
        self.saying = Some(message);
        self
    }

    async fn send(self) -> Result<HandedOver, Error> {
        let Self { delivery, request, saying } = self;
        let handed_over = request.await?;
        let said = match (&handed_over.said, saying) {
            (Some(_), Some(message)) => Some(delivery.letter.replies().moved(delivery.tries, message)),
            _ if handed_over.was_moved => None,
            // An earlier attempt may have moved the session, and said this.
            _ => delivery.letter.replies().said_when_moved_before(delivery.tries),
        };
        delivery.note_reply(said.and_then(|message| delivery.noted(&message)));
        Ok(handed_over)
    }
}

impl<'a> IntoFuture for HandOver<'a> {
    type Output = Result<HandedOver, Error>;
    type IntoFuture = BoxFuture<'a, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}

impl fmt::Debug for HandOver<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.request.fmt(f)
    }
}
