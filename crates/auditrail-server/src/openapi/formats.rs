//! Strings with one of several formats, as JSON Schemas.

use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{AnyOf, Object, ObjectBuilder, Schema, SchemaFormat, Type};
use utoipa::{PartialSchema, ToSchema};

/// An address and a prefix length.
const CIDR: &str = r"^[0-9A-Fa-f.:]+/[0-9]{1,3}$";

/// An IP address.
pub(super) struct Address;

/// An IP address or a network.
pub(super) struct Network;

/// An RFC 3339 time, or a date.
pub(super) struct DateOrTime;

fn with_format(format: &str) -> Object {
    let format = SchemaFormat::Custom(format.to_owned());
    ObjectBuilder::new().schema_type(Type::String).format(Some(format)).build()
}

fn any_of(schemas: impl IntoIterator<Item = Object>) -> RefOr<Schema> {
    let mut any = AnyOf::new();
    any.items.extend(schemas.into_iter().map(|schema| RefOr::T(Schema::Object(schema))));
    RefOr::T(Schema::AnyOf(any))
}

impl PartialSchema for Address {
    fn schema() -> RefOr<Schema> {
        any_of(["ipv4", "ipv6"].map(with_format))
    }
}

impl PartialSchema for Network {
    fn schema() -> RefOr<Schema> {
        let network = ObjectBuilder::new().schema_type(Type::String).pattern(Some(CIDR)).build();
        any_of(["ipv4", "ipv6"].map(with_format).into_iter().chain([network]))
    }
}

impl PartialSchema for DateOrTime {
    fn schema() -> RefOr<Schema> {
        any_of(["date-time", "date"].map(with_format))
    }
}

impl ToSchema for Address {}
impl ToSchema for Network {}
impl ToSchema for DateOrTime {}
