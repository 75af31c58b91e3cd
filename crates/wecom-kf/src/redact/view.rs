//! Decoded views of a text. For each byte, a view knows the part of the original text from which it was decoded.

use std::ops::Range;

/// The part of the original text from which a byte was decoded.
#[derive(Clone, Copy)]
struct Origin {
    start: usize,
    end: usize,
}

/// A text, unchanged or decoded.
pub(super) struct View {
    bytes: Vec<u8>,
    origins: Vec<Origin>,
    is_of_base64: bool,
}

/// A way to decode a text.
#[derive(Clone, Copy)]
pub(super) enum Decoder {
    /// `%2B`, in either case, and `%u002B`.
    Percent,
    /// Like `Percent`, but `+` is a space, as in forms.
    Form,
    /// `&amp;`, `&#43;`, `&#x2b;`.
    Html,
    /// `\u002b`, `\x2b`, `\/`, `\n`.
    Json,
    /// Base64 in either alphabet. The number says how many characters at the beginning of each run are skipped, because
    /// a run may begin in the middle of a group of four.
    Base64(usize),
}

/// The length of the shortest run of Base64 that is decoded. A shorter one contains fewer than 8 bytes.
const SHORTEST_RUN: usize = 11;

impl Decoder {
    pub(super) const ALL: [Self; 8] = [
        Self::Percent,
        Self::Form,
        Self::Html,
        Self::Json,
        Self::Base64(0),
        Self::Base64(1),
        Self::Base64(2),
        Self::Base64(3),
    ];
}

