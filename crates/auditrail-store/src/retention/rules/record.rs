//! The audit records of changes of rules.

use auditrail_core::{
    Action, Actor, CreateInput, FieldError, Metadata, RequestContext, RetentionRule, Target,
    TargetId, TargetType, TenantId,
};
use serde_json::{Value, json};

use crate::error::StoreError;

/// The record of a rule that was created or changed; `former` is the rule before.
pub(super) fn set(
    rule: &RetentionRule,
    former: Option<&RetentionRule>,
    by: &Actor,
    context: &RequestContext,
) -> Result<CreateInput, StoreError> {
    let mut metadata = about(rule);
    if let Some(former) = former {
        metadata["former_keep_days"] = json!(former.keep_days);
    }
    input(rule, "audit_log.retention_rule_set", &metadata, by, context)
}

/// The record of a rule that was removed.
pub(super) fn removed(
    rule: &RetentionRule,
    by: &Actor,
    context: &RequestContext,
) -> Result<CreateInput, StoreError> {
    input(rule, "audit_log.retention_rule_removed", &about(rule), by, context)
}

fn about(rule: &RetentionRule) -> Value {
    let action = rule.action.as_ref().map(ToString::to_string);
    json!({"rule_id": rule.id, "action": action, "keep_days": rule.keep_days})
}

/// A record in the tenant of the rule, so that the tenant sees changes of its retention.
fn input(
    rule: &RetentionRule,
    action: &'static str,
    metadata: &Value,
    by: &Actor,
    context: &RequestContext,
) -> Result<CreateInput, StoreError> {
    let metadata: Metadata = metadata.to_string().parse().map_err(|error| StoreError::Invalid {
        index: 0,
        error: FieldError::new("/action", &error),
    })?;
    let target = Target::new(
        TargetType::from_stored("audit_log"),
        TargetId::from_stored(rule.tenant_id.as_ref().map_or("all", TenantId::as_str)),
    );
    let mut input = CreateInput::new(by.clone(), Action::from_stored(action), target)
        .with_context(context.clone())
        .with_metadata(metadata);
    input.tenant_id.clone_from(&rule.tenant_id);
    Ok(input)
}
