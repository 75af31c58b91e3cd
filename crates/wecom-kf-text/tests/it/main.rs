//! Tests of the public API. Some compare its tables with Unicode.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod file_name;
mod flaw;
