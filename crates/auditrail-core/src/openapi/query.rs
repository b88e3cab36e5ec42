//! Parameters of a search.

use utoipa::IntoParams;
use utoipa::PartialSchema;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::openapi::{KnownFormat, RefOr, Required, SchemaFormat};

use super::{Null, PLAIN_TEXT_PATTERN, identifier, network, string, time_or_date, value};
use crate::limits::{
    ACTION_MAX_CHARS, ACTOR_ID_MAX_CHARS, OFFSET_MAX, PAGE_SIZE_DEFAULT, PAGE_SIZE_MAX,
    REQUEST_ID_MAX_CHARS, TARGET_ID_MAX_CHARS, TARGET_TYPE_MAX_CHARS, TENANT_ID_MAX_CHARS,
};
use crate::{ActorType, Count, Filters, Intents, Outcome, Query};

/// The filters. A record must match all of them. There is also `metadata.KEY=VALUE` for a top-level value of
/// the metadata, whose name OpenAPI cannot describe.
impl IntoParams for Filters {
    fn into_params(_place: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let id = |max_chars| identifier(max_chars, Null::Never);
        let action = "Exact action, or a prefix such as `project.*` for every action that starts with `project.`.";
        let tenant_id = "Exact tenant id. An API key restricted to a tenant can only read records of that tenant.";
        let intents = "Which records of intents to include: `open` (default) for those without an outcome, or `all`, \
             which is the default of an export.";
        let start_date =
            "Start of the time range, inclusive: an RFC 3339 time, or a date (midnight UTC).";
        let end_date = "End of the time range, exclusive; must be after `start_date`.";
        vec![
            parameter("actor_id", "Exact actor id.", id(ACTOR_ID_MAX_CHARS)),
            parameter("actor_type", "Actor type.", ActorType::schema()),
            parameter("action", action, id(ACTION_MAX_CHARS).pattern(Some(PLAIN_TEXT_PATTERN))),
            parameter("target_type", "Exact target type.", id(TARGET_TYPE_MAX_CHARS)),
            parameter("target_id", "Exact target id.", id(TARGET_ID_MAX_CHARS)),
            parameter("tenant_id", tenant_id, id(TENANT_ID_MAX_CHARS)),
            parameter("request_id", "Exact request id.", id(REQUEST_ID_MAX_CHARS)),
            parameter("outcome", "How the action ended.", Outcome::schema()),
            parameter("intents", intents, Intents::schema()),
            parameter(
                "ip_address",
                "IP address, or network in CIDR notation.",
                Schema::AnyOf(network()),
            ),
            parameter("start_date", start_date, Schema::AnyOf(time_or_date())),
            parameter("end_date", end_date, Schema::AnyOf(time_or_date())),
        ]
    }
}

/// The filters, then the position and size of the page.
impl IntoParams for Query {
    fn into_params(place: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let cursor = "`next_cursor` of the previous page; requires the same filters.";
        let offset = integer(KnownFormat::Int64).minimum(Some(0)).maximum(Some(OFFSET_MAX));
        let skipped =
            "Number of newest matches to skip. New records shift such pages; prefer a cursor.";
        let count = "Whether to count all matches: `exact` reads every match, `estimated` is quick: exact up to 10,000 with `tenant_id` (or an API key restricted to a tenant), else a guess from statistics. `total_relation` states which.";
        let mut parameters = Filters::into_params(place);
        parameters.extend([
            parameter("limit", "Page size.", page_size()),
            parameter("cursor", cursor, string(Null::Never)),
            parameter("offset", skipped, offset),
            parameter("count", count, Count::schema()),
        ]);
        parameters
    }
}

/// The schema of a page size.
#[must_use]
pub fn page_size() -> RefOr<Schema> {
    integer(KnownFormat::Int32)
        .minimum(Some(1))
        .maximum(Some(PAGE_SIZE_MAX))
        .default(Some(PAGE_SIZE_DEFAULT.into()))
        .into()
}

fn integer(format: KnownFormat) -> ObjectBuilder {
    value(Type::Integer, Null::Never).format(Some(SchemaFormat::KnownFormat(format)))
}

/// An optional parameter in the query string.
pub fn parameter(name: &str, description: &str, schema: impl Into<RefOr<Schema>>) -> Parameter {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Query)
        .required(Required::False)
        .description(Some(description))
        .schema(Some(schema))
        .build()
}
