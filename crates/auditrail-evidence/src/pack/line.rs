//! The lines of `records.ndjson`.

use auditrail_core::RecordTime;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use tlog::Hash;
use uuid::Uuid;

use super::error::PackError;
use super::limits::LINE_MAX;
use crate::commitment::{Commitment, fields_root};
use crate::disclosure::Disclosure;
use crate::entry::{Entry, LogEntry};
use crate::field_object::{Fields, FromField, ReadField, present};
use crate::fields::{FIELDS, FieldName};

/// A line to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PackLine {
    /// A record, with what the pack shows of it.
    Record {
        /// The index of its entry.
        seq: u64,
        /// The id of the record.
        id: Uuid,
        /// Its time.
        created_at: RecordTime,
        /// Each field, in the order of [`FIELDS`].
        fields: Box<[Disclosure; FIELDS.len()]>,
    },
    /// A record that had left.
    Left {
        /// The index of its entry.
        seq: u64,
        /// Its entry.
        entry: LogEntry,
    },
}

#[derive(Serialize)]
struct RecordLine<'a> {
    seq: u64,
    id: Uuid,
    created_at: String,
    fields: Fields<&'a Disclosure>,
}

#[derive(Serialize)]
struct LeftLine {
    seq: u64,
    left: String,
}

impl PackLine {
    /// The hash of its entry in the tree of the log.
    #[must_use]
    pub fn leaf_hash(&self) -> Hash {
        match self {
            Self::Record { id, created_at, fields, .. } => {
                let commitments = FIELDS.map(|field| fields[field.index()].commitment(field));
                let (id, created_at) = (*id, *created_at);
                Entry { id, created_at, fields_root: fields_root(&commitments) }.leaf_hash()
            }
            Self::Left { entry, .. } => entry.leaf_hash(),
        }
    }

    /// Appends it with its newline.
    pub fn write(&self, out: &mut Vec<u8>) {
        let written = match self {
            Self::Record { seq, id, created_at, fields } => {
                let fields = Fields(fields.each_ref());
                let created_at = created_at.to_string();
                let line = RecordLine { seq: *seq, id: *id, created_at, fields };
                serde_json::to_writer(&mut *out, &line)
            }
            Self::Left { seq, entry } => {
                let line = LeftLine { seq: *seq, left: STANDARD.encode(entry.to_bytes()) };
                serde_json::to_writer(&mut *out, &line)
            }
        };
        // Text and numbers alone, into memory.
        debug_assert!(written.is_ok());
        out.push(b'\n');
    }
}

/// What is needed of a line that was read.
pub(super) struct Leaf {
    pub(super) seq: u64,
    pub(super) id: Uuid,
    pub(super) hash: Hash,
    pub(super) is_left: bool,
    /// A bit for each field that is withheld, by its index.
    pub(super) withheld: u16,
    /// A bit for each field that is erased.
    pub(super) erased: u16,
}

/// A field of a line that was read: its commitment, and whether its value is there.
struct Committed {
    commitment: Commitment,
    is_withheld: bool,
    is_erased: bool,
}

impl FromField for Committed {
    fn from_field(name: FieldName, field: ReadField<'_>) -> Self {
        let (is_withheld, is_erased) = match field {
            ReadField::Shown { .. } => (false, false),
            ReadField::Withheld(_) => (true, false),
            ReadField::Erased(_) => (false, true),
        };
        let commitment = match field {
            ReadField::Shown { value, salt } => salt.commitment(name, value.as_deref()),
            ReadField::Withheld(commitment) | ReadField::Erased(commitment) => commitment,
        };
        Self { commitment, is_withheld, is_erased }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReadLine<'a> {
    seq: u64,
    #[serde(borrow, default, deserialize_with = "present")]
    id: Option<&'a str>,
    #[serde(borrow, default, deserialize_with = "present")]
    created_at: Option<&'a str>,
    #[serde(default, deserialize_with = "present")]
    fields: Option<Fields<Committed>>,
    #[serde(borrow, default, deserialize_with = "present")]
    left: Option<&'a str>,
}

impl Leaf {
    /// Reads a line without its newline. `number` is its number, from 1.
    pub(super) fn read(line: &[u8], number: u64) -> Result<Self, PackError> {
        if line.len() > LINE_MAX {
            return Err(PackError::LineTooLong { number });
        }
        let line: ReadLine<'_> =
            serde_json::from_slice(line).map_err(|source| PackError::Line { number, source })?;
        let seq = line.seq;
        match line {
            ReadLine {
                id: Some(id),
                created_at: Some(time),
                fields: Some(fields),
                left: None,
                ..
            } => {
                let id = read_id(id).ok_or(PackError::Form { number, name: "id" })?;
                let created_at = time.parse::<RecordTime>().ok();
                let created_at = created_at.filter(|read| read.to_string() == time);
                let created_at =
                    created_at.ok_or(PackError::Form { number, name: "created_at" })?;
                Ok(Self::of_record(seq, id, created_at, &fields))
            }
            ReadLine { id: None, created_at: None, fields: None, left: Some(left), .. } => {
                let bytes = STANDARD.decode(left).ok();
                let entry = bytes.and_then(|bytes| LogEntry::parse(&bytes).ok());
                let entry = entry.ok_or(PackError::Form { number, name: "left" })?;
                let (id, hash) = (entry.id(), entry.leaf_hash());
                Ok(Self { seq, id, hash, is_left: true, withheld: 0, erased: 0 })
            }
            _ => Err(PackError::Members { number }),
        }
    }

    fn of_record(seq: u64, id: Uuid, created_at: RecordTime, fields: &Fields<Committed>) -> Self {
        let Fields(fields) = fields;
        let commitments = fields.each_ref().map(|field| field.commitment);
        let entry = Entry { id, created_at, fields_root: fields_root(&commitments) };
        let bits = |is_set: fn(&Committed) -> bool| {
            let bit = |(index, field): (usize, &Committed)| u16::from(is_set(field)) << index;
            fields.iter().enumerate().map(bit).sum()
        };
        let (withheld, erased) = (bits(|field| field.is_withheld), bits(|field| field.is_erased));
        Self { seq, id, hash: entry.leaf_hash(), is_left: false, withheld, erased }
    }
}

/// Reads an id in its only form.
fn read_id(text: &str) -> Option<Uuid> {
    let id = Uuid::try_parse(text).ok()?;
    (id.hyphenated().encode_lower(&mut [0; 36]) == text).then_some(id)
}
