//! Makes file names that strangers chose safe to use and to show.

use crate::is_invisible;

/// Names that Windows treats as devices, with any extension.
const DEVICES: [&str; 7] = ["CON", "PRN", "AUX", "NUL", "CLOCK$", "CONIN$", "CONOUT$"];

/// Names that Windows treats as devices when a digit follows.
const NUMBERED_DEVICES: [&str; 2] = ["COM", "LPT"];

/// The digits of numbered devices. Windows also accepts superscript digits.
const DEVICE_DIGITS: &str = "0123456789¹²³";

/// Returns a safe file name made from the last part of `name`, or `None` if nothing is left of it.
///
/// The result contains no folder. It is not a hidden file, not an option of a command, and neither a device nor a stream
/// on Windows. It contains no control characters, line separators or invisible characters, and therefore none that change
/// the direction of writing. Spaces inside the name stay.
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

/// Returns the character that a safe name contains for `character`, or `None` if it is removed.
fn allowed(character: char) -> Option<char> {
    match character {
        // On Windows a colon separates the name of a stream.
        ':' => Some('_'),
        ' ' | '\u{3000}' => Some(character),
        '\u{a0}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' => Some(' '),
        character if is_invisible(character) => None,
        character => Some(character),
    }
}

/// Returns whether a character is removed at both ends of a name. A leading dot hides a file, and Windows drops trailing
/// dots and spaces.
fn is_edge(character: char) -> bool {
    character == '.' || character.is_whitespace()
}

/// Returns whether a character is a dash. Commands treat a name with a leading dash as an option, and some programs convert
/// other dashes to the ASCII one.
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
