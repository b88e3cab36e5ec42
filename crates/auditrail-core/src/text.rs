//! Text that holds its rule: no control characters, a largest number of characters, and for
//! identifiers at least one character.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Visitor};

use crate::error::ValueError;
use crate::limits;

/// Makes a newtype of text with every way in and out of it.
macro_rules! text_type {
    ($(#[$doc:meta])* $name:ident, max = $max:expr, empty = $empty:ident) => {
        $(#[$doc])*
        ///
        /// Parsing refuses control characters (NUL among them) and text over the limit;
        /// [`from_stored`](Self::from_stored) takes what the table holds as it is.
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Box<str>);

        impl $name {
            /// Takes text that is in the table already, whatever it holds.
            #[must_use]
            pub fn from_stored(text: impl Into<Box<str>>) -> Self {
                Self(text.into())
            }

            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// Gives the text back without copying it.
            #[must_use]
            pub fn into_string(self) -> String {
                self.0.into_string()
            }

            fn check(text: &str) -> Result<(), crate::error::ValueError> {
                $crate::text::check(text, $max, $crate::text::Empty::$empty)
            }
        }

        $crate::text::text_impls!($name);
    };
}
/// The conversions every text type has; the type gives `check`, `from_stored` and `as_str`.
macro_rules! text_impls {
    ($name:ident) => {
        impl std::str::FromStr for $name {
            type Err = $crate::error::ValueError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::check(text)?;
                Ok(Self::from_stored(text))
            }
        }

        impl TryFrom<&str> for $name {
            type Error = $crate::error::ValueError;

            fn try_from(text: &str) -> Result<Self, Self::Error> {
                text.parse()
            }
        }

        impl TryFrom<String> for $name {
            type Error = $crate::error::ValueError;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                Self::check(&text)?;
                Ok(Self::from_stored(text))
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                self.as_str()
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                std::fmt::Debug::fmt(self.as_str(), f)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = $crate::text::JsonText::deserialize(deserializer)?;
                text.as_str().parse().map_err(serde::de::Error::custom)
            }
        }
    };
}
pub(crate) use text_impls;

text_type! {
    /// Who acted: the id of a user or of an API key, in the caller's own words.
    ActorId, max = limits::ACTOR_ID_MAX_CHARS, empty = refused
}
text_type! {
    /// What was acted upon, in the caller's own words.
    TargetId, max = limits::TARGET_ID_MAX_CHARS, empty = refused
}
text_type! {
    /// The software that made the request, as it called itself. Empty is a fact and allowed.
    UserAgent, max = limits::USER_AGENT_MAX_CHARS, empty = allowed
}
text_type! {
    /// Whose record it is, where one installation serves many customers.
    TenantId, max = limits::TENANT_ID_MAX_CHARS, empty = refused
}
text_type! {
    /// The request that caused the record, to find it in logs and traces.
    RequestId, max = limits::REQUEST_ID_MAX_CHARS, empty = refused
}

text_type! {
    /// What people call an API key.
    ApiKeyName, max = limits::KEY_NAME_MAX_CHARS, empty = refused
}
text_type! {
    /// How an API key starts, as `adt_live_Ab3d`: enough for people to tell keys apart, and of no use
    /// to anybody else.
    ApiKeyHint, max = limits::KEY_HINT_MAX_CHARS, empty = refused
}

/// Whether a text may be empty.
#[derive(Clone, Copy, PartialEq, Eq)]
#[expect(non_camel_case_types, reason = "the names are the words of the text_type! macro")]
pub(crate) enum Empty {
    allowed,
    refused,
}

/// Checks the rule all text has.
///
/// Bytes are counted first: text is never longer in characters than in bytes, so nearly all input
/// is accepted without decoding it.
pub(crate) fn check(text: &str, max: usize, empty: Empty) -> Result<(), ValueError> {
    if text.is_empty() && empty == Empty::refused {
        return Err(ValueError::Empty);
    }
    if text.len() > max {
        let chars = text.chars().count();
        if chars > max {
            return Err(ValueError::TooLong { chars, max });
        }
    }
    let suspicious = text.bytes().any(|byte| !(0x20..0x7f).contains(&byte));
    if suspicious {
        let found = text.chars().enumerate().find(|(_, c)| c.is_control());
        if let Some((place, c)) = found {
            return Err(ValueError::ControlCharacter { code: u32::from(c), at: place + 1 });
        }
    }
    Ok(())
}

/// A JSON string, borrowed from the input where it holds no escape.
///
/// serde's own `Option<Cow<str>>` always copies.
pub(crate) struct JsonText<'a>(Cow<'a, str>);

impl JsonText<'_> {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The text in the form `from_stored` takes.
    pub(crate) fn into_boxed(self) -> Box<str> {
        match self.0 {
            Cow::Borrowed(text) => text.into(),
            Cow::Owned(text) => text.into(),
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for JsonText<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(JsonTextVisitor)
    }
}

struct JsonTextVisitor;

impl<'de> Visitor<'de> for JsonTextVisitor {
    type Value = JsonText<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(JsonText(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(JsonText(Cow::Owned(text.to_owned())))
    }

    fn visit_string<E>(self, text: String) -> Result<Self::Value, E> {
        Ok(JsonText(Cow::Owned(text)))
    }
}
