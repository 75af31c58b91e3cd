//! Removes secrets and private texts from WeCom's messages, in case a reply repeats them. URLs, which contain the access
//! token, never get this far: `error.rs` of `wecom-kf-raw` drops them.
//! What `Debug` hides is decided by each type, see `hidden!` in `messages/outgoing.rs`.
//!
//! A reply may contain a secret unchanged or encoded, complete or shortened. Therefore the text is decoded in every way
//! in which servers and proxies encode texts. Each decoded view is searched for the beginnings of secrets, and each
//! match is removed from the original text. The text has at most [`MAX_OUTSIDE`] bytes and the number of views is
//! limited, so a hostile reply costs little time.

#[cfg(test)]
mod tests;
mod view;

use std::ops::Range;

use memchr::memmem::Finder;
use wecom_kf_text::{MAX_OUTSIDE, shortened};

use view::{Decoder, View};

/// The number of characters at the beginning of a secret that must not be shown.
const SHORTEST_PREFIX: usize = 8;

/// The maximum number of nested decodings, as for a URL in JSON in a URL.
const MOST_DECODINGS: usize = 3;

/// Returns the first 2 KiB of `text` without `secrets` and without `words`, which are texts that people wrote. Also
/// removes their beginnings of 8 or more characters, and their percent-encoded, HTML, JSON and Base64 forms.
///
/// Words of fewer than 8 bytes are kept: they reveal nothing, and removing them would leave little of any message.
pub(crate) fn scrub<'a>(
    text: &str,
    secrets: impl IntoIterator<Item = &'a str>,
    words: impl IntoIterator<Item = &'a str>,
) -> String {
    let text = shortened(text, MAX_OUTSIDE);
    let words = words.into_iter().filter(|word| word.len() >= SHORTEST_PREFIX).map(Private::word);
    let secrets = secrets.into_iter().filter(|secret| !secret.is_empty()).map(Private::secret);
    let private: Vec<Private<'_>> = secrets.chain(words).collect();
    if private.is_empty() {
        return text.to_owned();
    }
    let mut found = Vec::new();
    search(&View::of(text), &private, &mut found, 0);
    without(text, found)
}

/// A secret or a private text that must not be shown.
struct Private<'a> {
    whole: &'a [u8],
    /// The first characters, which are searched for.
    beginning: Finder<'a>,
    /// Whether the text has fewer than 8 characters. So short a text occurs by chance in the Base64 of other data.
    is_short: bool,
}

impl<'a> Private<'a> {
    fn secret(whole: &'a str) -> Self {
        Self::after(whole, 0)
    }

    fn word(whole: &'a str) -> Self {
        // The scheme of a URL is not counted, because every URL begins with one.
        Self::after(whole, whole.find("://").map_or(0, |at| at + "://".len()))
    }

    /// Takes the first characters after the `scheme`, which is a number of bytes.
    fn after(whole: &'a str, scheme: usize) -> Self {
        let end = whole[scheme..].char_indices().nth(SHORTEST_PREFIX).map_or(whole.len(), |(at, _)| scheme + at);
        let is_short = whole.chars().count() < SHORTEST_PREFIX;
        Self { whole: whole.as_bytes(), beginning: Finder::new(&whole.as_bytes()[..end]), is_short }
    }

    /// Returns the places in `view` at which the text or its beginning is.
    fn places<'v>(&'v self, view: &'v View) -> impl Iterator<Item = Range<usize>> + 'v {
        self.beginning.find_iter(view.bytes()).map(|start| {
            let shared = view.bytes()[start..].iter().zip(self.whole).take_while(|(seen, own)| seen == own).count();
            view.source(start..start + shared)
        })
    }
}

/// Searches `view` and all views that are decoded from it.
fn search(view: &View, private: &[Private<'_>], found: &mut Vec<Range<usize>>, decoded: usize) {
    for private in private.iter().filter(|private| !(private.is_short && view.is_of_base64())) {
        found.extend(private.places(view));
    }
    if decoded < MOST_DECODINGS {
        for decoder in Decoder::ALL {
            if let Some(view) = view.decoded(decoder) {
                search(&view, private, found, decoded + 1);
            }
        }
    }
}

/// Returns `text` with three asterisks instead of each range in `found`. Ranges that overlap or touch become one.
fn without(text: &str, mut found: Vec<Range<usize>>) -> String {
    found.sort_unstable_by_key(|range| range.start);
    let mut scrubbed = String::with_capacity(text.len());
    let mut end = None;
    for range in found {
        if end.is_none_or(|end| range.start > end) {
            scrubbed.push_str(&text[end.unwrap_or(0)..range.start]);
            scrubbed.push_str("***");
        }
        end = end.max(Some(range.end));
    }
    scrubbed.push_str(&text[end.unwrap_or(0)..]);
    scrubbed
}
