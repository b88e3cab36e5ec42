//! Actions that the service records itself, and that callers therefore cannot record.
//!
//! These are `audit_log.*`, and the creation and revocation of API keys of this service. A control plane may
//! record `key.created` for keys of its own, so such a record is refused only if its target is an API key of
//! the service. All other records are distinguished by `recorded_by`.

use std::collections::HashSet;

use auditrail_core::{
    Action, ApiKeyId, CreateInput, ErrorCode, FieldError, OnInvalid, TargetType, ValidationErrors,
};

use crate::app::App;
use crate::extract::Batch;
use crate::problem::{Problem, invalid};

/// The resource of the service's own actions on records.
const OWN_PREFIX: &str = "audit_log.";

/// Refuses a record of a reserved action.
pub(crate) async fn check(app: &App, input: &CreateInput) -> Result<(), Problem> {
    let own_keys = own_keys(app, [input]).await?;
    if is_reserved(input, &own_keys) { Err(invalid(vec![error()])) } else { Ok(()) }
}

/// Rejects the records of reserved actions in a batch.
pub(crate) async fn check_batch(
    app: &App,
    batch: &mut Batch,
    on_invalid: OnInvalid,
) -> Result<(), Problem> {
    let own_keys = own_keys(app, batch.inputs.iter().map(|(_, input)| input)).await?;
    let reserved = batch.inputs.extract_if(.., |(_, input)| is_reserved(input, &own_keys));
    let indices: Vec<_> = reserved.map(|(index, _)| index).collect();
    for index in indices {
        batch.reject(index, ValidationErrors::from(error()).into());
    }
    batch.check(on_invalid)
}

/// The API keys of the service that records name as targets of changes of keys. Asks the database only if
/// some record might.
async fn own_keys<'a>(
    app: &App,
    inputs: impl IntoIterator<Item = &'a CreateInput>,
) -> Result<HashSet<ApiKeyId>, Problem> {
    let ids: Vec<ApiKeyId> = inputs.into_iter().filter_map(changed_key).collect();
    if ids.is_empty() {
        return Ok(HashSet::new());
    }
    Ok(app.keys().existing(&ids).await?)
}

fn is_reserved(input: &CreateInput, own_keys: &HashSet<ApiKeyId>) -> bool {
    input.action.as_str().starts_with(OWN_PREFIX)
        || changed_key(input).is_some_and(|id| own_keys.contains(&id))
}

/// The target of a record of the creation or revocation of an API key, if it can be a key of the service.
fn changed_key(input: &CreateInput) -> Option<ApiKeyId> {
    let is_change = matches!(input.action, Action::KeyCreated | Action::KeyRevoked);
    let is_key = input.target.target_type == TargetType::ApiKey;
    if is_change && is_key { input.target.target_id.as_str().parse().ok() } else { None }
}

fn error() -> FieldError {
    FieldError {
        pointer: "/action".to_owned(),
        code: ErrorCode::ReservedAction,
        detail: "is recorded by the service itself".to_owned(),
    }
}
