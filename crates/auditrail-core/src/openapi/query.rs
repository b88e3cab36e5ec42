//! Parameters of a search.

use utoipa::IntoParams;
use utoipa::PartialSchema;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn, ParameterStyle};
use utoipa::openapi::schema::{AnyOf, ObjectBuilder, Schema, Type};
use utoipa::openapi::{KnownFormat, RefOr, Required, SchemaFormat};

use super::{
    Null, PLAIN_TEXT_PATTERN, identifier, network, string, text, time_or_date, uuid, value,
};
use crate::limits::{
    ACTION_MAX_CHARS, ACTOR_ID_MAX_CHARS, BARS_DEFAULT, BARS_MAX, EXPRESSION_MAX_CHARS,
    METADATA_FILTER_KEY_MAX_CHARS, METADATA_FILTER_VALUE_MAX_CHARS, METADATA_FILTERS_MAX,
    OFFSET_MAX, PAGE_SIZE_DEFAULT, PAGE_SIZE_MAX, REQUEST_ID_MAX_CHARS, TARGET_ID_MAX_CHARS,
    TARGET_TYPE_MAX_CHARS, TENANT_ID_MAX_CHARS, VALUES_DEFAULT, VALUES_MAX,
};
use crate::{ActorType, Bars, Count, Filters, Intents, Order, Outcome, Query, ValueField};

/// The filters. A record must match all of them. The parameters of `metadata` stand for those of every key.
impl IntoParams for Filters {
    fn into_params(_place: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let id = |max_chars| identifier(max_chars, Null::Never);
        let action = "Exact action, or a prefix such as `project.*` for every action that starts with `project.`.";
        let tenant_id = "Exact tenant id. An API key restricted to a tenant can only read records of that tenant.";
        let intents = "Which records of intents to include: `open` (default) for those without an outcome, or `all`, \
             which is the default of an export.";
        let actor = "Exact actor: `user:ID`, `api_key:ID` or `system`. Same as `actor_type` with `actor_id`.";
        let target = "Exact target: `TYPE:ID`. Same as `target_type` with `target_id`.";
        let since = "Start of the time range, inclusive: an RFC 3339 time, a date (midnight UTC), or a duration \
             ago such as `24h` or `7d`.";
        let until = "End of the time range, exclusive; must be after `since`, in the same forms. A date is its \
             midnight: `until=2026-02-01` includes all of January.";
        let address = "IP address, or network in CIDR notation. An IPv4-mapped IPv6 address is its IPv4 address.";
        let q = "Search expression: words, \"phrases\" and `key:value`, all of which must apply; a minus sign excludes. \
             For example `actor:ana -action:secret.* \"prod db\"`. An error has its position in characters after the \
             name in its pointer: `q:7`.";
        vec![
            parameter("actor", actor, string(Null::Never).pattern(Some(ACTOR_PATTERN))),
            parameter("actor_id", "Exact actor id.", id(ACTOR_ID_MAX_CHARS)),
            parameter("actor_type", "Actor type.", ActorType::schema()),
            parameter("action", action, id(ACTION_MAX_CHARS).pattern(Some(PLAIN_TEXT_PATTERN))),
            parameter("target", target, string(Null::Never).pattern(Some(TARGET_PATTERN))),
            parameter("target_type", "Exact target type.", id(TARGET_TYPE_MAX_CHARS)),
            parameter("target_id", "Exact target id.", id(TARGET_ID_MAX_CHARS)),
            parameter("tenant_id", tenant_id, id(TENANT_ID_MAX_CHARS)),
            parameter("request_id", "Exact request id.", id(REQUEST_ID_MAX_CHARS)),
            parameter("outcome", "How the action ended.", Outcome::schema()),
            parameter("intents", intents, Intents::schema()),
            parameter("ip_address", address, Schema::AnyOf(network())),
            parameter("since", since, Schema::AnyOf(bound())),
            parameter("until", until, Schema::AnyOf(bound())),
            parameter("q", q, string(Null::Never).max_length(Some(EXPRESSION_MAX_CHARS))),
            other("start_date", Schema::AnyOf(bound())),
            other("end_date", Schema::AnyOf(bound())),
            other("tenant", id(TENANT_ID_MAX_CHARS)),
            other("ip", Schema::AnyOf(network())),
            metadata(),
        ]
    }
}

/// The text form of an actor with a plain id.
pub(super) const ACTOR_PATTERN: &str =
    r"^(system|(user|api_key):[^\u0000-\u001f\u007f-\u009f]{1,500})$";
