//! File names that strangers chose.

use proptest::prelude::*;
use wecom_kf_text::{is_invisible, safe_file_name};

#[test]
fn a_name_is_a_plain_file_on_every_system() {
    let cases = [
        ("menu.pdf", Some("menu.pdf")),
        ("报价 1.pdf", Some("报价 1.pdf")),
        ("报价\u{3000}1.pdf", Some("报价\u{3000}1.pdf")),
        ("a\u{a0}b.txt", Some("a b.txt")),
        ("say \"hi\".txt", Some("say \"hi\".txt")),
        // Folders.
        ("../../etc/passwd", Some("passwd")),
        ("c:\\temp\\a.txt", Some("a.txt")),
        ("a/", None),
        ("..", None),
        (".", None),
        ("", None),
        // Hidden files, options, and characters that Windows drops.
        (".bashrc", Some("bashrc")),
        ("...x", Some("x")),
        ("-rf", Some("rf")),
        ("--help.txt", Some("help.txt")),
        (" .-. x", Some("x")),
        ("－x", Some("x")),
        ("–x", Some("x")),
        ("a.txt. .", Some("a.txt")),
        ("-", None),
        // Streams and drives.
        ("a.txt:b.exe", Some("a.txt_b.exe")),
        ("a.txt::$DATA", Some("a.txt__$DATA")),
        ("c:a.txt", Some("c_a.txt")),
        // Devices.
        ("con", Some("_con")),
        ("CON.txt", Some("_CON.txt")),
        ("nul .tar.gz", Some("_nul .tar.gz")),
        ("Com1", Some("_Com1")),
        ("lpt9.log", Some("_lpt9.log")),
        ("COM¹.txt", Some("_COM¹.txt")),
        ("conin$", Some("_conin$")),
        ("-aux.c", Some("_aux.c")),
        ("console.txt", Some("console.txt")),
        ("com10", Some("com10")),
        ("com", Some("com")),
        // Invisible characters.
        ("gpj\u{202e}.exe", Some("gpj.exe")),
        ("a\u{2066}b\u{2069}.txt", Some("ab.txt")),
        ("a\u{2028}b\u{2029}c", Some("abc")),
        ("a\r\nb\u{85}\u{7f}\0", Some("ab")),
        ("c\u{200b}on", Some("_con")),
        ("\u{200b}.ssh", Some("ssh")),
        ("\u{feff}", None),
    ];
    for (name, expected) in cases {
        assert_eq!(safe_file_name(name).as_deref(), expected, "{name:?}");
    }
}

proptest! {
    #[test]
    fn whatever_a_stranger_chose_the_name_is_safe_and_stays_so(name in "[-./\\\\: a-cA-Cnlo1$\u{202e}\u{2028}\u{200b}\u{3000}您]{0,12}|.*") {
        let Some(safe) = safe_file_name(&name) else { return Ok(()) };
        prop_assert!(!safe.is_empty() && !safe.contains(['/', '\\', ':', '\0']));
        prop_assert!(!safe.starts_with(['.', '-', ' ']) && !safe.ends_with(['.', ' ']));
        prop_assert!(!safe.chars().any(|character| is_invisible(character) && !character.is_whitespace()));
        prop_assert_eq!(safe_file_name(&safe), Some(safe.clone()));
    }
}
