//! The fields of a record as an object of JSON: each with its value and salt, or with its commitment alone.

use std::borrow::Cow;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::{Error as _, MapAccess, Visitor};
use serde::ser::SerializeMap as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::commitment::{Commitment, Salt};
use crate::disclosure::Disclosure;
use crate::fields::{FIELDS, FieldName};

/// An object with each field once.
pub(crate) struct Fields<T>(pub(crate) [T; FIELDS.len()]);

/// A field as it was read.
pub(crate) enum ReadField<'a> {
    Shown { value: Option<Cow<'a, str>>, salt: Salt },
    Withheld(Commitment),
    Erased(Commitment),
}

/// What is kept of a field that was read.
pub(crate) trait FromField: Sized {
    fn from_field(name: FieldName, field: ReadField<'_>) -> Self;
}

impl FromField for Disclosure {
    fn from_field(_: FieldName, field: ReadField<'_>) -> Self {
        match field {
            ReadField::Shown { value, salt } => {
                Self::Shown { value: value.map(Cow::into_owned), salt }
            }
            ReadField::Withheld(commitment) => Self::Withheld(commitment),
            ReadField::Erased(commitment) => Self::Erased(commitment),
        }
    }
}

/// A value with its salt, or the commitment alone.
#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Field<'a> {
    /// `Some(None)` is null.
    #[serde(
        borrow,
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "present"
    )]
    value: Option<Option<Text<'a>>>,
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    salt: Option<Bytes>,
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    withheld: Option<Bytes>,
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    erased: Option<Bytes>,
}

/// A member that is there, also if it is null.
pub(crate) fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// Text, without a copy unless it has escapes.
#[derive(Serialize)]
struct Text<'a>(Cow<'a, str>);

/// 32 bytes as Base64.
struct Bytes([u8; 32]);

impl<'a> From<&'a Disclosure> for Field<'a> {
    fn from(disclosure: &'a Disclosure) -> Self {
        match disclosure {
            Disclosure::Shown { value, salt } => Self {
                value: Some(value.as_deref().map(|value| Text(Cow::Borrowed(value)))),
                salt: Some(Bytes(salt.0)),
                ..Self::default()
            },
            Disclosure::Withheld(commitment) => {
                Self { withheld: Some(Bytes(commitment.0)), ..Self::default() }
            }
            Disclosure::Erased(commitment) => {
                Self { erased: Some(Bytes(commitment.0)), ..Self::default() }
            }
        }
    }
}

impl<'a> Field<'a> {
    fn read(self) -> Option<ReadField<'a>> {
        match self {
            Self { value: Some(value), salt: Some(salt), withheld: None, erased: None } => {
                let value = value.map(|Text(value)| value);
                Some(ReadField::Shown { value, salt: Salt(salt.0) })
            }
            Self { value: None, salt: None, withheld: Some(commitment), erased: None } => {
                Some(ReadField::Withheld(Commitment(commitment.0)))
            }
            Self { value: None, salt: None, withheld: None, erased: Some(commitment) } => {
                Some(ReadField::Erased(Commitment(commitment.0)))
            }
            _ => None,
        }
    }
}

impl Serialize for Fields<&Disclosure> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(FIELDS.len()))?;
        for (field, disclosure) in FIELDS.into_iter().zip(self.0) {
            map.serialize_entry(field.as_str(), &Field::from(disclosure))?;
        }
        map.end()
    }
}

impl<'de, T: FromField> Deserialize<'de> for Fields<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(FieldsVisitor([const { None }; FIELDS.len()]))
    }
}

/// Has the fields that were read.
struct FieldsVisitor<T>([Option<T>; FIELDS.len()]);

impl<'de, T: FromField> Visitor<'de> for FieldsVisitor<T> {
    type Value = Fields<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with the fields of a record")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields<T>, A::Error> {
        let Self(mut found) = self;
        while let Some(Text(name)) = map.next_key()? {
            let field: FieldName = name
                .parse()
                .map_err(|()| A::Error::custom(format_args!("unknown field `{name}`")))?;
            let slot = &mut found[field.index()];
            // Another reader might take the other value.
            if slot.is_some() {
                return Err(A::Error::custom(format_args!("the field `{name}` occurs twice")));
            }
            let value = map.next_value::<Field<'de>>();
            let value = value.map_err(|error| A::Error::custom(format_args!("`{name}`: {error}")));
            let value = value?.read().ok_or_else(|| {
                A::Error::custom(format_args!(
                    "`{name}` has either `value` and `salt`, or `withheld`, or `erased`"
                ))
            })?;
            *slot = Some(T::from_field(field, value));
        }
        let missing = FIELDS.into_iter().find(|field| found[field.index()].is_none());
        let all = found.into_iter().collect::<Option<Vec<T>>>();
        match all.and_then(|all| <[T; FIELDS.len()]>::try_from(all).ok()) {
            Some(all) => Ok(Fields(all)),
            None => Err(A::Error::custom(format_args!(
                "the field `{}` is missing",
                missing.map_or("", FieldName::as_str)
            ))),
        }
    }
}

impl<'de> Deserialize<'de> for Text<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(TextVisitor)
    }
}

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Text<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Text(Cow::Owned(text.to_owned())))
    }
}

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(self.0))
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Text(text) = Text::deserialize(deserializer)?;
        // Base64 is decoded by whole groups of three bytes.
        let mut bytes = [0; 33];
        let is_read = STANDARD.decode_slice(text.as_bytes(), &mut bytes) == Ok(32);
        let bytes = bytes.first_chunk().filter(|_| is_read).copied();
        bytes.map(Self).ok_or_else(|| D::Error::custom("32 bytes are 44 characters of Base64"))
    }
}
