//! Parses an input: a fast path for valid input, and a slow path that reports every error.
//!
//! Both apply the same rules and accept the same inputs; a property test compares them.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::CreateInput;
use crate::actor::{Actor, ActorType};
use crate::context::RequestContext;
use crate::error::{InputError, ValueError};
use crate::inet::parse_address;
use crate::metadata::Metadata;
use crate::object_reader;
use crate::record::NAMES;
use crate::target::Target;
use crate::text::{ActorId, JsonText};
use crate::time::RecordTime;

/// How a given `recorded_by` is handled.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Writer {
    Rejected,
    Ignored,
}

/// Parses an input.
pub(super) fn parse(
    bytes: &[u8],
    now: Timestamp,
    writer: Writer,
) -> Result<CreateInput, InputError> {
    let text = object_reader::utf8(bytes)?;
    // Valid input takes one pass; only invalid input is parsed again to collect all errors.
    parse_valid(text, now, writer).map_or_else(|| parse_with_errors(text, now, writer), Ok)
}

/// Parses valid input in one pass; `None` at the first error, for which see [`parse_with_errors`].
pub(super) fn parse_valid(text: &str, now: Timestamp, writer: Writer) -> Option<CreateInput> {
    let mut fields: Fields<'_> = serde_json::from_str(text).ok()?;
    if writer == Writer::Ignored {
        fields.recorded_by = None;
    }
    fields.check(now).ok()?
}

/// The fields before validation. serde rejects repeated and unknown names.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields<'a> {
    #[serde(borrow)]
    id: Option<JsonText<'a>>,
    #[serde(borrow)]
    actor_id: Option<JsonText<'a>>,
    #[serde(borrow)]
    actor_type: Option<JsonText<'a>>,
    #[serde(borrow)]
    action: Option<JsonText<'a>>,
    #[serde(borrow)]
    target_type: Option<JsonText<'a>>,
    #[serde(borrow)]
    target_id: Option<JsonText<'a>>,
    #[serde(borrow)]
    metadata: Option<&'a RawValue>,
    #[serde(borrow)]
    ip_address: Option<JsonText<'a>>,
    #[serde(borrow)]
    user_agent: Option<JsonText<'a>>,
    #[serde(borrow)]
    created_at: Option<JsonText<'a>>,
    #[serde(borrow)]
    tenant_id: Option<JsonText<'a>>,
    #[serde(borrow)]
    request_id: Option<JsonText<'a>>,
    #[serde(borrow)]
    outcome: Option<JsonText<'a>>,
    #[serde(borrow)]
    actor_name: Option<JsonText<'a>>,
    #[serde(borrow)]
    target_name: Option<JsonText<'a>>,
    /// Not an input, but an input may have it as `null`.
    #[serde(borrow)]
    recorded_by: Option<&'a RawValue>,
}

impl Fields<'_> {
    /// Validates the fields. `Ok(None)` when a required one is missing, or one is not an input.
    fn check(self, now: Timestamp) -> Result<Option<CreateInput>, ValueError> {
        let Self {
            id,
            actor_id: Some(actor_id),
            actor_type: Some(actor_type),
            action: Some(action),
            target_type: Some(target_type),
            target_id: Some(target_id),
            metadata,
            ip_address,
            user_agent,
            created_at,
            tenant_id,
            request_id,
            outcome,
            actor_name,
            target_name,
            recorded_by: None,
        } = self
        else {
            return Ok(None);
        };
        let created_at: Option<RecordTime> = read(created_at, str::parse)?;
        if let Some(time) = created_at {
            time.check_not_in_future(now)?;
        }
        Ok(Some(CreateInput {
            id: read(id, str::parse)?,
            actor: Actor::new(actor_type.as_str().parse()?, actor_id.as_str().parse()?)?,
            action: action.as_str().parse()?,
            target: Target::new(target_type.as_str().parse()?, target_id.as_str().parse()?),
            metadata: metadata.map(Metadata::from_raw).transpose()?,
            context: RequestContext {
                ip_address: read(ip_address, parse_address)?,
                user_agent: read(user_agent, str::parse)?,
                request_id: read(request_id, str::parse)?,
            },
            tenant_id: read(tenant_id, str::parse)?,
            created_at,
            outcome: read(outcome, str::parse)?,
            actor_name: read(actor_name, str::parse)?,
            target_name: read(target_name, str::parse)?,
        }))
    }
}

fn read<T>(
    text: Option<JsonText<'_>>,
    parse: impl FnOnce(&str) -> Result<T, ValueError>,
) -> Result<Option<T>, ValueError> {
    text.map(|text| parse(text.as_str())).transpose()
}

type Reader<'a> = object_reader::ObjectReader<'a, { NAMES.len() }>;

/// Parses an input and reports every invalid field.
pub(super) fn parse_with_errors(
    text: &str,
    now: Timestamp,
    writer: Writer,
) -> Result<CreateInput, InputError> {
    let unknown = "is not a field of a record; other facts belong into metadata";
    let mut reader = Reader::of(text, &NAMES, unknown)?;
    let input = read_fields(&mut reader, now);
    if writer == Writer::Rejected {
        reader.forbid("recorded_by", "is set by the service or the database, never by the caller");
    }
    reader.finish(input)
}

fn read_fields(reader: &mut Reader<'_>, now: Timestamp) -> Option<CreateInput> {
    let id = reader.optional("id", str::parse);
    let actor = actor(reader);
    let action = reader.required("action", str::parse);
    let target_type = reader.required("target_type", str::parse);
    let target_id = reader.required("target_id", str::parse);
    let metadata = metadata(reader);
    let ip_address = reader.optional("ip_address", parse_address);
    let user_agent = reader.optional("user_agent", str::parse);
    let created_at = reader.optional("created_at", |text| {
        let time: RecordTime = text.parse()?;
        time.check_not_in_future(now)?;
        Ok(time)
    });
    let tenant_id = reader.optional("tenant_id", str::parse);
    let request_id = reader.optional("request_id", str::parse);
    let outcome = reader.optional("outcome", str::parse);
    let actor_name = reader.optional("actor_name", str::parse);
    let target_name = reader.optional("target_name", str::parse);
    Some(CreateInput {
        id,
        actor: actor?,
        action: action?,
        target: Target::new(target_type?, target_id?),
        metadata,
        context: RequestContext { ip_address, user_agent, request_id },
        tenant_id,
        created_at,
        outcome,
        actor_name,
        target_name,
    })
}

fn actor(reader: &mut Reader<'_>) -> Option<Actor> {
    let id: Option<ActorId> = reader.required("actor_id", str::parse);
    let actor_type: Option<ActorType> = reader.required("actor_type", str::parse);
    let actor = Actor::new(actor_type?, id?);
    reader.keep("actor_id", actor)
}

fn metadata(reader: &mut Reader<'_>) -> Option<Metadata> {
    let metadata = Metadata::from_raw(reader.field("metadata")?);
    reader.keep("metadata", metadata)
}
