//! Open enums, for values to which WeCom may add others: each has a variant for any other text.

// Whether an enum exists depends on the document.
#[allow(unused_macros)]
/// Declares an open enum: `open_enum! { /// … Name { Text = "text" } }`.
macro_rules! open_enum {
    ($(#[doc = $docs:literal])* $name:ident { $($(#[$variant_docs:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[doc = $docs])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum $name {
            $($(#[$variant_docs])* $variant,)+
            /// Any other value, such as one that WeCom added.
            Other(String),
        }

        impl $name {
            /// Returns the value as WeCom writes it.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $text,)+
                    Self::Other(text) => text,
                }
            }
        }

        /// Returns the empty text, which is not a valid value.
        impl Default for $name {
            fn default() -> Self {
                Self::Other(String::new())
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                match text {
                    $($text => Self::$variant,)+
                    other => Self::Other(other.to_owned()),
                }
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                match text.as_str() {
                    $($text => Self::$variant,)+
                    _ => Self::Other(text),
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                String::deserialize(from).map(Self::from)
            }
        }

        impl crate::parameter::Parameter for $name {
            fn write(&self, sink: &mut dyn FnMut(&str)) {
                sink(self.as_str());
            }
        }

        #[cfg(feature = "schemars")]
        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                let description = [$($docs),*].map(str::trim).join("\n");
                schemars::json_schema!({ "type": "string", "description": description, "enum": [$($text),+] })
            }
        }
    };
}

#[allow(unused_imports, reason = "whether an enum exists depends on the document")]
pub(crate) use open_enum;

#[cfg(test)]
#[allow(unreachable_pub, reason = "the macro is for the public types of this crate")]
mod tests {
    open_enum! {
        /// How an item is shown.
        Form {
            /// `plain`
            Plain = "plain",
            /// `in-a-frame`
            InAFrame = "in-a-frame",
        }
    }

    #[test]
    fn known_and_other_values_survive_a_round_trip() {
        for (text, form) in
            [("plain", Form::Plain), ("in-a-frame", Form::InAFrame), ("new", Form::Other("new".to_owned()))]
        {
            assert_eq!(Form::from(text), form);
            assert_eq!(Form::from(text.to_owned()), form);
            assert_eq!(form.to_string(), text);
            let json = serde_json::to_string(&form).unwrap();
            assert_eq!(json, format!("{text:?}"));
            assert_eq!(serde_json::from_str::<Form>(&json).unwrap(), form);
        }
        assert_eq!(Form::default().as_str(), "");
    }
}
