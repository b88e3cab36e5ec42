//! The audit records about signing keys.

use auditrail_core::{
    Action, Actor, AuditLogService, CreateInput, Metadata, Target, TargetId, TargetType,
};
use serde_json::{Map, Value, json};
use tlog::VerifierKey;

use crate::database::Database;
use crate::error::Error;

/// A change of the keys.
#[derive(Clone, Copy, Debug)]
pub(super) enum Change<'a> {
    Created,
    Rotated,
    Retired,
    /// With the last checkpoint of the old name.
    Recovered {
        last: Option<&'a str>,
    },
}

impl Change<'_> {
    const fn action(self) -> &'static str {
        match self {
            Self::Created => "audit_log.signing_key_created",
            Self::Rotated => "audit_log.signing_key_rotated",
            Self::Retired => "audit_log.signing_key_retired",
            Self::Recovered { .. } => "audit_log.signing_key_recovered",
        }
    }
}

/// Records a change of the keys.
pub(super) async fn record(
    database: &Database,
    actor: &Actor,
    change: Change<'_>,
    verifier: &VerifierKey,
) -> Result<(), Error> {
    let target = Target::new(
        TargetType::from_stored("signing_key"),
        TargetId::from_stored(verifier.name().as_str()),
    );
    let mut metadata = Map::new();
    metadata.insert("verifier_key".to_owned(), json!(verifier.to_string()));
    if let Change::Recovered { last } = change {
        metadata.insert("last_checkpoint".to_owned(), json!(last));
    }
    let metadata: Metadata = Value::Object(metadata).to_string().parse().map_err(|error| {
        Error::failed("invalid_metadata", format!("the change cannot be recorded: {error}"))
    })?;
    let input = CreateInput::new(actor.clone(), Action::from_stored(change.action()), target)
        .with_metadata(metadata);
    database.log().await?.create(input).await?;
    Ok(())
}
