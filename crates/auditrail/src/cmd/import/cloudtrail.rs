//! Maps AWS CloudTrail records to audit records.
//!
//! The fields are those of the CloudTrail event reference ("CloudTrail record contents"). Fields without
//! a column go into the metadata under CloudTrail's own names.

mod actor;
mod event;
mod metadata;
mod target;

use auditrail_core::{
    CreateInput, RecordId, RecordTime, RequestContext, Target, limits, parse_address,
};
use jiff::Timestamp;

use super::reject::Reason;
use event::Event;
use metadata::Parts;

/// Parses a CloudTrail record.
pub(super) fn parse(bytes: &[u8], now: Timestamp) -> Result<CreateInput, Reason> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let at = error.valid_up_to();
        Reason::new("not_json", format!("not JSON: the text is not valid UTF-8 at byte {at}"))
    })?;
    let event: Event<'_> = serde_json::from_str(text).map_err(|error| {
        let code = if error.is_data() { "not_cloudtrail" } else { "not_json" };
        Reason::new(code, format!("not a CloudTrail record: {error}"))
    })?;
    map(&event, now)
}

fn map(event: &Event<'_>, now: Timestamp) -> Result<CreateInput, Reason> {
    let mut parts = Parts::of(event);
    let actor = actor::of(event)?;
    let action = action(event)?;
    let (target_type, target_id) = target::of(event);
    let target = Target::new(
        target_type.parse().map_err(Reason::invalid("resources"))?,
        target_id.parse().map_err(Reason::invalid("resources"))?,
    );
    let time: RecordTime = required("eventTime", event.event_time.as_deref())?
        .parse()
        .map_err(Reason::invalid("eventTime"))?;
    time.check_not_in_future(now).map_err(Reason::invalid("eventTime"))?;
    let context = context(event, &mut parts);
    let mut input =
        CreateInput::new(actor, action, target).with_context(context).with_created_at(time);
    match event.event_id.as_deref().map(str::parse::<RecordId>) {
        Some(Ok(id)) => input = input.with_id(id),
        Some(Err(_)) => parts.text("eventID", event.event_id.as_deref()),
        None => {}
    }
    Ok(input.with_metadata(parts.into_metadata()))
}

/// The first label of the service and the name of the event, such as `iam.CreateUser`.
fn action(event: &Event<'_>) -> Result<auditrail_core::Action, Reason> {
    let source = required("eventSource", event.event_source.as_deref())?;
    let name = required("eventName", event.event_name.as_deref())?;
    let service = event::service(source);
    format!("{service}.{name}").parse().map_err(Reason::invalid("eventName"))
}

/// The request context. Values that the columns reject go into the metadata.
fn context(event: &Event<'_>, parts: &mut Parts<'_>) -> RequestContext {
    let source = event.source_ip_address.as_deref();
    let ip_address = source.and_then(|text| parse_address(text).ok());
    if ip_address.is_none() {
        parts.text("sourceHost", source);
    }
    let agent = event.user_agent.as_deref();
    let agent_max = limits::USER_AGENT_MAX_CHARS;
    let is_long = agent.is_some_and(|agent| agent.chars().nth(agent_max).is_some());
    let truncated = agent.map(|agent| agent.chars().take(agent_max).collect::<String>());
    let user_agent = truncated.and_then(|text| text.parse().ok());
    if is_long || user_agent.is_none() {
        parts.text("userAgent", agent);
    }
    let request = event.request_id.as_deref();
    let request_id = request.and_then(|text| text.parse().ok());
    if request_id.is_none() {
        parts.text("requestID", request);
    }
    RequestContext { ip_address, user_agent, request_id }
}

/// A required field, which must not be empty.
fn required<'a>(name: &'static str, value: Option<&'a str>) -> Result<&'a str, Reason> {
    value
        .filter(|value| !value.is_empty())
        .ok_or_else(|| Reason::new("required", format!("{name}: is missing")))
}

#[cfg(test)]
mod tests;
