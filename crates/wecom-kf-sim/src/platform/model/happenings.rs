//! What happens in chats, as far as the statistics count it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::platform::UpgradeOffer;
use crate::platform::model::session::State;
use crate::platform::model::statistics::Figures;
use crate::platform::{Chat, Platform};

/// Something that the statistics count.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Happening<'a> {
    SessionOpened,
    CustomerWrote,
    /// The bot answered by `send_msg`.
    ApiAnswered,
    /// The session went to the pool.
    Queued,
    /// The session went to this servicer.
    Assigned(&'a str),
    ServicerAnswered(&'a str),
    /// This servicer switched 不再接收消息 on.
    Muted(&'a str),
    /// The bot offered this, while this servicer had the session.
    Offered(&'a UpgradeOffer, &'a str),
    /// The customer accepted this. The servicer is the one who had the session when it was offered.
    Taken(&'a UpgradeOffer, Option<&'a str>),
}

/// What the statistics must know about a customer's session.
#[derive(Debug, Default, Deserialize, Serialize)]
pub(crate) struct Conversation {
    /// When the bot first answered.
    answered: Option<Duration>,
    handed_over: bool,
    /// The servicer who got the session and has not answered yet, and when they got it.
    unanswered: Option<(String, Duration)>,
    /// The servicer who asked the customer to rate, and when.
    pub(crate) asked: Option<(String, Duration)>,
}

impl Conversation {
    /// Returns the servicer who waits for a rating.
    pub(crate) fn asked_by(&self) -> Option<&str> {
        self.asked.as_ref().map(|(userid, _)| userid.as_str())
    }
}

impl Platform {
    /// Counts what happened in a chat.
    pub(crate) fn happens(&mut self, now: Duration, chat: Chat<'_>, happening: Happening<'_>) {
        let customer = self.known_customer(chat);
        let servicer_userid = customer.session.servicer_userid(now).map(str::to_owned);
        let mut conversation = std::mem::take(&mut customer.conversation);
        let figures = &mut self.known_account(chat).figures;
        let external_userid = chat.external_userid;
        match happening {
            Happening::SessionOpened => {
                conversation = Conversation { asked: conversation.asked, ..Conversation::default() };
                figures.on(now).corp.sessions += 1;
            }
            Happening::CustomerWrote => {
                let day = figures.on(now);
                day.corp.customer_wrote(external_userid);
                if let Some(servicer_userid) = servicer_userid {
                    day.servicer(&servicer_userid).customer_wrote(external_userid);
                }
            }
            Happening::ApiAnswered => {
                if conversation.answered.is_none() {
                    conversation.answered = Some(now);
                    figures.on(now).corp.answered_by_api += 1;
                }
            }
            Happening::Queued => hand_over(figures, &mut conversation),
            Happening::Assigned(userid) => {
                hand_over(figures, &mut conversation);
                conversation.unanswered = Some((userid.to_owned(), now));
                figures.on(now).servicer(userid).sessions += 1;
            }
            Happening::ServicerAnswered(userid) => {
                // The answer counts for the day of the session. Otherwise a rate could be above 1.
                if let Some((_, since)) = conversation.unanswered.take_if(|(assigned, _)| assigned == userid) {
                    figures.on(since).servicer(userid).answered(now - since);
                }
            }
            Happening::Muted(userid) => {
                let day = figures.on(now);
                day.corp.muted.insert(external_userid.to_owned());
                day.servicer(userid).muted.insert(external_userid.to_owned());
            }
            Happening::Offered(offer, userid) => figures.on(now).servicer(userid).offered(offer),
            Happening::Taken(offer, userid) => {
                let day = figures.on(now);
                day.corp.upgraded.insert(external_userid.to_owned());
                userid.into_iter().for_each(|userid| day.servicer(userid).taken(offer, external_userid));
            }
        }
        self.known_customer(chat).conversation = conversation;
    }

    /// Counts a message of the customer. `before` is the state of the session before the message.
    pub(crate) fn customer_wrote(&mut self, now: Duration, chat: Chat<'_>, before: State) {
        if before == State::Ended {
            self.happens(now, chat, Happening::SessionOpened);
        }
        self.happens(now, chat, Happening::CustomerWrote);
    }
}

/// Counts for the day on which the bot first answered. Otherwise a rate could be above 1.
fn hand_over(figures: &mut Figures, conversation: &mut Conversation) {
    if let Some(answered) = conversation.answered.filter(|_| !conversation.handed_over) {
        conversation.handed_over = true;
        figures.on(answered).corp.handed_over += 1;
    }
}
