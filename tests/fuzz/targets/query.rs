//! The query of a callback's URL: parsing it, and verifying the URL with it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wecom_kf_callback::{MAX_ECHO, MAX_QUERY, Query, Reason};
use wecom_kf_fuzz::{CALLBACK, show};

fuzz_target!(|data: &[u8]| {
    let Ok(text) = str::from_utf8(data) else { return };
    match Query::parse(text) {
        Ok(query) => {
            check_question_mark(text, &query);
            if let Err(error) = CALLBACK.verify_url(&query) {
                show(&error);
            }
            check_signed(&query);
        }
        Err(error) => show(&error),
    }
});

/// A leading question mark makes no difference.
fn check_question_mark(text: &str, query: &Query) {
    if text.len() < MAX_QUERY && !text.starts_with('?') {
        assert_eq!(Query::parse(&format!("?{text}")).ok().as_ref(), Some(query));
    }
}

/// Parsing a written query returns the same values. Its echo string is answered if it is a valid one.
fn check_signed(query: &Query) {
    let echo = query.echostr().unwrap_or("1616140317555161061");
    let signed = CALLBACK.seal_url(echo, query.timestamp(), query.nonce(), [7; 16]);
    let signed = match Query::parse(&signed) {
        Ok(signed) => signed,
        Err(error) => return assert!(matches!(error.reason(), Reason::QueryTooLarge { .. }), "{error:?}"),
    };
    assert_eq!((signed.timestamp(), signed.nonce()), (query.timestamp(), query.nonce()));
    match CALLBACK.verify_url(&signed) {
        Ok(answer) => assert_eq!(answer, echo),
        Err(error) => {
            assert_eq!(error.reason(), &Reason::NotAnEcho);
            assert!(echo.len() > MAX_ECHO || echo.contains('<'), "refused {echo:?}");
        }
    }
}
