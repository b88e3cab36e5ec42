//! Schemas of a record, of the input of a write, and of a page.

use utoipa::openapi::schema::{ArrayBuilder, OneOfBuilder, RefBuilder, Schema, Type};
use utoipa::openapi::{KnownFormat, Ref, RefOr, SchemaFormat};
use utoipa::{PartialSchema, ToSchema};

use super::{
    Null, action, address, identifier, input, object, optional, required, string, text, time, uuid,
    value,
};
use crate::limits::{
    ACTOR_ID_MAX_CHARS, ACTOR_NAME_MAX_CHARS, REQUEST_ID_MAX_CHARS, TARGET_ID_MAX_CHARS,
    TARGET_NAME_MAX_CHARS, TARGET_TYPE_MAX_CHARS, TENANT_ID_MAX_CHARS, USER_AGENT_MAX_CHARS,
};
use crate::{
    ActorType, CreateInput, Outcome, Page, Pagination, Record, TotalRelation, record_columns,
};

/// The properties of a record, from the list of its columns.
macro_rules! properties {
    ($($position:literal $name:ident $sql_type:ident $presence:ident $description:literal;)+
     after $($after:literal)+) => {
        [$(required(
            stringify!($name),
            column(stringify!($name), stringify!($sql_type), null!($presence), $description),
        )),+]
    };
}

macro_rules! null {
    (required) => {
        Null::Never
    };
    (optional) => {
        Null::Allowed
    };
}

/// A column as it is returned. Stored text has no limits: plain SQL can write any.
fn column(name: &str, sql_type: &str, null: Null, description: &str) -> RefOr<Schema> {
    let builder = match sql_type {
        _ if name == "actor_type" => return ActorType::schema(),
        _ if name == "outcome" => return outcome(description),
        "uuid" => uuid(null),
        "jsonb" => value(Type::Object, null),
        "timestamptz" => time(null),
        _ => string(null),
    };
    builder.description(Some(description)).into()
}

impl PartialSchema for Record {
    fn schema() -> RefOr<Schema> {
        object("Audit record.", record_columns!(properties)).into()
    }
}

impl ToSchema for Record {}

impl PartialSchema for CreateInput {
    fn schema() -> RefOr<Schema> {
        let always = Null::Never;
        let or_null = Null::Allowed;
        let id = "Record id chosen by the caller, which makes retries safe.";
        let actor_id = "Actor id; `system` for the actor type `system`.";
        let metadata = "Additional structured data: at most 64 KiB and 32 levels.";
        let created_at = "Time of the event: RFC 3339, at most 5 minutes in the future. Default: the time of \
                          writing.";
        let tenant_id = "Tenant id. Default: the tenant of the API key.";
        let properties = [
            optional("id", uuid(or_null).description(Some(id))),
            required(
                "actor_id",
                identifier(ACTOR_ID_MAX_CHARS, always).description(Some(actor_id)),
            ),
            required("actor_type", ActorType::schema()),
            required(
                "action",
                action(always).description(Some(
                    "Action name, such as `project.created`; `audit_log.*` is reserved.",
                )),
            ),
            required(
                "target_type",
                identifier(TARGET_TYPE_MAX_CHARS, always).description(Some("Target type.")),
            ),
            required(
                "target_id",
                identifier(TARGET_ID_MAX_CHARS, always).description(Some("Target id.")),
            ),
            optional("metadata", value(Type::Object, or_null).description(Some(metadata))),
            optional("ip_address", address_or_null("IP address of the client.")),
            optional(
                "user_agent",
                text(USER_AGENT_MAX_CHARS, or_null).description(Some("User agent of the client.")),
            ),
            optional("created_at", time(or_null).description(Some(created_at))),
            optional(
                "tenant_id",
                identifier(TENANT_ID_MAX_CHARS, or_null).description(Some(tenant_id)),
            ),
            optional(
                "request_id",
                identifier(REQUEST_ID_MAX_CHARS, or_null)
                    .description(Some("Id of the request that caused the event.")),
            ),
            optional("outcome", outcome("How the action ended. Default: not stated.")),
            optional(
                "actor_name",
                identifier(ACTOR_NAME_MAX_CHARS, or_null)
                    .description(Some("Name of the actor for people, as it is now.")),
            ),
            optional(
                "target_name",
                identifier(TARGET_NAME_MAX_CHARS, or_null)
                    .description(Some("Name of the target for people, as it is now.")),
            ),
        ];
        input("Record to write. Additional data belongs in `metadata`.", properties).into()
    }
}

impl ToSchema for CreateInput {}

fn outcome(description: &str) -> RefOr<Schema> {
    let values = Outcome::ALL.map(|outcome| Some(outcome.as_str())).into_iter().chain([None]);
    string(Null::Allowed).enum_values(Some(values)).description(Some(description)).into()
}

fn address_or_null(description: &str) -> RefOr<Schema> {
    let null = value(Type::Null, Null::Never);
    let one_of = OneOfBuilder::new().item(Schema::AnyOf(address())).item(null);
    RefOr::T(Schema::OneOf(one_of.description(Some(description)).build()))
}

impl PartialSchema for Page<Record> {
    fn schema() -> RefOr<Schema> {
        let data = ArrayBuilder::new().items(Ref::from_schema_name("Record"));
        let pagination = RefBuilder::new().ref_location_from_schema_name("Pagination");
        let description = "Position of this page, and cursors of the next and of the one before.";
        let properties = [
            required("data", data.description(Some("Records, in the order of the search."))),
            required("pagination", pagination.description(Some(description))),
        ];
        object("Page of records.", properties).into()
    }
}

impl ToSchema for Page<Record> {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((Record::name().into(), Record::schema()));
        schemas.push((Pagination::name().into(), Pagination::schema()));
    }
}

impl PartialSchema for Pagination {
    fn schema() -> RefOr<Schema> {
        let number = |format, null| {
            let builder = value(Type::Integer, null).minimum(Some(0));
            builder.format(Some(SchemaFormat::KnownFormat(format)))
        };
        let limit = number(KnownFormat::Int32, Null::Never).description(Some("Page size."));
        let has_more = value(Type::Boolean, Null::Never);
        let next_cursor = string(Null::Allowed).description(Some("Cursor of the next page."));
        let prev_cursor = "Cursor of the page before; absent if no records precede this page. That page ends at this one, \
             so it may be shorter than `limit` at the start.";
        let offset =
            "Number of skipped records; null for a page requested by cursor or around a record.";
        let total = "Number of matching records, if requested with `count`.";
        let searched = "How far a search for words in `q` came in its time, if it did not come to the end: the page \
             has every match from where it starts to this time, in the direction of the search. `next_cursor` goes on \
             from there, or `prev_cursor` on a page that was requested with `prev_cursor`.";
        let time = string(Null::Never)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
            .description(Some(searched));
        let properties = [
            required("limit", limit),
            required("has_more", has_more.description(Some("Whether more records follow."))),
            required("next_cursor", next_cursor),
            optional("prev_cursor", string(Null::Never).description(Some(prev_cursor))),
            required("offset", number(KnownFormat::Int64, Null::Allowed).description(Some(offset))),
            optional("total", number(KnownFormat::Int64, Null::Never).description(Some(total))),
            optional("total_relation", TotalRelation::schema()),
            optional("searched_back_to", time),
        ];
        object("Position of a page, and cursors of the next and of the one before.", properties)
            .into()
    }
}

impl ToSchema for Pagination {}
