//! Reading messages and events: `sync_msg`. Cursors are in `model/cursors.rs`, how often a bot may read is in
//! `model/read_limit.rs`, and what can be read is in `model/log.rs`.

use std::time::Duration;

use serde::Serialize;
use serde_json::value::RawValue;
use wecom_kf_raw::limits;
use wecom_kf_raw::types::SyncRequest;

use crate::platform::Platform;
use crate::platform::model::refusal::Refusal;
use crate::platform::model::reply::Content;
use crate::platform::ops::{given, required};

#[derive(Serialize)]
pub(crate) struct MessagePage<'a> {
    has_more: u8,
    msg_list: Vec<&'a RawValue>,
    next_cursor: String,
}

impl MessagePage<'_> {
    pub(crate) fn content(&self) -> Content {
        let next_cursor = self.next_cursor.clone();
        Content::Page { next_cursor, has_more: self.has_more == 1, messages: self.msg_list.len() }
    }
}

impl Platform {
    /// `POST /cgi-bin/kf/sync_msg` [94670]. What `send_msg` sent is never returned: it is not in the log.
    pub(crate) fn sync_msg(&mut self, now: Duration, request: SyncRequest) -> Result<MessagePage<'_>, Refusal> {
        rule!(own_messages_are_not_read);
        rule!(reading_needs_open_kfid);
        let open_kfid = required(request.open_kfid.as_deref(), "open_kfid")?;
        let end = self.account(open_kfid)?.log.end();
        self.check_read(given(request.token.as_ref().map(|token| token.expose())), now)?;
        let from = self.position(open_kfid, given(request.cursor.as_deref()), end)?;

        if let Some(next_cursor) = self.cursor_of_empty_page(open_kfid, from) {
            return Ok(MessagePage { has_more: 1, msg_list: Vec::new(), next_cursor });
        }
        rule!(page_has_up_to_1000);
        let limit = request.limit.and_then(|limit| usize::try_from(limit).ok());
        let limit = limit.unwrap_or(limits::sync_msg::LIMIT_MAX as usize);
        let range = self.account(open_kfid)?.log.read(from, limit, now);
        let next_cursor = self.cursor(open_kfid, range.end);
        let log = &self.account(open_kfid)?.log;
        let has_more = range.end < log.end();
        Ok(MessagePage { has_more: has_more.into(), msg_list: log.within(range), next_cursor })
    }
}
