use super::Message;
use crate::raw::types;
use crate::{OpenKfid, SyncToken};

/// What to read: [`Messages::sync`](super::Messages::sync).
#[derive(Clone, Debug)]
pub struct SyncRequest {
    pub(super) open_kfid: OpenKfid,
    pub(super) cursor: Option<String>,
    pub(super) token: Option<SyncToken>,
    pub(super) limit: Option<u32>,
    pub(super) voice_format: Option<VoiceFormat>,
}

/// The format of voice messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum VoiceFormat {
    /// AMR, WeCom's default.
    Amr,
    /// Silk.
    Silk,
}

impl VoiceFormat {
    pub(super) fn number(self) -> u32 {
        match self {
            Self::Amr => 0,
            Self::Silk => 1,
        }
    }
}

impl SyncRequest {
    /// From the oldest message that WeCom still keeps, which may be three days old.
    pub fn new(open_kfid: impl Into<OpenKfid>) -> Self {
        Self { open_kfid: open_kfid.into(), cursor: None, token: None, limit: None, voice_format: None }
    }

    /// From where a page ended: its [`next_cursor`](Page::next_cursor), at most 64 bytes.
    pub fn cursor(mut self, cursor: impl Into<String>) -> Self {
        self.cursor = Some(cursor.into());
        self
    }

    /// The `Token` of the callback that gave rise to this, valid 10 minutes, for all pages of one reading. Without it
    /// a strict frequency limit applies.
    pub fn token(mut self, token: impl Into<SyncToken>) -> Self {
        self.token = Some(token.into());
        self
    }

    /// How many messages at most, 1 to 1000; 1000 unless said. There may be fewer on a page that is not the last.
    pub fn limit(mut self, limit: u32) -> Self {
        self.limit = Some(limit);
        self
    }

    /// The format of voice messages; AMR unless said.
    pub fn voice_format(mut self, format: VoiceFormat) -> Self {
        self.voice_format = Some(format);
        self
    }
}

impl From<&OpenKfid> for OpenKfid {
    fn from(open_kfid: &OpenKfid) -> Self {
        open_kfid.clone()
    }
}

/// A page of messages, oldest first.
#[derive(Clone, Debug)]
pub struct Page {
    messages: Vec<Message>,
    next_cursor: Option<String>,
    has_more: bool,
}

impl Page {
    /// The messages and events. There may be none although there [is more](Self::has_more).
    pub fn messages(&self) -> &[Message] {
        &self.messages
    }

    /// The messages and events, to keep.
    pub fn into_messages(self) -> Vec<Message> {
        self.messages
    }

    /// Where the next page begins. None: keep the cursor you have.
    pub fn next_cursor(&self) -> Option<&str> {
        self.next_cursor.as_deref()
    }

    /// Whether to read on at once, even if this page is empty.
    pub fn has_more(&self) -> bool {
        self.has_more
    }
}

impl From<types::SyncResponse> for Page {
    fn from(reply: types::SyncResponse) -> Self {
        Self {
            messages: reply.msg_list.into_iter().map(Message::new).collect(),
            next_cursor: reply.next_cursor.filter(|cursor| !cursor.is_empty()),
            has_more: reply.has_more.unwrap_or_default() != 0,
        }
    }
}
