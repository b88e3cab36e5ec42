//! The proof of a record as a JSON document.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use tlog::{ProofFile, ProofFileError};

use super::RecordProof;
use crate::disclosure::Disclosure;
use crate::field_object::Fields;

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
struct Document<F> {
    version: String,
    id: String,
    created_at: String,
    fields: F,
    tlog_proof: String,
}

impl RecordProof {
    /// Reads the document of a proof. Nothing in it is verified.
    ///
    /// # Errors
    /// [`InvalidProof`].
    pub fn parse(bytes: &[u8]) -> Result<Self, InvalidProof> {
        if bytes.len() > DOCUMENT_MAX {
            return Err(InvalidProof::TooLong);
        }
        let document: Document<Fields<Disclosure>> =
            serde_json::from_slice(bytes).map_err(InvalidProof::Json)?;
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
            fields: Fields(self.fields.each_ref()),
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
