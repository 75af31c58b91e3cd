//! A request or a reply as the journal keeps it: a masked text that is made once, and cut if it is large.

use std::borrow::Cow;

use serde::ser::{self, Serialize, Serializer};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::world::masking::Masking;

/// Of a larger request or reply this much is kept, as a text.
const KEPT_BYTES: usize = 64 * 1024;

/// A request or a reply. Nothing in it is secret.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Body {
    #[default]
    None,
    /// As `serde_json` writes it.
    Json(Box<str>),
    /// What was not JSON, or is the beginning of a large body.
    Text(Box<str>),
}

impl Body {
    /// Keeps a JSON text that `serde_json` wrote.
    pub(crate) fn json(json: &str, masking: &Masking) -> Self {
        let masked = masking.mask_json(json);
        // Masked before it is cut, so that no part of a secret is left.
        if masked.len() <= KEPT_BYTES { Self::Json(masked.into()) } else { Self::Text(cut(&masked).into()) }
    }

    pub(crate) fn text(text: impl Into<String>, masking: &Masking) -> Self {
        let mut text = text.into();
        masking.mask_text(&mut text);
        Self::Text(cut(&text).into())
    }

    /// Returns the body as JSON: a text is a JSON string, and no body is null.
    pub(crate) fn value(&self) -> Value {
        match self {
            Self::None => Value::Null,
            Self::Json(json) => serde_json::from_str(json).unwrap_or_default(),
            Self::Text(text) => Value::from(&**text),
        }
    }

    /// Returns the text that a search reads: a text is without quotes and escapes.
    pub(crate) fn searchable(&self) -> &str {
        match self {
            Self::None => "null",
            Self::Json(text) | Self::Text(text) => text,
        }
    }

    pub(crate) fn size(&self) -> usize {
        self.searchable().len()
    }
}

/// Serializes as the JSON that it is; a text is a JSON string.
impl Serialize for Body {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::None => serializer.serialize_none(),
            Self::Json(json) => {
                serde_json::from_str::<&RawValue>(json).map_err(ser::Error::custom)?.serialize(serializer)
            }
            Self::Text(text) => serializer.serialize_str(text),
        }
    }
}

fn cut(text: &str) -> Cow<'_, str> {
    if text.len() <= KEPT_BYTES {
        return text.into();
    }
    let border = (0..=KEPT_BYTES).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    format!("{}… ({} bytes in all)", &text[..border], text.len()).into()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn masking() -> Masking {
        Masking::new(std::iter::empty())
    }

    #[test]
    fn a_body_is_json_a_text_or_nothing() {
        let masking = masking();
        let bodies = [Body::None, Body::json(r#"{"a":[1]}"#, &masking), Body::text("a \"b\"", &masking)];
        assert_eq!(bodies.each_ref().map(Body::value), [Value::Null, json!({ "a": [1] }), json!("a \"b\"")]);
        assert_eq!(bodies.each_ref().map(Body::searchable), ["null", r#"{"a":[1]}"#, "a \"b\""]);
    }

    #[test]
    fn a_large_body_is_cut_at_a_character_and_says_its_size() {
        let masking = masking();
        let large = "客".repeat(KEPT_BYTES / 3 + 1);
        let cut = format!("{}… ({} bytes in all)", "客".repeat(KEPT_BYTES / 3), large.len());
        assert_eq!(Body::text(large.clone(), &masking).value(), json!(cut));
        let json = json!([large]).to_string();
        let Body::Text(text) = Body::json(&json, &masking) else { panic!("a text") };
        assert!(text.starts_with("[\"客客") && text.ends_with(&format!("客… ({} bytes in all)", json.len())));
        let fits = json!("x".repeat(KEPT_BYTES - 2)).to_string();
        assert_eq!(Body::json(&fits, &masking), Body::Json(fits.into()));
    }
}
