//! The clock, faults, the token and the callback as the control API shows them.

use serde::Serialize;

use crate::platform::view::ShownToken;

/// A `Clock` of `control.yaml`.
#[derive(Debug, Serialize)]
pub(crate) struct Clock {
    pub(crate) now: u64,
    pub(crate) manual: bool,
    pub(crate) advanced_s: u64,
}

/// A `Token` of `control.yaml`.
#[derive(Debug, Serialize)]
pub(crate) struct Token {
    #[serde(flatten)]
    pub(crate) status: ShownToken,
    pub(crate) gettoken_calls: usize,
}

/// A `FaultList` of `control.yaml`.
#[derive(Debug, Serialize)]
pub(crate) struct FaultList {
    pub(crate) faults: Vec<Fault>,
}

/// A `Fault` of `control.yaml`.
#[derive(Debug, Serialize)]
pub(crate) struct Fault {
    pub(crate) id: u64,
    pub(crate) operation: &'static str,
    pub(crate) effect: &'static str,
    pub(crate) shown: String,
    pub(crate) times: Option<usize>,
    pub(crate) probability: f64,
    pub(crate) hits: usize,
    pub(crate) active: bool,
    pub(crate) label: Option<String>,
}

/// `CallbackSettings` of `control.yaml`.
#[derive(Debug, Serialize)]
pub(crate) struct CallbackSettings {
    pub(crate) url: Option<String>,
    pub(crate) token_set: bool,
    pub(crate) aes_key_set: bool,
}
