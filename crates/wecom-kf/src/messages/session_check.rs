//! The state of the session in the error of a refused send. The check before a send is in `sessions/take_over.rs`.

use crate::{Client, ErrCode, Error, ExternalUserId, OpenKfid, Refusal};

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
