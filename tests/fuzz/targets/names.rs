//! Texts from outside: a file name that a stranger chose, and a setting that somebody pasted.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wecom_kf_text::{checked, is_invisible, safe_file_name, shortened, trimmed};

fuzz_target!(|data: &[u8]| {
    let Ok(text) = str::from_utf8(data) else { return };
    if let Some(name) = safe_file_name(text) {
        check_name(&name);
    }
    check_setting(text);
    let half = text.len() / 2;
    let start = shortened(text, half);
    assert!(text.starts_with(start) && start.len() <= half && half - start.len() < 4);
});

fn check_name(name: &str) {
    assert!(!name.is_empty() && !name.contains(['/', '\\', ':']), "{name:?}");
    assert!(!name.starts_with(['.', '-', ' ']) && !name.ends_with(['.', ' ']), "{name:?}");
    // Spaces are the only invisible characters that a name may contain.
    let is_blank = |character| matches!(character, ' ' | '\u{3000}');
    assert!(!name.contains(|character| is_invisible(character) && !is_blank(character)), "{name:?}");
    assert_eq!(safe_file_name(name).as_deref(), Some(name), "a safe name is made safe again");
}

/// An accepted setting equals the trimmed input, and checking it again does not change it.
fn check_setting(text: &str) {
    match checked(text) {
        Ok(setting) => {
            assert_eq!(setting, trimmed(text));
            assert_eq!(checked(setting).ok(), Some(setting));
        }
        Err(flaw) => {
            let _ = format!("{flaw} {flaw:?}");
        }
    }
}
