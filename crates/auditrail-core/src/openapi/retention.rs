//! Schemas of rules of retention.

use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

use super::{
    Null, Property, identifier, input, object, optional, required, string, time, uuid, value,
};
use crate::limits::{
    ACTION_MAX_CHARS, RETENTION_DAYS_MAX, RETENTION_DAYS_MIN, TENANT_ID_MAX_CHARS,
};
use crate::{NewRetentionRule, RetentionRule};

impl PartialSchema for NewRetentionRule {
    fn schema() -> RefOr<Schema> {
        input("Rule of retention to set.", scope().map(|(name, schema)| optional(name, schema)))
            .into()
    }
}

impl ToSchema for NewRetentionRule {
    fn name() -> std::borrow::Cow<'static, str> {
        "NewRetentionRule".into()
    }
}

impl PartialSchema for RetentionRule {
    fn schema() -> RefOr<Schema> {
        let described = |description| string(Null::Never).description(Some(description));
        let time = |description| time(Null::Never).description(Some(description));
        let id = [required("id", uuid(Null::Never).description(Some("Rule id.")))];
        let changes: [Property; 4] = [
            required("created_at", time("Time at which the rule was created.")),
            required("created_by", described("Creator, as `type:id`, or `system`.")),
            required("changed_at", time("Time at which the rule was last changed.")),
            required(
                "changed_by",
                described("Actor of the last change, as `type:id`, or `system`."),
            ),
        ];
        let scope = scope().map(|(name, schema)| required(name, schema));
        object("Rule of retention.", id.into_iter().chain(scope).chain(changes)).into()
    }
}

impl ToSchema for RetentionRule {}

/// The records that a rule applies to, and how long it keeps them.
fn scope() -> [(&'static str, ObjectBuilder); 3] {
    let tenant_id = "Tenant of the records; null for all records.";
    let action = "Action of the records, or a prefix such as `project.*`; null for all actions.";
    let keep_days =
        "Days of 24 hours since `created_at` for which records are kept; null for ever.";
    [
        ("tenant_id", identifier(TENANT_ID_MAX_CHARS, Null::Allowed).description(Some(tenant_id))),
        ("action", identifier(ACTION_MAX_CHARS, Null::Allowed).description(Some(action))),
        (
            "keep_days",
            value(Type::Integer, Null::Allowed)
                .minimum(Some(RETENTION_DAYS_MIN))
                .maximum(Some(RETENTION_DAYS_MAX))
                .description(Some(keep_days)),
        ),
    ]
}
