//! What "Copy as test" makes of the chat in `reading.rs`, below the line to the letter.

use crate::my_bot;

// ---
