//! Texts that the steps add, in both languages.

use std::collections::BTreeMap;

/// English texts of this program and their Chinese.
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
