//! Collects the changes and prints the report. Which effect a change has on users is decided where it is found: in
//! `schema.rs`, `document.rs` and `errcodes.rs`.

use std::collections::BTreeMap;
use std::fmt;

/// The effect of a change on programs that use the API, from harmless to harmful.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effect {
    /// Only texts for people changed.
    Words,
    /// Programs that worked still work.
    Compatible,
    /// Some programs that worked stop working, or no longer compile.
    Breaking,
}

/// The place of a change: as it is shown, and by the schema that it belongs to.
#[derive(Clone, Debug)]
pub struct Place {
    /// The place as it is shown, such as `send_msg request: text.content`.
    shown: String,
    /// The place by schema, such as `SendRequest: text.content`. Operations that use the same schema share it.
    origin: String,
}

struct Change {
    effect: Effect,
    origin: String,
    text: String,
    places: Vec<String>,
}

/// All changes found so far. A change of a schema that several operations use is one change with several places.
#[derive(Default)]
pub struct Changes(Vec<Change>);

impl Place {
    pub fn new(shown: impl Into<String>) -> Self {
        let shown = shown.into();
        Self { origin: shown.clone(), shown }
    }

    /// Returns the place with the name of the schema that begins there.
    pub fn in_schema(&self, name: &str) -> Self {
        Self { shown: self.shown.clone(), origin: name.to_owned() }
    }

    pub fn property(&self, name: &str) -> Self {
        self.extended(name, ".")
    }

    /// Returns the place of the entries of a list.
    pub fn items(&self) -> Self {
        self.extended("[]", "")
    }

    /// Returns the place of one alternative of a `oneOf`.
    pub fn form(&self, name: &str) -> Self {
        self.extended(&format!("<{name}>"), "")
    }

    fn extended(&self, step: &str, separator: &str) -> Self {
        let extend = |text: &str| match text.contains(": ") {
            true => format!("{text}{separator}{step}"),
            false => format!("{text}: {step}"),
        };
        Self { shown: extend(&self.shown), origin: extend(&self.origin) }
    }
}

impl From<&str> for Place {
    fn from(shown: &str) -> Self {
        Self::new(shown)
    }
}

impl Changes {
    pub fn add(&mut self, effect: Effect, place: &Place, text: impl Into<String>) {
        let (text, origin, shown) = (text.into(), place.origin.clone(), place.shown.clone());
        let same = |change: &&mut Change| change.effect == effect && change.origin == origin && change.text == text;
        match self.0.iter_mut().find(same) {
            Some(change) if change.places.contains(&shown) => {}
            Some(change) => change.places.push(shown),
            None => self.0.push(Change { effect, origin, text, places: vec![shown] }),
        }
    }

    pub fn breaking(&mut self, place: impl Into<Place>, text: impl Into<String>) {
        self.add(Effect::Breaking, &place.into(), text);
    }

    pub fn compatible(&mut self, place: impl Into<Place>, text: impl Into<String>) {
        self.add(Effect::Compatible, &place.into(), text);
    }

    pub fn words(&mut self, place: impl Into<Place>, text: impl Into<String>) {
        self.add(Effect::Words, &place.into(), text);
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn has_breaking(&self) -> bool {
        self.worst_since(0) == Some(Effect::Breaking)
    }

    /// Returns the most harmful effect of all changes after the first `skipped` ones.
    pub fn worst_since(&self, skipped: usize) -> Option<Effect> {
        self.0.iter().skip(skipped).map(|change| change.effect).max()
    }

    fn of(&self, effect: Effect) -> impl Iterator<Item = &Change> {
        self.0.iter().filter(move |change| change.effect == effect)
    }

    /// Groups changes of texts, which are many and alike: `description changed (2): account_add, account_del`.
    fn words_by_text(&self) -> BTreeMap<&str, Vec<String>> {
        let mut by_text = BTreeMap::<&str, Vec<String>>::new();
        for change in self.of(Effect::Words) {
            by_text.entry(&change.text).or_default().push(change.place());
        }
        by_text
    }
}

impl Change {
    fn place(&self) -> String {
        match self.places.as_slice() {
            [one] => one.clone(),
            [one, other] => format!("{one} and {other}"),
            places => format!("{} ({} places)", self.origin, places.len()),
        }
    }
}

impl fmt::Display for Changes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (effect, title) in [(Effect::Breaking, "breaking"), (Effect::Compatible, "compatible")] {
            let count = self.of(effect).count();
            if count > 0 {
                writeln!(f, "{title} ({count})")?;
            }
            for change in self.of(effect) {
                writeln!(f, "  {}: {}", change.place(), change.text)?;
            }
        }
        let words = self.words_by_text();
        if !words.is_empty() {
            writeln!(f, "words only ({})", self.of(Effect::Words).count())?;
        }
        for (text, places) in words {
            writeln!(f, "{}", wrapped(&format!("  {text} ({}):", places.len()), &places))?;
        }
        Ok(())
    }
}

/// Formats `head` and the list after it in lines of a readable length.
fn wrapped(head: &str, list: &[String]) -> String {
    const LONGEST: usize = 120;
    let (mut lines, mut line) = (Vec::new(), head.to_owned());
    for (index, entry) in list.iter().enumerate() {
        let comma = if index + 1 < list.len() { "," } else { "" };
        if line.chars().count() + entry.chars().count() + 2 > LONGEST {
            lines.push(std::mem::replace(&mut line, "     ".to_owned()));
        }
        line.push_str(&format!(" {entry}{comma}"));
    }
    lines.push(line);
    lines.join("\n")
}
