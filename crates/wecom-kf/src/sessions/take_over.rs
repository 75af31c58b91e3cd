//! Taking over a session for the bot, so that the API may send.

use super::Sessions;
use crate::{Class, Error, ExternalUserId, OpenKfid, SessionState, Transition};

impl Sessions<'_> {
    /// Reads the session, and moves it to the bot ([`SessionState::ASSISTANT`]) if it is untreated or ended, so that
    /// messages can be sent. [`checking_session`](crate::messages::SendMessage::checking_session) does this before a send.
    ///
    /// # Errors
    ///
    /// [`Error::SessionForbidsSending`] with the session: a servicer has it, it is queued, or WeCom does not allow the move.
    pub async fn take_over(self, open_kfid: &OpenKfid, external_userid: &ExternalUserId) -> Result<(), Error> {
        let session = self.get(open_kfid, external_userid).await?;
        match session.state {
            SessionState::ASSISTANT => Ok(()),
            SessionState::UNTREATED | SessionState::ENDED => {
                match self.transition(open_kfid, external_userid, Transition::to_assistant()).await {
                    // WeCom documents no move from `ENDED`: only the customer's next message opens a new session.
                    Err(error) if error.class() == Class::StateConflict => Err(Error::SessionForbidsSending(session)),
                    moved => moved.map(drop),
                }
            }
            _ => Err(Error::SessionForbidsSending(session)),
        }
    }
}
