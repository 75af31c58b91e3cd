//! Makes ids, tokens and cursors from the seed.

use std::borrow::Cow;
use std::collections::BTreeMap;

use fastrand::Rng;
use serde::{Deserialize, Serialize};

const LETTERS_AND_DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const POSITION_DIGITS: usize = 11;
const SEAL_DIGITS: usize = 24;
/// The length of a sealed position.
pub(crate) const SEALED_LENGTH: usize = POSITION_DIGITS + SEAL_DIGITS;

/// Returns the seed of the corp with this index. The first corp has the seed of the simulator.
pub(crate) fn seed_of_corp(seed: u64, place: usize) -> u64 {
    if place == 0 { seed } else { Ids::new(seed).rng(&["corp", &place.to_string()]).u64(..) }
}

/// Makes every id, token and cursor from the seed.
///
/// Each kind has its own counter, so that one more id of one kind does not change the ids of the others.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Ids {
    seed: u64,
    made: BTreeMap<Cow<'static, str>, u64>,
}

impl Ids {
    pub(crate) fn new(seed: u64) -> Self {
        Self { seed, made: BTreeMap::new() }
    }

    /// Returns whether both make the same ids, however many they have made.
    pub(crate) fn have_seed_of(&self, other: &Self) -> bool {
        self.seed == other.seed
    }

    /// Returns the next id of a kind: `prefix`, followed by `length` letters and digits.
    pub(crate) fn next(&mut self, kind: &'static str, prefix: &str, length: usize) -> String {
        let number = self.count(kind);
        self.named(kind, &number.to_string(), prefix, length)
    }

    /// Returns the next number of a kind, sealed with the name of the kind.
    pub(crate) fn next_sealed(&mut self, kind: &'static str, length: usize) -> String {
        let number = self.count(kind);
        self.seal_at_length(kind, number, length)
    }

    /// Returns the next number of a kind: `prefix`, followed by `length` decimal digits.
    pub(crate) fn next_digits(&mut self, kind: &'static str, prefix: &str, length: usize) -> String {
        let number = self.count(kind);
        let mut rng = self.rng(&[kind, &number.to_string()]);
        // No leading zero, because the digits are read as a number.
        let digits = (0..length).map(|at| char::from(rng.u8(if at == 0 { b'1'..=b'9' } else { b'0'..=b'9' })));
        prefix.chars().chain(digits).collect()
    }

    /// Returns the id of something that has a name. The same name always has the same id.
    pub(crate) fn named(&self, kind: &str, name: &str, prefix: &str, length: usize) -> String {
        let mut rng = self.rng(&[kind, name]);
        prefix.chars().chain((0..length).map(|_| digit(rng.u64(..)))).collect()
    }

    /// Hides `position` in an opaque text that is valid for `owner` only. It is shorter than the 64 bytes of a cursor.
    pub(crate) fn seal(&self, owner: &str, position: u64) -> String {
        self.seal_at_length(owner, position, SEALED_LENGTH)
    }

    /// Like [`seal`](Self::seal), with another length. The length is at least `SEALED_LENGTH`.
    pub(crate) fn seal_at_length(&self, owner: &str, position: u64, length: usize) -> String {
        let mut rest = position ^ self.mask(owner);
        let digits = (0..POSITION_DIGITS).map(|_| {
            let digit = digit(rest);
            rest /= LETTERS_AND_DIGITS.len() as u64;
            digit
        });
        let hidden: String = digits.collect();
        self.named("seal", &format!("{owner} {position}"), &hidden, length - POSITION_DIGITS)
    }

    /// Returns the position that [`seal`](Self::seal) hid for `owner`.
    pub(crate) fn unseal(&self, owner: &str, sealed: &str) -> Option<u64> {
        self.unseal_below(owner, sealed, SEALED_LENGTH, u64::MAX)
    }

