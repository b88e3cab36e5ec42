//! Validated text types: no control characters, a maximum length, and for identifiers at least one
//! character.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Visitor};

use crate::error::ValueError;
use crate::limits;

/// Defines a newtype of text with its conversions.
macro_rules! text_type {
    ($(#[$doc:meta])* $name:ident, max = $max:expr, empty = $empty:ident) => {
        $(#[$doc])*
        ///
        /// Parsing rejects control characters (including NUL) and text over the limit;
        /// [`from_stored`](Self::from_stored) accepts any text of the table.
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Box<str>);

        impl $name {
            /// Wraps text from the table without validation.
            #[must_use]
            pub fn from_stored(text: impl Into<Box<str>>) -> Self {
                Self(text.into())
            }

            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// Returns the text without copying it.
            #[must_use]
            pub fn into_string(self) -> String {
                self.0.into_string()
            }

            /// Checks the rules of new records.
            pub(crate) fn check(text: &str) -> Result<(), crate::error::ValueError> {
                $crate::text::check(text, $max, $crate::text::Empty::$empty)
            }
        }

        $crate::text::text_impls!($name);
    };
}
/// The conversions of a text type that has `check`, `from_stored` and `as_str`.
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
    /// The id of the actor: a user or an API key, as the caller names it.
    ActorId, max = limits::ACTOR_ID_MAX_CHARS, empty = refused
}
text_type! {
    /// The id of the target, as the caller names it.
    TargetId, max = limits::TARGET_ID_MAX_CHARS, empty = refused
}
text_type! {
    /// The user agent of the request. May be empty, as the header may be.
    UserAgent, max = limits::USER_AGENT_MAX_CHARS, empty = allowed
}
text_type! {
    /// The tenant of the record, where one installation serves many customers.
    TenantId, max = limits::TENANT_ID_MAX_CHARS, empty = refused
}
text_type! {
    /// The id of the request that caused the record, for correlation with logs and traces.
    RequestId, max = limits::REQUEST_ID_MAX_CHARS, empty = refused
}
text_type! {
    /// The name of the actor for people, as it was when the action happened.
    ActorName, max = limits::ACTOR_NAME_MAX_CHARS, empty = refused
}
text_type! {
    /// The name of the target for people, as it was when the action happened.
    TargetName, max = limits::TARGET_NAME_MAX_CHARS, empty = refused
}
text_type! {
    /// The writer of a record: `key:` and the id of an API key, or `role:` and a database role.
    RecordedBy, max = limits::RECORDED_BY_MAX_CHARS, empty = refused
}

text_type! {
    /// The name of an API key, for people.
    ApiKeyName, max = limits::KEY_NAME_MAX_CHARS, empty = refused
}
text_type! {
    /// The start of an API key, such as `adt_live_Ab3d`, by which people distinguish keys. It leaves the
    /// rest of the key unguessable.
    ApiKeyHint, max = limits::KEY_HINT_MAX_CHARS, empty = refused
}

/// Whether a text may be empty.
#[derive(Clone, Copy, PartialEq, Eq)]
#[expect(non_camel_case_types, reason = "the names are the words of the text_type! macro")]
pub(crate) enum Empty {
    allowed,
    refused,
}

/// Checks the rules of all text types.
///
/// Bytes are counted first: text has at most as many characters as bytes, so most input is accepted
/// without decoding it.
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
    let is_plain = text.bytes().all(|byte| (0x20..0x7f).contains(&byte));
    if !is_plain && let Some((index, c)) = text.chars().enumerate().find(|(_, c)| c.is_control()) {
        return Err(ValueError::ControlCharacter { code: u32::from(c), at: index + 1 });
    }
    Ok(())
}

/// A JSON string, borrowed from the input unless it contains an escape.
///
/// serde's `Option<Cow<str>>` always copies.
pub(crate) struct JsonText<'a>(Cow<'a, str>);

impl JsonText<'_> {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The text as the argument of `from_stored`.
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
