//! Schemas of enums: the list of their values.

use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{Schema, Type};
use utoipa::{PartialSchema, ToSchema};

use super::{Null, value};
use crate::{
    ActorType, Count, ExportFormat, Facet, Intents, Interval, OnInvalid, Order, Outcome, Scope,
    TotalRelation, ValueField,
};

macro_rules! enum_schema {
    ($name:ty, $description:literal, $values:expr) => {
        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                let values = value(Type::String, Null::Never).enum_values(Some($values));
                values.description(Some($description)).into()
            }
        }

        impl ToSchema for $name {}
    };
}

enum_schema!(
    ActorType,
    "Actor type. For `system` the actor id is `system`.",
    [Self::User, Self::System, Self::ApiKey].map(Self::as_str)
);
enum_schema!(
    Scope,
    "Permission of an API key. No scope implies another.",
    Self::ALL.map(Self::as_str)
);
enum_schema!(Interval, "Width of a time bucket.", Self::ALL.map(Self::as_str));
enum_schema!(Outcome, "How an action ended.", Self::ALL.map(Self::as_str));
enum_schema!(
    Intents,
    "Which records of intents to include.",
    [Self::Open, Self::All].map(Self::as_str)
);
enum_schema!(
    Order,
    "Order of the records by time: `desc` (default) is newest first, `asc` oldest first.",
    [Self::NewestFirst, Self::OldestFirst].map(Self::as_str)
);
enum_schema!(Facet, "Field whose values are counted.", Self::ALL.map(Self::as_str));
enum_schema!(ValueField, "Field whose values are listed.", Self::ALL.map(Self::as_str));
enum_schema!(Count, "How to count matches.", ["exact", "estimated"]);
enum_schema!(
    TotalRelation,
    "What `total` is: `exact`, `at_least` (counting stopped there), or `estimated` from statistics of the table.",
    [Self::Exact, Self::AtLeast, Self::Estimated].map(Self::as_str)
);
enum_schema!(OnInvalid, "How to handle records that cannot be written.", ["refuse", "skip"]);
enum_schema!(ExportFormat, "Export format.", ["csv", "ndjson"]);
