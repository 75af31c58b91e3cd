//! The file of an upload, as the request has it.

use bytes::Bytes;

/// A file as it was sent.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    pub(crate) name: String,
    pub(crate) file_name: String,
    pub(crate) bytes: Bytes,
}