impl View {
    /// Creates the view of the unchanged text.
    pub(super) fn of(text: &str) -> Self {
        let origins = text.char_indices().flat_map(|(start, character)| {
            let end = start + character.len_utf8();
            std::iter::repeat_n(Origin { start, end }, character.len_utf8())
        });
        Self { bytes: text.as_bytes().to_vec(), origins: origins.collect(), is_of_base64: false }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Returns whether the view was decoded from Base64, directly or before other decodings.
    pub(super) fn is_of_base64(&self) -> bool {
        self.is_of_base64
    }

    /// Returns the part of the original text from which these bytes were decoded. `range` must not be empty.
    pub(super) fn source(&self, range: Range<usize>) -> Range<usize> {
        self.origins[range.start].start..self.origins[range.end - 1].end
    }

    /// Returns the view that `decoder` makes of this one. Returns `None` if it would change nothing.
    pub(super) fn decoded(&self, decoder: Decoder) -> Option<Self> {
        if let Decoder::Base64(skipped) = decoder {
            // Base64 is decoded at most once, which limits the number of views.
            return (!self.is_of_base64).then(|| self.of_base64(skipped)).filter(|view| !view.bytes.is_empty());
        }
        let mut decoded = Self { bytes: Vec::new(), origins: Vec::new(), is_of_base64: self.is_of_base64 };
        let (mut at, mut is_changed) = (0, false);
        while at < self.bytes.len() {
            match escape(decoder, &self.bytes[at..]) {
                Some((character, length)) => {
                    decoded.push(character, self.source(at..at + length));
                    is_changed = true;
                    at += length;
                }
                None => {
                    decoded.bytes.push(self.bytes[at]);
                    decoded.origins.push(self.origins[at]);
                    at += 1;
                }
            }
        }
        // Without a plus sign, `Form` and `Percent` make the same view.
        let is_new = is_changed && (!matches!(decoder, Decoder::Form) || self.bytes.contains(&b'+'));
        is_new.then_some(decoded)
    }

    fn push(&mut self, decoded: Decoded, source: Range<usize>) {
        let origin = Origin { start: source.start, end: source.end };
        let mut buffer = [0; 4];
        let bytes = match decoded {
            Decoded::Byte(byte) => {
                buffer[0] = byte;
                &buffer[..1]
            }
            Decoded::Character(character) => character.encode_utf8(&mut buffer).as_bytes(),
        };
        self.bytes.extend_from_slice(bytes);
        self.origins.extend(bytes.iter().map(|_| origin));
    }

    /// Returns the decoded content of all long runs of Base64. Line ends inside a run are ignored.
    fn of_base64(&self, skipped: usize) -> Self {
        let mut view = Self { bytes: Vec::new(), origins: Vec::new(), is_of_base64: true };
        let mut run: Vec<(u8, Origin)> = Vec::new();
        for (byte, origin) in self.bytes.iter().zip(&self.origins) {
            match (sextet(*byte), byte) {
                (Some(value), _) => run.push((value, *origin)),
                (None, b'\r' | b'\n') if !run.is_empty() => {}
                (None, _) => {
                    view.append(&run, skipped);
                    run.clear();
                }
            }
        }
        view.append(&run, skipped);
        view
    }

    fn append(&mut self, run: &[(u8, Origin)], skipped: usize) {
        if run.len() < SHORTEST_RUN {
            return;
        }
        for four in run[skipped..].chunks(4) {
            for (index, pair) in four.windows(2).enumerate() {
                let [(high, first), (low, last)] = [pair[0], pair[1]];
                self.bytes.push((high << (2 + 2 * index)) | (low >> (4 - 2 * index)));
                self.origins.push(Origin { start: first.start, end: last.end });
            }
        }
        // A zero byte separates the runs, so that no match extends from one into the next.
        self.bytes.push(0);
        self.origins.push(run[run.len() - 1].1);
    }
}

/// The character or byte that an escape represents.
enum Decoded {
    Byte(u8),
    Character(char),
}

/// Decodes the escape at the start of `bytes`. Returns it with its length.
fn escape(decoder: Decoder, bytes: &[u8]) -> Option<(Decoded, usize)> {
    match (decoder, bytes) {
        (Decoder::Form, [b'+', ..]) => Some((Decoded::Byte(b' '), 1)),
        (Decoder::Percent | Decoder::Form, [b'%', b'u', digits @ ..]) => {
            let unit = hexadecimal(digits.get(..4)?)?;
            Some((Decoded::Character(char::from_u32(unit)?), 6))
        }
        (Decoder::Percent | Decoder::Form, [b'%', digits @ ..]) => {
            Some((Decoded::Byte(hexadecimal(digits.get(..2)?)? as u8), 3))
        }
        (Decoder::Html, [b'&', b'#', b'x' | b'X', digits @ ..]) => character_reference(digits, 16, 3),
        (Decoder::Html, [b'&', b'#', digits @ ..]) => character_reference(digits, 10, 2),
        (Decoder::Html, [b'&', name @ ..]) => {
            let (name, character) = NAMED.iter().find(|(known, _)| name.starts_with(known.as_bytes()))?;
            let length = 1 + name.len();
            Some((Decoded::Character(*character), length + usize::from(bytes.get(length) == Some(&b';'))))
        }
        (Decoder::Json, [b'\\', b'u', digits @ ..]) => json_unit(digits),
        (Decoder::Json, [b'\\', b'x', digits @ ..]) => Some((Decoded::Byte(hexadecimal(digits.get(..2)?)? as u8), 4)),
        (Decoder::Json, [b'\\', letter, ..]) => {
            let character = match letter {
                b'b' => '\u{8}',
                b'f' => '\u{c}',
                b'n' => '\n',
                b'r' => '\r',
                b't' => '\t',
                b'/' | b'"' | b'\\' | b'\'' => char::from(*letter),
                _ => return None,
            };
            Some((Decoded::Character(character), 2))
        }
        _ => None,
    }
}

/// The HTML names of ASCII characters.
const NAMED: [(&str, char); 34] = [
    ("amp", '&'),
    ("lt", '<'),
    ("gt", '>'),
    ("quot", '"'),
    ("apos", '\''),
    ("sol", '/'),
    ("bsol", '\\'),
    ("plus", '+'),
    ("equals", '='),
    ("percnt", '%'),
    ("lowbar", '_'),
    ("hyphen", '-'),
    ("dash", '-'),
    ("period", '.'),
    ("colon", ':'),
    ("comma", ','),
    ("semi", ';'),
    ("excl", '!'),
    ("num", '#'),
    ("dollar", '$'),
    ("lpar", '('),
    ("rpar", ')'),
    ("ast", '*'),
    ("quest", '?'),
    ("commat", '@'),
    ("lbrack", '['),
    ("rbrack", ']'),
    ("Hat", '^'),
    ("grave", '`'),
    ("lbrace", '{'),
    ("rbrace", '}'),
    ("vert", '|'),
    ("NewLine", '\n'),
    ("Tab", '\t'),
];

/// Decodes a numeric character reference from its `digits`. `before` is the number of characters before the digits; the
/// semicolon at the end is optional.
fn character_reference(digits: &[u8], radix: u32, before: usize) -> Option<(Decoded, usize)> {
    let count = digits.iter().take_while(|digit| char::from(**digit).is_digit(radix)).count();
    // There may be many leading zeros. The number itself has at most seven digits.
    let text = std::str::from_utf8(&digits[..count]).ok()?.trim_start_matches('0');
    let number = u32::from_str_radix(text.get(..text.len().min(8))?, radix).ok()?;
    let length = before + count;
    let has_end = digits.get(count) == Some(&b';');
    Some((Decoded::Character(char::from_u32(number)?), length + usize::from(has_end)))
}

/// Decodes `\uXXXX` from the text after `\u`. Two of them may be the halves of a surrogate pair.
fn json_unit(digits: &[u8]) -> Option<(Decoded, usize)> {
    let unit = hexadecimal(digits.get(..4)?)?;
    if let Some(character) = char::from_u32(unit) {
        return Some((Decoded::Character(character), 6));
    }
    let low = digits.get(4..)?.strip_prefix(b"\\u")?;
    let units = [unit as u16, hexadecimal(low.get(..4)?)? as u16];
    let character = char::decode_utf16(units).next()?.ok()?;
    Some((Decoded::Character(character), 12))
}

fn hexadecimal(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0, |number, digit| Some(number * 16 + char::from(*digit).to_digit(16)?))
}

/// Returns the six bits that a character of Base64 represents, in either alphabet.
fn sextet(byte: u8) -> Option<u8> {
    match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' | b'-' => Some(62),
        b'/' | b'_' => Some(63),
        _ => None,
    }
}
