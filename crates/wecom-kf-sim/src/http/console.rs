//! The console: what a browser gets at `/`. Plain files, part of the program; what they show comes from the control API.

use std::borrow::Cow;

use axum::Router;
use axum::http::{HeaderName, header};
use axum::response::IntoResponse;
use axum::routing::get;

/// Everything comes from here and goes nowhere else, nobody may frame the page, and the browser itself refuses to make
/// HTML of a text. Pictures may be `data:` for the tab's icon, which has a number painted on it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
                      require-trusted-types-for 'script'; trusted-types 'none'";

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const JS: &str = "text/javascript; charset=utf-8";
const JSON: &str = "application/json";
const SVG: &str = "image/svg+xml";

macro_rules! files {
    ($($content_type:ident: $($name:literal)+;)+) => {
        [$($(($name, $content_type, include_str!(concat!("../../console/", $name)))),+),+]
    };
}

/// Name, content type and content of each file.
const FILES: &[(&str, &str, &str)] = &files! {
    HTML: "index.html";
    CSS: "console.css";
    SVG: "icon.svg";
    JSON: "en.json" "zh-CN.json";
    JS: "address.js" "api.js" "assumptions.js" "bar.js" "bubbles.js" "callbacks.js" "chat.js" "compose.js" "connect.js"
        "copy_test.js" "corp.js" "dialog.js" "dom.js" "enter.js" "faults.js" "findings.js" "follow.js" "icons.js"
        "journal.js" "json.js" "keys.js" "kinds.js" "lists.js" "live.js" "main.js" "panes.js" "people.js" "rows.js"
        "store.js" "stream.js" "test_node.js" "test_python.js" "test_rust.js" "test_scenario.js" "test_steps.js"
        "theme.js" "time.js" "turns.js" "words.js";
};

/// The page at `/`, its files below `/console/`.
pub(crate) fn router<S: Clone + Send + Sync + 'static>() -> Router<S> {
    let router = FILES.iter().fold(Router::new(), |router, (name, ..)| {
        router.route(&format!("/console/{name}"), get(async move || file(name)))
    });
    router
        .route("/", get(async || file("index.html")))
        // Browsers ask for it beside pages that name no icon, such as the document; the journal is no place for that.
        .route("/favicon.ico", get(async || file("icon.svg")))
}

fn file(wanted: &str) -> impl IntoResponse + use<> {
    let (name, content_type, built_in) = FILES.iter().find(|(name, ..)| *name == wanted).expect("the table has it");
    let headers: [(HeaderName, &str); 6] = [
        (header::CONTENT_TYPE, content_type),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        // The next version may be at the same address.
        (header::CACHE_CONTROL, "no-cache"),
    ];
    (headers, content(name, built_in))
}

