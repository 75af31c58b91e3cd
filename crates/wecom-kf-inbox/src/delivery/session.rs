//! The customer's session: whether people have it, its hand-over to them, and its end; and what the transcript notes of these.

use std::fmt;

use wecom_kf::messages::Outgoing;
use wecom_kf::{BoxFuture, Error, ExternalUserId, HandedOver, Session, To};

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
    /// Returns the session if the bot cannot reply: a servicer has it, it waits in the queue, or it has ended. Otherwise
    /// returns `None`; an untreated session is moved to the bot first. Ask before expensive work, such as that of a language
    /// model. A session that allowed a reply within the last 5 seconds is not read again.
    ///
    /// ```no_run
    /// # use wecom_kf_inbox::{Delivery, Failure};
    /// async fn handle(delivery: Delivery) -> Result<(), Failure> {
    ///     if delivery.silenced_by().await?.is_some() {
    ///         return Ok(()); // people answer
    ///     }
    ///     // …
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`Sessions::take_over`](wecom_kf::Sessions::take_over), except that people have the session.
    pub async fn silenced_by(&self) -> Result<Option<Session>, Error> {
        let (client, open_kfid, customer) = self.parties();
        let sessions = &self.answering.shared.open_sessions;
        let Some(customer) = customer.filter(|customer| !sessions.is_open(customer)) else { return Ok(None) };
        match client.sessions().take_over(open_kfid, customer).await {
            Ok(()) => {
                sessions.note(customer.clone());
                Ok(None)
            }
            Err(Error::SessionForbidsSending(session)) => Ok(Some(session)),
            Err(error) => Err(error),
        }
    }

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
