//! The crates as a stranger uses them: through their public API only.

mod fake;

mod broken;

mod call;
mod network;
mod secrets;
mod token;
