//! Maps AWS CloudTrail records to audit records.
//!
//! The fields are those of the CloudTrail event reference ("CloudTrail record contents"). Fields without
//! a column go into the metadata under CloudTrail's own names, and so do values that do not fit their
//! column: a field that is too long or of an unexpected type never rejects a record.

mod actor;
mod event;
mod fit;
mod labels;
mod members;
mod metadata;
mod repair;
mod target;

use std::borrow::Cow;

use auditrail_core::{
    Action, CreateInput, RecordId, RecordTime, RequestContext, Target, limits, parse_address,
};
use jiff::Timestamp;

use super::reject::Reason;
use super::times;
use event::Event;
pub(super) use event::is_digest_file;
use members::Members;
use metadata::Parts;

/// Most envelopes around a record: EventBridge in SNS in CloudWatch Logs.
const ENVELOPES_MAX: u32 = 4;

/// Parses a CloudTrail record, or an envelope with one.
///
/// # Errors
/// When the text is not JSON or not a record, or the record does not say who did what when.
pub(super) fn parse(bytes: &[u8], now: Timestamp) -> Result<CreateInput, Reason> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let at = error.valid_up_to();
        Reason::new("not_json", format!("not JSON: the text is not valid UTF-8 at byte {at}"))
    })?;
    parse_text(text, now, 0).or_else(|reason| {
        // The name of a member may have an escape that is no character.
        let repaired = repair::escapes(text);
        if repaired == text { Err(reason) } else { parse_text(&repaired, now, 0) }
    })
}

fn parse_text(text: &str, now: Timestamp, envelopes: u32) -> Result<CreateInput, Reason> {
    if envelopes > ENVELOPES_MAX {
        return Err(Reason::new("not_cloudtrail", "not a CloudTrail record: too many envelopes"));
    }
    if text.starts_with('"') {
        let inner: String = serde_json::from_str(text).map_err(|error| not_a_record(&error))?;
        return parse_text(inner.trim(), now, envelopes + 1);
    }
    let members = Members::parse(text).map_err(|error| not_a_record(&error))?;
    if event::is_digest(&members) {
        let text = "this is a CloudTrail digest, which has hashes of log files and no records";
        return Err(Reason::new("digest", text));
    }
    match event::unwrapped(&members) {
        Some(inner) => parse_text(inner.trim(), now, envelopes + 1),
        None => match event::unquoted(&members) {
            Some(unquoted) => parse_text(&unquoted, now, envelopes + 1),
            None => map(&Event::new(members)?, now),
        },
    }
}

fn not_a_record(error: &serde_json::Error) -> Reason {
    let code = if error.is_data() { "not_cloudtrail" } else { "not_json" };
    Reason::new(code, format!("not a CloudTrail record: {error}"))
}

fn map(event: &Event<'_>, now: Timestamp) -> Result<CreateInput, Reason> {
    let mut columns = Columns::default();
    let actor = actor::of(event)?;
    let action = action(event, &mut columns)?;
    let (target_type, target_id) = target::of(event);
    let target = Target::new(
        target_type.parse().map_err(Reason::invalid("resources"))?,
        target_id.parse().map_err(Reason::invalid("resources"))?,
    );
    let time = time(event, &mut columns)?;
    time.check_not_in_future(now).map_err(Reason::invalid("eventTime"))?;
    let context = context(event, &mut columns);
    let mut input =
        CreateInput::new(actor, action, target).with_context(context).with_created_at(time);
    if let Some(Ok(id)) = event.text("eventID").map(|text| text.parse::<RecordId>()) {
        input = input.with_id(id);
        columns.holds("eventID");
    }
    let metadata = columns.parts(event).into_metadata();
    Ok(labels::set(input.with_metadata(metadata), event))
}

/// Which members of a record are completely held by columns.
#[derive(Default)]
struct Columns {
    held: Vec<&'static str>,
    source_host: Option<String>,
}

impl Columns {
    fn holds(&mut self, name: &'static str) {
        self.held.push(name);
    }

    /// The metadata: all other members.
    fn parts(self, event: &Event<'_>) -> Parts {
        let mut parts = Parts::of(event, &self.held);
        if let Some(host) = &self.source_host {
            parts.text("sourceHost", host);
        }
        parts
    }
}

/// The first label of the service and the name of the event, such as `iam.CreateUser`.
fn action(event: &Event<'_>, columns: &mut Columns) -> Result<Action, Reason> {
    if let Some(action) = event.statistic() {
        return action.parse().map_err(Reason::invalid("eventType"));
    }
    let source = event.text("eventSource").unwrap_or(Cow::Borrowed("aws.amazonaws.com"));
    let name =
        event.text("eventName").ok_or_else(|| Reason::new("required", "eventName: is missing"))?;
    let service = event::service(&source);
    let whole = format!("{service}.{name}");
    let action = fit::label(&whole, limits::ACTION_MAX_CHARS);
    if action == whole {
        columns.holds("eventName");
    }
    if source.strip_prefix(service) == Some(".amazonaws.com") {
        columns.holds("eventSource");
    }
    // A name such as `x.` is no action; the metadata has it then.
    action.parse().or_else(|_| {
        columns.held.retain(|name| *name != "eventName");
        format!("{}.event", fit::label(service, limits::ACTION_MAX_CHARS / 2))
            .parse()
            .map_err(Reason::invalid("eventName"))
    })
}

/// The time of the event.
fn time(event: &Event<'_>, columns: &mut Columns) -> Result<RecordTime, Reason> {
    let window = || event.members.members("timeWindow")?.text("windowStart");
    let text = event.text("eventTime").or_else(window);
    let text = text.ok_or_else(|| Reason::new("required", "eventTime: is missing"))?;
    columns.holds("eventTime");
    // CloudTrail's times are in UTC; other programs write them without saying so.
    text.parse::<RecordTime>().or_else(|error| {
        times::parse(&text)
            .or_else(|| times::parse(&format!("{text}Z")))
            .ok_or_else(|| Reason::invalid("eventTime")(error))
    })
}

/// The request context. Values that do not fit their column stay in the metadata.
fn context(event: &Event<'_>, columns: &mut Columns) -> RequestContext {
    let source = event.text("sourceIPAddress");
    let ip_address = source.as_deref().and_then(|text| parse_address(text).ok());
    if let Some(source) = source {
        columns.holds("sourceIPAddress");
        columns.source_host = ip_address.is_none().then(|| source.into_owned());
    }
    let agent = event.text("userAgent");
    let fitted = agent.as_deref().map(|text| fit::label(text, limits::USER_AGENT_MAX_CHARS));
    if fitted == agent {
        columns.holds("userAgent");
    }
    let request = event.text("requestID");
    let request_id = request.and_then(|text| text.parse().ok());
    if request_id.is_some() {
        columns.holds("requestID");
    }
    let user_agent = fitted.and_then(|text| text.parse().ok());
    RequestContext { ip_address, user_agent, request_id }
}

#[cfg(test)]
mod reading_tests;
#[cfg(test)]
mod tests;
