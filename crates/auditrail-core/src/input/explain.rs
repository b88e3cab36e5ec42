//! The slow path: reports every error of an input.
//!
//! It applies the same rules as the fast path and accepts the same inputs; a property test compares
//! the two.

use jiff::Timestamp;

use super::CreateInput;
use crate::actor::{Actor, ActorType};
use crate::context::RequestContext;
use crate::error::InputError;
use crate::inet::parse_address;
use crate::metadata::Metadata;
use crate::object_reader;
use crate::record::NAMES;
use crate::target::Target;
use crate::text::ActorId;
use crate::time::RecordTime;

type Reader<'a> = object_reader::ObjectReader<'a, { NAMES.len() }>;

/// Parses an input and reports every invalid field.
pub(super) fn parse(text: &str, now: Timestamp) -> Result<CreateInput, InputError> {
    let unknown = "is not a field of a record; other facts belong into metadata";
    let mut reader = Reader::of(text, &NAMES, unknown)?;
    let input = read(&mut reader, now);
    reader.finish(input)
}

fn read(reader: &mut Reader<'_>, now: Timestamp) -> Option<CreateInput> {
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
    Some(CreateInput {
        id,
        actor: actor?,
        action: action?,
        target: Target::new(target_type?, target_id?),
        metadata,
        context: RequestContext { ip_address, user_agent, request_id },
        tenant_id,
        created_at,
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
