//! What WeCom says, without what must not be printed, should a reply ever echo it.
//!
//! A reply may echo a secret as it was sent or in some encoding, whole or cut short. So the text is decoded in every way
//! that servers and proxies encode text, every view of it is searched for the beginnings of what is private, and what is
//! found is cut out of the text itself. The text has at most [`MAX_OUTSIDE`] bytes and the number of views is bounded, so
//! that a hostile reply costs no time worth mentioning.

#[cfg(test)]
mod tests;
mod view;

use std::ops::Range;

use memchr::memmem::Finder;
use wecom_kf_text::{MAX_OUTSIDE, shortened};

use view::{Decoder, View};

/// How many characters of a secret, from its beginning, must not be shown.
const SHORTEST_PREFIX: usize = 8;

/// How often a text is decoded at most, one way after another: a URL in JSON in a URL.
const MOST_DECODINGS: usize = 3;

/// The first 2 KiB of `text`. `secrets` are cut out, and so are `words`, which people wrote; both also as their first 8
/// or more characters, and in percent-encoding, as HTML, as JSON and in Base64.
///
/// A word of fewer than 8 bytes stays: it gives nothing away, and without such words no message would be left.
pub(crate) fn scrub<'a>(
    text: &str,
    secrets: impl IntoIterator<Item = &'a str>,
    words: impl IntoIterator<Item = &'a str>,
) -> String {
    let text = shortened(text, MAX_OUTSIDE);
    let words = words.into_iter().filter(|word| word.len() >= SHORTEST_PREFIX);
    let secrets = secrets.into_iter().filter(|secret| !secret.is_empty());
    let private: Vec<Private<'_>> = secrets.chain(words).map(Private::new).collect();
    if private.is_empty() {
        return text.to_owned();
    }
    let mut found = Vec::new();
    search(&View::of(text), &private, &mut found, 0);
    without(text, found)
}

/// A text that must not be shown.
struct Private<'a> {
    whole: &'a [u8],
    /// The part of it that gives it away.
    beginning: Finder<'a>,
    /// Text that short occurs in the Base64 of anything.
    is_short: bool,
}

impl<'a> Private<'a> {
    fn new(whole: &'a str) -> Self {
        // Every URL begins with its scheme.
        let scheme = whole.find("://").map_or(0, |at| at + "://".len());
        let end = whole[scheme..].char_indices().nth(SHORTEST_PREFIX).map_or(whole.len(), |(at, _)| scheme + at);
        let is_short = whole.chars().count() < SHORTEST_PREFIX;
        Self { whole: whole.as_bytes(), beginning: Finder::new(&whole.as_bytes()[..end]), is_short }
    }

    /// The places in `view` where it is, or begins.
    fn places<'v>(&'v self, view: &'v View) -> impl Iterator<Item = Range<usize>> + 'v {
        self.beginning.find_iter(view.bytes()).map(|start| {
            let shared = view.bytes()[start..].iter().zip(self.whole).take_while(|(seen, own)| seen == own).count();
            view.source(start..start + shared)
        })
    }
}

/// Searches `view` and what it decodes to.
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

/// `text` with three asterisks in place of each part that was found, those that touch taken as one.
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
