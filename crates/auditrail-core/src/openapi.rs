//! JSON Schemas of the types as an HTTP API sends and receives them, for OpenAPI 3.1.
//!
//! Only with the feature `openapi`. Limits come from [`limits`] and columns from
//! [`record_columns!`](crate::record_columns), so a description cannot differ from what is parsed; the
//! patterns repeat the rules of parsing in the syntax of ECMA-262, which tests compare.

mod api_key;
mod enums;
mod erasure;
mod feed;
mod query;
mod record;
mod retention;

use utoipa::openapi::schema::{
    AdditionalProperties, AnyOf, ObjectBuilder, Schema, SchemaFormat, SchemaType, Type,
};
use utoipa::openapi::{KnownFormat, RefOr};

pub use api_key::issued_api_key;
pub use query::{page_size, parameter};

use crate::limits;

/// Text without control characters.
pub const PLAIN_TEXT_PATTERN: &str = r"^[^\u0000-\u001f\u007f-\u009f]*$";

/// An action: `resource.verb`, and neither a prefix such as `resource.*` nor one that a service reserves.
const ACTION_PATTERN: &str = r"^(?!audit_log\.)[^.\u0000-\u001f\u007f-\u009f][^\u0000-\u001f\u007f-\u009f]*\.([^.*\u0000-\u001f\u007f-\u009f]|[^.\u0000-\u001f\u007f-\u009f]{2,})$";

/// An address and a prefix length.
const CIDR_PATTERN: &str = r"^[0-9A-Fa-f.:]+/[0-9]{1,3}$";

/// Whether a value can be `null`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Null {
    Allowed,
    Never,
}

fn value(json_type: Type, null: Null) -> ObjectBuilder {
    let builder = ObjectBuilder::new();
    match null {
        Null::Never => builder.schema_type(json_type),
        Null::Allowed => builder.schema_type(SchemaType::from_iter([json_type, Type::Null])),
    }
}

fn string(null: Null) -> ObjectBuilder {
    value(Type::String, null)
}

fn uuid(null: Null) -> ObjectBuilder {
    string(null).format(Some(SchemaFormat::Custom("uuid".to_owned())))
}

fn time(null: Null) -> ObjectBuilder {
    string(null).format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
}

/// An identifier or another short text: at least one character, no control characters.
fn identifier(max_chars: usize, null: Null) -> ObjectBuilder {
    text(max_chars, null).min_length(Some(1))
}

/// A text that may be empty, without control characters.
fn text(max_chars: usize, null: Null) -> ObjectBuilder {
    string(null).max_length(Some(max_chars)).pattern(Some(PLAIN_TEXT_PATTERN))
}

fn action(null: Null) -> ObjectBuilder {
    identifier(limits::ACTION_MAX_CHARS, null).pattern(Some(ACTION_PATTERN))
}

/// One of several forms of a string.
fn any_of(forms: impl IntoIterator<Item = ObjectBuilder>) -> AnyOf {
    let mut any = AnyOf::new();
    any.items.extend(forms.into_iter().map(RefOr::from));
    any
}

fn with_format(format: &str) -> ObjectBuilder {
    string(Null::Never).format(Some(SchemaFormat::Custom(format.to_owned())))
}

fn address() -> AnyOf {
    any_of(["ipv4", "ipv6"].map(with_format))
}

fn network() -> AnyOf {
    let network = string(Null::Never).pattern(Some(CIDR_PATTERN));
    any_of(["ipv4", "ipv6"].map(with_format).into_iter().chain([network]))
}

fn time_or_date() -> AnyOf {
    any_of(["date-time", "date"].map(with_format))
}

/// A property of an object.
struct Property {
    name: &'static str,
    is_required: bool,
    schema: RefOr<Schema>,
}

/// A property that is always present, with its schema.
fn required(name: &'static str, schema: impl Into<RefOr<Schema>>) -> Property {
    Property { name, is_required: true, schema: schema.into() }
}

/// A property that may be absent, with its schema.
fn optional(name: &'static str, schema: impl Into<RefOr<Schema>>) -> Property {
    Property { name, is_required: false, schema: schema.into() }
}

/// An object with these properties.
fn object(description: &str, properties: impl IntoIterator<Item = Property>) -> ObjectBuilder {
    let builder = ObjectBuilder::new().description(Some(description));
    properties.into_iter().fold(builder, |builder, Property { name, is_required, schema }| {
        let builder = builder.property(name, schema);
        if is_required { builder.required(name) } else { builder }
    })
}

/// An object of a request: unknown properties are rejected.
fn input(description: &str, properties: impl IntoIterator<Item = Property>) -> ObjectBuilder {
    let closed = AdditionalProperties::FreeForm(false);
    object(description, properties).additional_properties(Some(closed))
}