    /// Returns the position that [`seal_at_length`](Self::seal_at_length) hid for `owner`, if it is not greater than `limit`.
    /// A low limit makes it cheap to recognise other texts.
    pub(crate) fn unseal_below(&self, owner: &str, sealed: &str, length: usize, limit: u64) -> Option<u64> {
        let hidden = sealed.as_bytes().get(..POSITION_DIGITS)?;
        let masked = hidden.iter().rev().try_fold(0u64, |number, byte| {
            number.checked_mul(LETTERS_AND_DIGITS.len() as u64)?.checked_add(value(*byte)?)
        })?;
        let position = masked ^ self.mask(owner);
        let is_plausible = position <= limit && sealed.len() == length;
        (is_plausible && self.seal_at_length(owner, position, length) == sealed).then_some(position)
    }

    fn mask(&self, owner: &str) -> u64 {
        self.rng(&["mask", owner]).u64(..)
    }

    fn count(&mut self, kind: &'static str) -> u64 {
        let made = self.made.entry(Cow::Borrowed(kind)).or_default();
        *made += 1;
        *made
    }

    fn rng(&self, parts: &[&str]) -> Rng {
        Rng::with_seed(parts.iter().fold(self.seed, |hash, part| fnv1a(hash, part)))
    }
}

/// Returns the index of a digit in `LETTERS_AND_DIGITS`.
fn value(digit: u8) -> Option<u64> {
    Some(u64::from(match digit {
        b'0'..=b'9' => digit - b'0',
        b'A'..=b'Z' => digit - b'A' + 10,
        b'a'..=b'z' => digit - b'a' + 36,
        _ => return None,
    }))
}

fn digit(number: u64) -> char {
    char::from(LETTERS_AND_DIGITS[(number % LETTERS_AND_DIGITS.len() as u64) as usize])
}

/// Returns the hash by FNV-1a. The standard library's hasher may change with any version of Rust, and the ids of a seed
/// must not.
fn fnv1a(start: u64, text: &str) -> u64 {
    let start = start ^ 0xcbf2_9ce4_8422_2325;
    // The byte after the text distinguishes "a", "bc" from "ab", "c". UTF-8 never contains 0xff.
    text.bytes().chain([0xff]).fold(start, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_position_comes_back_and_fits_its_owner_only() {
        let ids = Ids::new(7);
        for position in [0, 1, 65_536, u64::MAX] {
            let sealed = ids.seal("wkA", position);
            assert!(sealed.len() <= 64);
            assert_eq!(ids.unseal("wkA", &sealed), Some(position));
            assert_eq!(ids.unseal("wkB", &sealed), None);
            assert_eq!(Ids::new(8).unseal("wkA", &sealed), None);
        }
        for broken in ["", "short", "zzzzzzzzzzzzzzzz", "客服客服客服客服"] {
            assert_eq!(ids.unseal("wkA", broken), None);
        }
    }

    #[test]
    fn a_digit_has_the_value_of_its_place() {
        for (place, digit) in LETTERS_AND_DIGITS.iter().enumerate() {
            assert_eq!(value(*digit), Some(place as u64));
        }
        assert_eq!([b'-', b'_', b' ', 0x80].map(value), [None; 4]);
    }

    #[test]
    fn the_same_seed_makes_the_same_ids_and_another_does_not() {
        let made = |seed| Ids::new(seed).next("msgid", "", 20);
        assert_eq!(made(1), made(1));
        assert_ne!(made(1), made(2));
    }

    #[test]
    fn each_corp_has_a_seed_of_its_own_and_the_first_that_of_the_simulator() {
        let seeds: std::collections::BTreeSet<_> = (0..100).map(|place| seed_of_corp(7, place)).collect();
        assert_eq!((seeds.len(), seed_of_corp(7, 0)), (100, 7));
        assert_eq!(seed_of_corp(7, 1), seed_of_corp(7, 1));
        assert_ne!(seed_of_corp(7, 1), seed_of_corp(8, 1));
    }

    #[test]
    fn one_kind_does_not_disturb_another() {
        let mut ids = Ids::new(1);
        ids.next_digits("hint", "", 19);
        assert_eq!(ids.next("msgid", "", 20), Ids::new(1).next("msgid", "", 20));
    }
}
