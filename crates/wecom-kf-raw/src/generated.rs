//! What `cargo xtask codegen` makes of the documents in `spec/`; nothing in this folder is written by hand.

// The words of the document are Markdown, but not rustdoc's: brackets and tags in them mean nothing to it.
#![allow(rustdoc::bare_urls, rustdoc::broken_intra_doc_links, rustdoc::invalid_html_tags, rustdoc::unescaped_backticks)]

pub(crate) mod client;
mod errcodes;
/// The limits of requests, in the unit WeCom counts in.
pub mod limits;
/// Each operation: a constant that describes it, and a request value that can send itself.
pub mod op;

pub(crate) use errcodes::TABLE;
