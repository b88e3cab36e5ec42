//! Whether a stored record matches a request: distinguishes a repeated request from one that reuses an
//! id for other content.

use crate::inet::StoredAddress;
use crate::metadata::Metadata;
use crate::record::Record;
use crate::record_columns;

/// Which fields of a record its caller provided, as far as the record itself does not show it.
///
/// [`CreateInput::into_record`](crate::CreateInput::into_record) fills in a missing time and missing
/// metadata, so a record alone does not show whether they were provided. Fields that were not provided
/// are not compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProvidedFields {
    /// Whether the time was provided.
    pub created_at: bool,
    /// Whether metadata was provided.
    pub metadata: bool,
    /// Whether a `None` in the record is a value to compare (the stored field must be NULL too) and
    /// not a field left out.
    pub absent: bool,
}

impl ProvidedFields {
    /// Every field was provided: records match when they are equal. What an import compares.
    pub const ALL: Self = Self { created_at: true, metadata: true, absent: true };

    /// Whether `stored` has the same content as `record`, in the fields that were provided.
    ///
    /// Metadata is compared by its JSON value and not by its text.
    #[must_use]
    pub fn matches_stored(self, record: &Record, stored: &Record) -> bool {
        let record = record.columns();
        let stored = stored.columns();
        // The rules of the SQL comparison in the store, which is generated from the same list.
        macro_rules! column_matches {
            (created_at required) => {
                !self.created_at || record.created_at == stored.created_at
            };
            (recorded_by optional) => {
                // The writer is not content: a repeated request may use another key.
                true
            };
            (ip_address optional) => {
                (!self.absent && record.ip_address == Some(None))
                    || canonical(record.ip_address) == canonical(stored.ip_address)
            };
            (metadata optional) => {
                !self.metadata
                    || self.metadata_matches(record.metadata.flatten(), stored.metadata.flatten())
            };
            ($name:ident required) => {
                record.$name == stored.$name
            };
            ($name:ident optional) => {
                (!self.absent && record.$name == Some(None)) || record.$name == stored.$name
            };
        }
        macro_rules! all_columns_match {
            ($($position:literal $name:ident $sql_type:ident $presence:ident $description:literal;)+
             after $($after:literal)+) => {
                true $(&& (column_matches!($name $presence)))+
            };
        }
        record_columns!(all_columns_match)
    }

    fn metadata_matches(self, metadata: Option<&Metadata>, stored: Option<&Metadata>) -> bool {
        match (metadata, stored) {
            (Some(metadata), Some(stored)) => metadata.same_content(stored),
            (None, stored) => !self.absent || stored.is_none(),
            (Some(_), None) => false,
        }
    }
}

/// The address without its IPv4-mapped form, which older records have.
fn canonical(address: Option<Option<StoredAddress>>) -> Option<Option<StoredAddress>> {
    address.map(|address| address.map(StoredAddress::to_canonical))
}
