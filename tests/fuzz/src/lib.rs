//! Shared code of several targets: the settings of a callback, and all ways of printing an error.

use std::sync::LazyLock;

use wecom_kf_callback::{Callback, Error, Lang};

/// The `Token` of [`CALLBACK`], invented.
pub const TOKEN: &str = "FixtureCallbackTok01";

/// The `EncodingAESKey` of [`CALLBACK`], invented: the numbers from 7 to 38.
pub const ENCODING_AES_KEY: &str = "BwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyAhIiMkJSY";

/// The receiver id of [`CALLBACK`], invented.
pub const RECEIVER_ID: &str = "ww0fixture0corp0001";

/// The timestamp of requests that the targets sign.
pub const TIMESTAMP: &str = "1718000001";

/// The nonce of requests that the targets sign.
pub const NONCE: &str = "9988776655";

/// A receiver of callbacks with the settings above.
pub static CALLBACK: LazyLock<Callback> = LazyLock::new(|| {
    Callback::new(TOKEN, ENCODING_AES_KEY, RECEIVER_ID).expect("the settings have the form that the console makes")
});

/// Prints an error in every form. Its `Display` must not tell a stranger the reason.
pub fn show(error: &Error) {
    assert_eq!(error.to_string(), "callback refused");
    let reason = error.reason();
    let _ = (
        reason.to_string(),
        reason.in_lang(Lang::Zh),
        reason.remedy(Lang::En),
        reason.remedy(Lang::Zh),
        format!("{error:?}"),
    );
}
