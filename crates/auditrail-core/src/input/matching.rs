//! Whether a stored record matches a request: distinguishes a repeated request from one that reuses an
//! id for other content.

use crate::metadata::Metadata;
use crate::record::Record;

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
        let Record {
            id,
            actor,
            action,
            target,
            metadata,
            ip_address,
            user_agent,
            created_at,
            tenant_id,
            request_id,
        } = record;
        let optional_fields_match =
            matches(self.absent, ip_address.as_ref(), stored.ip_address.as_ref())
                && matches(self.absent, user_agent.as_ref(), stored.user_agent.as_ref())
                && matches(self.absent, tenant_id.as_ref(), stored.tenant_id.as_ref())
                && matches(self.absent, request_id.as_ref(), stored.request_id.as_ref());
        *id == stored.id
            && *actor == stored.actor
            && *action == stored.action
            && *target == stored.target
            && (!self.created_at || *created_at == stored.created_at)
            && optional_fields_match
            && (!self.metadata
                || self.metadata_matches(metadata.as_ref(), stored.metadata.as_ref()))
    }

    fn metadata_matches(self, metadata: Option<&Metadata>, stored: Option<&Metadata>) -> bool {
        match (metadata, stored) {
            (Some(metadata), Some(stored)) => metadata.same_content(stored),
            (None, stored) => !self.absent || stored.is_none(),
            (Some(_), None) => false,
        }
    }
}

fn matches<T: PartialEq>(compare_absent: bool, value: Option<&T>, stored: Option<&T>) -> bool {
    (value.is_none() && !compare_absent) || value == stored
}
