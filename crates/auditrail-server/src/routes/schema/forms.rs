//! Texts of which there is more than one form.

use utoipa::openapi::schema::{AnyOf, AnyOfBuilder, ObjectBuilder, Schema, SchemaFormat, Type};

/// An IPv4 network in CIDR notation.
const NETWORK_V4: &str = concat!(
    r"^((25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])\.){3}",
    r"(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])/(3[0-2]|[12]?[0-9])$"
);
/// An IPv6 network in the two forms that people write: all eight groups, or some and `::` at the end.
const NETWORK_V6: &str = concat!(
    r"^(([0-9A-Fa-f]{1,4}:){7}[0-9A-Fa-f]{1,4}|([0-9A-Fa-f]{1,4}:){1,6}:)",
    r"/(12[0-8]|1[01][0-9]|[1-9]?[0-9])$"
);

/// An address, or nothing.
pub(super) fn address() -> Schema {
    any_of([format("ipv4"), format("ipv6"), ObjectBuilder::new().schema_type(Type::Null)])
}

/// An address or a network.
pub(super) fn network() -> Schema {
    any_of([
        format("ipv4"),
        format("ipv6"),
        named("IPv4 network", NETWORK_V4),
        named("IPv6 network", NETWORK_V6),
    ])
}

/// A day or a time of a day.
pub(super) fn moment() -> Schema {
    any_of([format("date-time"), format("date")])
}

fn any_of(forms: impl IntoIterator<Item = ObjectBuilder>) -> Schema {
    let any = forms.into_iter().fold(AnyOfBuilder::new(), AnyOfBuilder::item);
    Schema::AnyOf(AnyOf::from(any))
}

fn format(name: &str) -> ObjectBuilder {
    let format = SchemaFormat::Custom(name.to_owned());
    ObjectBuilder::new().schema_type(Type::String).format(Some(format))
}

fn named(title: &str, pattern: &str) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String).title(Some(title)).pattern(Some(pattern))
}
