//! The file of an upload.

use bytes::Bytes;

/// A file as a request contains it.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    pub(crate) name: String,
    pub(crate) file_name: String,
    pub(crate) bytes: Bytes,
}
