//! The slow way: says everything that is wrong with an input.
//!
//! It applies the same rules as the fast way and would accept what that accepts; a property test
//! holds the two together.

use jiff::Timestamp;

use super::{CreateInput, FIELDS};
use crate::actor::{Actor, ActorType};
use crate::context::RequestContext;
use crate::error::InputError;
use crate::inet::parse_address;
use crate::metadata::Metadata;
use crate::report;
use crate::target::Target;
use crate::text::ActorId;
use crate::time::RecordTime;

type Report<'a> = report::Report<'a, { FIELDS.len() }>;

/// Parses an input and reports every wrong field.
pub(super) fn parse(text: &str, now: Timestamp) -> Result<CreateInput, InputError> {
    let unknown = "is not a field of a record; other facts belong into metadata";
    let mut report = Report::of(text, &FIELDS, unknown)?;
    let input = read(&mut report, now);
    report.finish(input)
}

fn read(report: &mut Report<'_>, now: Timestamp) -> Option<CreateInput> {
    let id = report.optional("id", str::parse);
    let actor = actor(report);
    let action = report.required("action", str::parse);
    let target_type = report.required("target_type", str::parse);
    let target_id = report.required("target_id", str::parse);
    let metadata = metadata(report);
    let ip_address = report.optional("ip_address", parse_address);
    let user_agent = report.optional("user_agent", str::parse);
    let created_at = report.optional("created_at", |text| {
        let time: RecordTime = text.parse()?;
        time.check_not_in_future(now)?;
        Ok(time)
    });
    let tenant_id = report.optional("tenant_id", str::parse);
    let request_id = report.optional("request_id", str::parse);
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

fn actor(report: &mut Report<'_>) -> Option<Actor> {
    let id: Option<ActorId> = report.required("actor_id", str::parse);
    let actor_type: Option<ActorType> = report.required("actor_type", str::parse);
    let actor = Actor::new(actor_type?, id?);
    report.keep("actor_id", actor)
}

fn metadata(report: &mut Report<'_>) -> Option<Metadata> {
    let metadata = Metadata::from_raw(report.field("metadata")?);
    report.keep("metadata", metadata)
}
