//! The rules of this crate, compared with Unicode.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod file_name;
mod flaw;
