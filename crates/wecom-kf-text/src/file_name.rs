//! File names that strangers chose, made safe to write and to show.

use crate::is_invisible;

/// What Windows takes for a device, with any ending behind it.
const DEVICES: [&str; 7] = ["CON", "PRN", "AUX", "NUL", "CLOCK$", "CONIN$", "CONOUT$"];

/// What Windows takes for a device with a digit behind it.
const NUMBERED_DEVICES: [&str; 2] = ["COM", "LPT"];

/// Digits of numbered devices. Windows takes superscripts for digits.
const DEVICE_DIGITS: &str = "0123456789¹²³";

/// The last part of `name`, as a name that any system takes for a plain file; `None` if nothing is left.
///
/// The name leads into no folder, is no hidden file, no option of a command, and no device and no stream of Windows. It
/// holds no control character, no line separator and no invisible character, so none that changes the direction of
/// writing. Blanks inside stay.
///
/// ```
/// use wecom_kf_text::safe_file_name;
///
/// assert_eq!(safe_file_name("../报价 1.pdf").as_deref(), Some("报价 1.pdf"));
/// assert_eq!(safe_file_name("-rf").as_deref(), Some("rf"));
/// assert_eq!(safe_file_name("con.txt").as_deref(), Some("_con.txt"));
/// assert_eq!(safe_file_name(".."), None);
/// ```
pub fn safe_file_name(name: &str) -> Option<String> {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let visible: String = last.chars().filter_map(allowed).collect();
    let name =
        visible.trim_start_matches(|character| is_edge(character) || is_dash(character)).trim_end_matches(is_edge);
    match name {
        "" => None,
        device if is_device(device) => Some(format!("_{device}")),
        name => Some(name.to_owned()),
    }
}

/// The character as it may be in a name, if it may.
fn allowed(character: char) -> Option<char> {
    match character {
        // Names a stream of the file on Windows.
        ':' => Some('_'),
        ' ' | '\u{3000}' => Some(character),
        '\u{a0}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' => Some(' '),
        character if is_invisible(character) => None,
        character => Some(character),
    }
}

/// Dots hide a file at the beginning of its name, and Windows drops dots and blanks at the end.
fn is_edge(character: char) -> bool {
    character == '.' || character.is_whitespace()
}

/// Commands take what begins with a dash for an option. Some programs turn other dashes into the one of ASCII.
fn is_dash(character: char) -> bool {
    matches!(character, '-' | '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{fe58}' | '\u{fe63}' | '\u{ff0d}')
}

fn is_device(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or_default().trim_end().to_uppercase();
    let is_numbered = NUMBERED_DEVICES.iter().any(|device| {
        let mut digits = stem.strip_prefix(device).unwrap_or_default().chars();
        digits.next().is_some_and(|digit| DEVICE_DIGITS.contains(digit)) && digits.next().is_none()
    });
    is_numbered || DEVICES.contains(&stem.as_str())
}