/// The text form of a target with a plain type and id.
pub(super) const TARGET_PATTERN: &str =
    r"^[^:\u0000-\u001f\u007f-\u009f]{1,50}:[^\u0000-\u001f\u007f-\u009f]{1,500}$";
/// A duration, such as `24h` or `7d`.
const DURATION_PATTERN: &str = "^[0-9]{1,4}[smhdw]$";

/// A time, a date or a duration.
fn bound() -> AnyOf {
    let mut forms = time_or_date();
    forms.items.push(string(Null::Never).pattern(Some(DURATION_PATTERN)).into());
    forms
}

/// Another name of a filter.
fn other(name: &str, schema: impl Into<RefOr<Schema>>) -> Parameter {
    let filter = Filters::canonical_name(name).unwrap_or_default();
    parameter(name, &format!("Another name of `{filter}`."), schema)
}

/// The filters by metadata, as an object: OpenAPI cannot describe `metadata.KEY`, but its style `deepObject`
/// is `metadata[KEY]`, which is accepted as well.
fn metadata() -> Parameter {
    let key = string(Null::Never)
        .min_length(Some(1))
        .max_length(Some(METADATA_FILTER_KEY_MAX_CHARS))
        .pattern(Some(NO_NUL_PATTERN));
    let text = string(Null::Never)
        .max_length(Some(METADATA_FILTER_VALUE_MAX_CHARS))
        .pattern(Some(NO_NUL_PATTERN));
    let schema = value(Type::Object, Null::Never)
        .property_names(Some(key))
        .max_properties(Some(METADATA_FILTERS_MAX))
        .additional_properties(Some(text));
    let description = "Values of the metadata, as `metadata[KEY]=VALUE` or `metadata.KEY=VALUE`. A value is \
         compared as text: `5` matches the number and the string. A key with dots is a key as it is, and \
         also a path through nested objects: `metadata.http.status=404`.";
    ParameterBuilder::from(parameter("metadata", description, schema))
        .style(Some(ParameterStyle::DeepObject))
        .explode(Some(true))
        .build()
}

/// Text without NUL, which PostgreSQL cannot store.
const NO_NUL_PATTERN: &str = r"^[^\u0000]*$";

/// The filters, then the position and size of the page.
impl IntoParams for Query {
    fn into_params(place: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let cursor = "`next_cursor` of the page before, or `prev_cursor` of the page after; requires the same \
             filters and order.";
        let around = "Id of a matching record in the middle of the page: half of the page precedes it. Not together \
             with `cursor` or `offset`.";
        let offset = integer(KnownFormat::Int64).minimum(Some(0)).maximum(Some(OFFSET_MAX));
        let skipped = "Number of matches to skip from the start. New records shift such pages; prefer a cursor.";
        let count = "Whether to count all matches: `exact` reads every match, `estimated` is quick: exact up to 10,000 with `tenant_id` (or an API key restricted to a tenant), else a guess from statistics. `total_relation` states which.";
        let mut parameters = Filters::into_params(place);
        parameters.extend([
            parameter("limit", "Page size.", page_size()),
            parameter("order", "Order of the records by time.", Order::schema()),
            parameter("cursor", cursor, string(Null::Never)),
            parameter("offset", skipped, offset),
            parameter("around", around, uuid(Null::Never)),
            parameter("count", count, Count::schema()),
        ]);
        parameters
    }
}

/// The number of buckets.
impl IntoParams for Bars {
    fn into_params(_place: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let bars = integer(KnownFormat::Int32).minimum(Some(1)).maximum(Some(BARS_MAX));
        vec![parameter(
            "bars",
            "Maximum number of buckets.",
            bars.default(Some(BARS_DEFAULT.into())),
        )]
    }
}

/// The parameters of a list of values.
impl IntoParams for ValueField {
    fn into_params(_place: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let mut field = parameter("field", "Field whose values are listed.", Self::schema());
        field.required = Required::True;
        let prefix = text(TARGET_ID_MAX_CHARS, Null::Never);
        let tenant = || identifier(TENANT_ID_MAX_CHARS, Null::Never);
        let limit = integer(KnownFormat::Int32).minimum(Some(1)).maximum(Some(VALUES_MAX));
        vec![
            field,
            parameter(
                "prefix",
                "Start of the values, in the same case. Default: all values.",
                prefix,
            ),
            parameter("tenant_id", "Tenant whose newest records are searched.", tenant()),
            other("tenant", tenant()),
            parameter(
                "limit",
                "Maximum number of values.",
                limit.default(Some(VALUES_DEFAULT.into())),
            ),
        ]
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
