//! The proof of a record as a JSON document.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::{Error as _, MapAccess, Visitor};
use serde::ser::SerializeMap as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use tlog::{ProofFile, ProofFileError};

use super::{Disclosure, RecordProof};
use crate::commitment::{Commitment, Salt};
use crate::fields::{FIELDS, FieldName};

/// The version of the document.
const VERSION: &str = "auditrail/proof/v1";
/// The longest document, in bytes: the largest record takes some 600 KiB, if each character is escaped.
const DOCUMENT_MAX: usize = 4 * 1024 * 1024;

/// Bytes that are not the proof of a record.
#[derive(Debug, thiserror::Error)]
pub enum InvalidProof {
    /// It is longer than any proof.
    #[error("the document is longer than {DOCUMENT_MAX} bytes")]
    TooLong,
    /// It is not the JSON of a proof.
    #[error("the document is not the proof of a record: {0}")]
    Json(serde_json::Error),
    /// It is of another version.
    #[error("the document is of version {found:?}; this program verifies {VERSION}")]
    Version {
        /// Its version.
        found: String,
    },
    /// The id or the time is not valid, or not in its only form.
    #[error("`{name}` is not in its only form")]
    Form {
        /// The member.
        name: &'static str,
    },
    /// The text of the inclusion proof is not one.
    #[error("`tlog_proof` is not valid: {0}")]
    TlogProof(ProofFileError),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    version: String,
    id: String,
    created_at: String,
    fields: Fields,
    tlog_proof: String,
}

/// An object with each field once.
struct Fields([Disclosure; FIELDS.len()]);

/// A value with its salt, or the commitment alone.
#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Field {
    /// `Some(None)` is null.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    value: Option<Option<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    salt: Option<Bytes>,
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    withheld: Option<Bytes>,
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    erased: Option<Bytes>,
}

/// A member that is there, also if it is null.
fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// 32 bytes as Base64.
struct Bytes([u8; 32]);

impl RecordProof {
    /// Reads the document of a proof. Nothing in it is verified.
    ///
    /// # Errors
    /// [`InvalidProof`].
    pub fn parse(bytes: &[u8]) -> Result<Self, InvalidProof> {
        if bytes.len() > DOCUMENT_MAX {
            return Err(InvalidProof::TooLong);
        }
        let document: Document = serde_json::from_slice(bytes).map_err(InvalidProof::Json)?;
        let Document { version, id, created_at, fields: Fields(fields), tlog_proof } = document;
        if version != VERSION {
            return Err(InvalidProof::Version { found: version.chars().take(100).collect() });
        }
        let id = only_form("id", &id)?;
        let created_at = only_form("created_at", &created_at)?;
        let tlog_proof =
            ProofFile::parse(tlog_proof.as_bytes()).map_err(InvalidProof::TlogProof)?;
        Ok(Self { id, created_at, fields, tlog_proof })
    }

    /// The document, as one line.
    ///
    /// # Panics
    /// Never: it has only text.
    #[must_use]
    pub fn to_json(&self) -> String {
        let document = Document {
            version: VERSION.to_owned(),
            id: self.id.to_string(),
            created_at: self.created_at.to_string(),
            fields: Fields(self.fields.clone()),
            tlog_proof: self.tlog_proof.to_string(),
        };
        serde_json::to_string(&document).unwrap_or_default()
    }
}

/// Reads a value that is printed as the text.
fn only_form<T: FromStr + fmt::Display>(name: &'static str, text: &str) -> Result<T, InvalidProof> {
    let value = text.parse::<T>().ok().filter(|value| value.to_string() == text);
    value.ok_or(InvalidProof::Form { name })
}

impl From<&Disclosure> for Field {
    fn from(disclosure: &Disclosure) -> Self {
        match disclosure {
            Disclosure::Shown { value, salt } => {
                Self { value: Some(value.clone()), salt: Some(Bytes(salt.0)), ..Self::default() }
            }
            Disclosure::Withheld(commitment) => {
                Self { withheld: Some(Bytes(commitment.0)), ..Self::default() }
            }
            Disclosure::Erased(commitment) => {
                Self { erased: Some(Bytes(commitment.0)), ..Self::default() }
            }
        }
    }
}

impl Field {
    fn disclosure(self) -> Option<Disclosure> {
        match self {
            Self { value: Some(value), salt: Some(salt), withheld: None, erased: None } => {
                Some(Disclosure::Shown { value, salt: Salt(salt.0) })
            }
            Self { value: None, salt: None, withheld: Some(commitment), erased: None } => {
                Some(Disclosure::Withheld(Commitment(commitment.0)))
            }
            Self { value: None, salt: None, withheld: None, erased: Some(commitment) } => {
                Some(Disclosure::Erased(Commitment(commitment.0)))
            }
            _ => None,
        }
    }
}

impl Serialize for Fields {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(FIELDS.len()))?;
        for (field, disclosure) in FIELDS.into_iter().zip(&self.0) {
            map.serialize_entry(field.as_str(), &Field::from(disclosure))?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(FieldsVisitor)
    }
}

struct FieldsVisitor;

impl<'de> Visitor<'de> for FieldsVisitor {
    type Value = Fields;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with the fields of a record")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
        let mut found = [const { None }; FIELDS.len()];
        while let Some(name) = map.next_key::<String>()? {
            let field: FieldName = name
                .parse()
                .map_err(|()| A::Error::custom(format_args!("unknown field `{name}`")))?;
            let slot = &mut found[field.index()];
            // Another reader might take the other value.
            if slot.is_some() {
                return Err(A::Error::custom(format_args!("the field `{name}` occurs twice")));
            }
            let value = map.next_value::<Field>();
            let value = value.map_err(|error| A::Error::custom(format_args!("`{name}`: {error}")));
            *slot = Some(value?.disclosure().ok_or_else(|| {
                A::Error::custom(format_args!(
                    "`{name}` has either `value` and `salt`, or `withheld`, or `erased`"
                ))
            })?);
        }
        if let Some(field) = FIELDS.into_iter().find(|field| found[field.index()].is_none()) {
            return Err(A::Error::custom(format_args!("the field `{field}` is missing")));
        }
        let missing = Disclosure::Withheld(Commitment([0; 32]));
        Ok(Fields(found.map(|disclosure| disclosure.unwrap_or_else(|| missing.clone()))))
    }
}

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(self.0))
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bytes = STANDARD.decode(text).ok().and_then(|bytes| bytes.try_into().ok());
        bytes.map(Self).ok_or_else(|| D::Error::custom("32 bytes are 44 characters of Base64"))
    }
}