/// Returns the content of a file. A debug build reads it from the source folder, so that a change shows without a build.
fn content(name: &str, built_in: &'static str) -> Cow<'static, str> {
    if cfg!(debug_assertions) {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/console/");
        if let Ok(current) = std::fs::read_to_string(format!("{folder}{name}")) {
            return current.into();
        }
    }
    built_in.into()
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};
    use std::fs;
    use std::path::Path;

    use super::*;

    fn content(wanted: &str) -> &'static str {
        FILES.iter().find(|(name, ..)| *name == wanted).unwrap().2
    }

    fn scripts() -> impl Iterator<Item = (&'static str, &'static str)> {
        FILES.iter().filter(|(_, content_type, _)| *content_type == JS).map(|(name, _, content)| (*name, *content))
    }

    fn words(name: &str) -> BTreeMap<String, String> {
        serde_json::from_str(content(name)).unwrap()
    }

    #[test]
    fn every_file_of_the_folder_is_served() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("console");
        let there: BTreeSet<_> =
            fs::read_dir(folder).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
        assert_eq!(there, FILES.iter().map(|(name, ..)| (*name).to_owned()).collect());
    }

    #[test]
    fn both_languages_have_the_same_keys_and_placeholders() {
        let (en, zh) = (words("en.json"), words("zh-CN.json"));
        assert_eq!(en.keys().collect::<Vec<_>>(), zh.keys().collect::<Vec<_>>());
        let placeholders = |text: &str| -> BTreeSet<String> {
            text.split('{').skip(1).filter_map(|rest| rest.split_once('}')).map(|(name, _)| name.to_owned()).collect()
        };
        for (key, text) in &en {
            assert_eq!(placeholders(text), placeholders(&zh[key]), "{key}");
            assert!(!text.trim().is_empty() && !zh[key].trim().is_empty(), "{key}");
        }
    }

    /// What stands between `start` and `end` in the files, where `start` is not the end of a longer name.
    fn between(start: &str, end: char) -> BTreeSet<&'static str> {
        let texts = scripts().map(|(_, script)| script).chain([content("index.html")]);
        let found = texts.flat_map(|text| text.match_indices(start).map(move |(at, _)| text.split_at(at)));
        let whole = found.filter(|(before, _)| !before.ends_with(|last: char| last.is_alphanumeric() || last == '.'));
        whole.filter_map(|(_, rest)| rest[start.len()..].split(end).next()).collect()
    }

    #[test]
    fn every_key_in_use_has_words() {
        let en = words("en.json");
        let used =
            [("t('", '\''), ("data-t=\"", '"'), ("data-t-label=\"", '"')].map(|(start, end)| between(start, end));
        assert!(used.iter().all(|keys| !keys.is_empty()));
        for key in used.iter().flatten() {
            assert!(en.contains_key(*key), "{key}");
        }
        for beginning in between("t(`", '$') {
            assert!(en.keys().any(|key| key.starts_with(beginning)), "{beginning}");
        }
    }

    /// The colours of a name, in the light and in the dark theme.
    fn colours(name: &str) -> [u32; 2] {
        let start = format!("--{name}: light-dark(#");
        let (_, rest) = content("console.css").split_once(&start).unwrap_or_else(|| panic!("no colour {name}"));
        let (pair, _) = rest.split_once(')').unwrap();
        let (light, dark) = pair.split_once(", #").unwrap();
        [light, dark].map(|hex| u32::from_str_radix(hex, 16).unwrap())
    }

    /// As the Web Content Accessibility Guidelines define it.
    fn contrast(one: u32, other: u32) -> f64 {
        let luminance = |colour: u32| {
            let channels = [colour >> 16, colour >> 8, colour].map(|channel| f64::from(channel & 0xff) / 255.0);
            let linear = channels.map(|c| if c <= 0.04045 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) });
            0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
        };
        let (one, other) = (luminance(one) + 0.05, luminance(other) + 0.05);
        (one / other).max(other / one)
    }

    #[test]
    fn texts_stand_out_in_both_themes() {
        assert!((contrast(0xff_ff_ff, 0) - 21.0).abs() < 1e-9);
        let grounds = ["ground", "surface", "raised"];
        let texts = ["text", "dim", "accent", "bad", "warn", "info"];
        let all = texts.into_iter().flat_map(|text| grounds.map(|ground| (text, ground)));
        let softs = [
            ("accent", "soft"),
            ("text", "soft"),
            ("dim", "soft"),
            ("bad", "bad-soft"),
            ("dim", "bad-soft"),
            ("text", "bad-soft"),
        ];
        let more = [
            ("warn", "warn-soft"),
            ("info", "info-soft"),
            ("text", "info-soft"),
            ("dim", "wallpaper"),
            ("accent", "wallpaper"),
        ];
        let bubbles = [
            ("on-own", "own"),
            ("own-link", "own"),
            ("text", "bot"),
            ("dim", "bot"),
            ("info", "bot"),
            ("on-accent", "accent"),
        ];
        for (text, ground) in all.chain(softs).chain(more).chain(bubbles) {
            let (texts, grounds) = (colours(text), colours(ground));
            for theme in [0, 1] {
                let ratio = contrast(texts[theme], grounds[theme]);
                assert!(ratio >= 4.5, "{text} on {ground}, theme {theme}: {ratio:.2}");
            }
        }
        // What is not text, such as the frame of a field.
        for theme in [0, 1] {
            assert!(contrast(colours("edge")[theme], colours("surface")[theme]) >= 3.0);
        }
    }

    #[test]
    fn nothing_in_the_scripts_makes_html_or_code_of_text_or_comes_from_elsewhere() {
        for (name, script) in scripts() {
            for sink in [
                "innerHTML",
                "outerHTML",
                "insertAdjacentHTML",
                "document.write",
                "eval(",
                "Function(",
                "srcdoc",
                "DOMParser",
            ] {
                assert!(!script.contains(sink), "{name} has {sink}");
            }
            assert!(!script.contains("import('http") && !script.contains("from 'http"), "{name}");
        }
        assert!(!content("index.html").contains("://"));
        assert!(!content("console.css").contains("url("));
    }
}
