//! The code that `cargo xtask codegen` generates from the documents in `spec/`. Do not edit the files of this folder.

// The texts of the document are plain Markdown, whose brackets and tags have no meaning for rustdoc.
#![allow(rustdoc::bare_urls, rustdoc::broken_intra_doc_links, rustdoc::invalid_html_tags, rustdoc::unescaped_backticks)]
// Programs print the same texts, and there backticks around each name of a field would be in the way.
#![allow(clippy::doc_markdown)]

mod chinese;
pub(crate) mod client;
mod errcodes;
/// The limits of requests, in the units that WeCom counts.
pub mod limits;
/// The operations: for each, a constant that describes it and a request value that can be sent.
pub mod op;

pub(crate) use chinese::chinese;
pub(crate) use errcodes::TABLE;
