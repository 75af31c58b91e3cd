//! Tests of the crates through their public API only, as users call it.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod broken;
mod clock;
mod fake;

mod call;
mod callback;
mod chinese;
mod decoders;
mod derived;
mod examples;
mod hostile;
mod network;
mod outgoing;
mod pacing;
mod page;
mod samples;
mod schemas;
mod secrets;
mod settings;
mod simulator;
mod token;
mod wire;

/// Returns the error, its causes and its remedy in one line.
fn line(error: &wecom_kf::Error) -> String {
    wecom_kf::Report::line(error, wecom_kf::Lang::En)
}
