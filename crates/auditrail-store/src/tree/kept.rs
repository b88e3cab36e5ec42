//! What is kept of records of which values were erased: commitments and salts, in place of their keys.

use std::collections::HashMap;

use auditrail_evidence::{Commitment, Disclosure, FIELDS, FieldName, RecordKey, Salt};
use uuid::Uuid;

use crate::db::{Db, Row};
use crate::error::StoreError;
use crate::sql::Sql;

/// The bytes of a field: what follows, and a salt or a commitment.
const FIELD_BYTES: usize = 33;
const SALT: u8 = 0;
const COMMITMENT: u8 = 1;

/// What is kept of one field.
#[derive(Clone, Debug)]
enum Kept {
    Salt(Salt),
    Commitment(Commitment),
}

/// What is kept of the fields of one record.
#[derive(Clone, Debug)]
pub(crate) struct KeptFields(Vec<Kept>);

impl KeptFields {
    /// The salts of a record of which nothing was erased.
    pub(crate) fn of_key(key: &RecordKey) -> Self {
        Self(FIELDS.into_iter().map(|field| Kept::Salt(key.salt(field))).collect())
    }

    /// The commitments to all fields, of which these are the values.
    pub(crate) fn disclosed(
        &self,
        values: &[Option<String>; FIELDS.len()],
    ) -> [Disclosure; FIELDS.len()] {
        FIELDS.map(|field| match self.0.get(field.index()) {
            Some(Kept::Commitment(commitment)) => Disclosure::Erased(*commitment),
            Some(Kept::Salt(salt)) => {
                Disclosure::Shown { value: values[field.index()].clone(), salt: salt.clone() }
            }
            // A shorter row is refused when it is read.
            None => Disclosure::Erased(Commitment([0; Commitment::BYTES])),
        })
    }

    /// Keeps only the commitments to the values of these fields.
    pub(crate) fn erase(&mut self, fields: &[FieldName], values: &[Option<String>; FIELDS.len()]) {
        for field in fields {
            if let Some(kept) = self.0.get_mut(field.index())
                && let Kept::Salt(salt) = kept
            {
                let value = values[field.index()].as_deref();
                *kept = Kept::Commitment(salt.commitment(*field, value));
            }
        }
    }

    pub(crate) fn pack(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.0.len() * FIELD_BYTES);
        for kept in &self.0 {
            match kept {
                Kept::Salt(salt) => {
                    bytes.push(SALT);
                    bytes.extend_from_slice(&salt.0);
                }
                Kept::Commitment(commitment) => {
                    bytes.push(COMMITMENT);
                    bytes.extend_from_slice(&commitment.0);
                }
            }
        }
        bytes
    }

    pub(super) fn unpack(bytes: &[u8]) -> Option<Self> {
        let (fields, []) = bytes.as_chunks::<FIELD_BYTES>() else { return None };
        if fields.len() != FIELDS.len() {
            return None;
        }
        let kept = |field: &[u8; FIELD_BYTES]| match field.split_first() {
            Some((&SALT, salt)) => Some(Kept::Salt(Salt(salt.try_into().ok()?))),
            Some((&COMMITMENT, hash)) => Some(Kept::Commitment(Commitment(hash.try_into().ok()?))),
            _ => None,
        };
        fields.iter().map(kept).collect::<Option<_>>().map(Self)
    }
}

const DOING: &str = "read what is kept of erased records";

/// What is kept of those of these records of which values were erased.
pub(crate) async fn read(
    mut db: Db<'_>,
    ids: &[Uuid],
) -> Result<HashMap<Uuid, KeptFields>, StoreError> {
    let sql = Sql::new(
        "select id, fields from control_plane.audit_log_erased_records where id = any($1)",
    )
    .bind_array(ids);
    let rows = db.fetch(&sql).await.map_err(StoreError::while_trying_to(DOING))?;
    let read = |row: &Row| -> Result<(Uuid, Option<KeptFields>), sqlx::Error> {
        Ok((row.get(0)?, KeptFields::unpack(row.get(1)?)))
    };
    let mut found = HashMap::new();
    for row in &rows {
        let (id, kept) = read(row).map_err(StoreError::while_trying_to(DOING))?;
        let detail = || StoreError::DamagedTree {
            detail: format!("what is kept of record {id} is not valid"),
        };
        found.insert(id, kept.ok_or_else(detail)?);
    }
    Ok(found)
}
