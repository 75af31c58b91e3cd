//! The texts that the steps add to the portable view, in English and Chinese.

use std::collections::BTreeMap;

/// The English texts that the steps added, with their Chinese.
#[derive(Default)]
pub struct Texts(BTreeMap<String, String>);

impl Texts {
    /// Keeps the pair for the translated product and returns the English text.
    pub fn add(&mut self, en: impl Into<String>, zh: impl Into<String>) -> String {
        let en = en.into();
        self.0.insert(en.clone(), zh.into());
        en
    }

    pub fn get(&self, en: &str) -> Option<&str> {
        self.0.get(en).map(String::as_str)
    }
}
