//! The check of the session before a send, and the state of the session in the error of a refused send.

use crate::{Class, Client, ErrCode, Error, ExternalUserId, OpenKfid, Refusal, SessionState, Transition};

/// Moves the session to the assistant if it is untreated or ended, so that the API may send.
///
/// # Errors
///
/// [`Error::SessionForbidsSending`] with the session: a servicer has it, it is queued, or WeCom does not allow the move.
pub(super) async fn prepare(
    client: &Client,
    open_kfid: &OpenKfid,
    external_userid: &ExternalUserId,
) -> Result<(), Error> {
    let sessions = client.sessions();
    let session = sessions.get(open_kfid, external_userid).await?;
    match session.state {
        SessionState::ASSISTANT => Ok(()),
        SessionState::UNTREATED | SessionState::ENDED => {
            match sessions.transition(open_kfid, external_userid, Transition::to_assistant()).await {
                // WeCom documents no move from `ENDED`: only the customer's next message opens a new session.
                Err(error) if error.class() == Class::StateConflict => Err(Error::SessionForbidsSending(session)),
                moved => moved.map(drop),
            }
        }
        _ => Err(Error::SessionForbidsSending(session)),
    }
}

/// Adds the current state of the session to the error of a send that WeCom refused because of that state.
pub(super) async fn explain(
    client: &Client,
    error: Error,
    open_kfid: &OpenKfid,
    external_userid: &ExternalUserId,
) -> Error {
    match error {
        Error::Refused(refusal) if refusal.code == ErrCode::SESSION_STATE_FORBIDS_SENDING => {
            let session = client.sessions().get(open_kfid, external_userid).await.ok();
            Error::Refused(Refusal { session, ..refusal })
        }
        error => error,
    }
}
