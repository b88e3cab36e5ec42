//! Schemas of the sequence of records.

use utoipa::openapi::schema::{AllOfBuilder, Schema, Type};
use utoipa::openapi::{KnownFormat, Ref, RefOr, SchemaFormat};
use utoipa::{PartialSchema, ToSchema};

use super::{Null, object, required, uuid, value};
use crate::{FeedItem, FeedPosition, Record};

impl PartialSchema for FeedItem {
    fn schema() -> RefOr<Schema> {
        let seq = "Index of the record in the sequence, from 0. It never changes.";
        let seq = object("Seq of a record.", [required("seq", integer(0).description(Some(seq)))]);
        let all = AllOfBuilder::new().item(seq).item(Ref::from_schema_name("Record"));
        let description = "Record with its seq.";
        RefOr::T(Schema::AllOf(all.description(Some(description)).build()))
    }
}

impl ToSchema for FeedItem {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((Record::name().into(), Record::schema()));
    }
}

impl PartialSchema for FeedPosition {
    fn schema() -> RefOr<Schema> {
        let seq = "Seq of the last record before the position; -1 before the first record.";
        let id = "Id of that record, or, for an API key restricted to a tenant, a digest of it; null before the \
             first record. Send it as `after_id`.";
        let properties = [
            required("seq", integer(-1).description(Some(seq))),
            required("id", uuid(Null::Allowed).description(Some(id))),
        ];
        object("Position in the sequence of records.", properties).into()
    }
}

impl ToSchema for FeedPosition {}

fn integer(minimum: i64) -> utoipa::openapi::schema::ObjectBuilder {
    let format = SchemaFormat::KnownFormat(KnownFormat::Int64);
    value(Type::Integer, Null::Never).format(Some(format)).minimum(Some(minimum))
}
