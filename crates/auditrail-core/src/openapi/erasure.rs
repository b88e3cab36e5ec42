//! Schemas of requests to erase and to hold.

use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

use super::query::{ACTOR_PATTERN, TARGET_PATTERN};
use super::{Null, identifier, input, optional, required, string, value};
use crate::{HOLD_NAME_MAX_CHARS, HoldInput, NewErasure, REASON_MAX_CHARS};

impl PartialSchema for NewErasure {
    fn schema() -> RefOr<Schema> {
        let actor = "In the records of this actor, as `user:ana`. It or `target` is required.";
        let target = "In the records about this target, as `user:ana`.";
        let fields = "Only these fields: `actor_id`, `actor_name`, `target_id`, `target_name`, `ip_address`, `user_agent`, `request_id`,\n\
                      `metadata`, `metadata.KEY`. Default: ids, names, address and user agent.";
        let person = |pattern, description| {
            string(Null::Allowed).pattern(Some(pattern)).description(Some(description))
        };
        let properties = [
            optional("actor", person(ACTOR_PATTERN, actor)),
            optional("target", person(TARGET_PATTERN, target)),
            optional(
                "fields",
                ArrayBuilder::new().items(string(Null::Never)).description(Some(fields)),
            ),
            required("reason", reason("Why. It must not have what is erased.")),
            optional(
                "dry_run",
                value(Type::Boolean, Null::Never)
                    .description(Some("Count only, and name the holds in the way.")),
            ),
        ];
        input("A request to erase the values of a person.", properties).into()
    }
}

impl ToSchema for NewErasure {
    fn name() -> std::borrow::Cow<'static, str> {
        "ErasureRequest".into()
    }
}

impl PartialSchema for HoldInput {
    fn schema() -> RefOr<Schema> {
        let name = "The name, which no other hold has.";
        let filters = "Parameters of a search: of actor, action, target, tenant, request, address and time. An empty object holds every\n\
                       record.";
        let properties = [
            required("name", identifier(HOLD_NAME_MAX_CHARS, Null::Never).description(Some(name))),
            required("reason", reason("Why.")),
            required(
                "filters",
                ObjectBuilder::new()
                    .property_names(Some(string(Null::Never)))
                    .additional_properties(Some(string(Null::Never)))
                    .description(Some(filters)),
            ),
        ];
        input("A request to hold records.", properties).into()
    }
}

impl ToSchema for HoldInput {
    fn name() -> std::borrow::Cow<'static, str> {
        "HoldRequest".into()
    }
}

fn reason(description: &str) -> ObjectBuilder {
    identifier(REASON_MAX_CHARS, Null::Never).description(Some(description))
}
