//! The same month as CloudTrail events of the underlying cloud account.
//!
//! The form follows AWS: times to the second, a random (v4) `eventID`, a
//! `sourceIPAddress` that is a host name for services, nulls for missing values, and an occasional
//! `errorCode`.

mod call;
mod identity;

use jiff::fmt::temporal::DateTimePrinter;
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use self::call::Call;
use self::identity::Identities;
use super::actions::meta;
use super::random::Random;
use super::{Sample, SampleRecord};

/// Random stream of the fields that only this format has.
const STREAM: u64 = 5;

/// The account of every event, from the documentation of AWS.
const ACCOUNT: &str = "111122223333";

/// Failing calls in a thousand, and their errors.
const FAILING: u64 = 20;
const ERRORS: [(&str, &str); 3] = [
    ("AccessDenied", "User is not authorized to perform this operation"),
    ("ThrottlingException", "Rate exceeded"),
    ("AccessDenied", "No identity-based policy allows this operation"),
];

/// A CloudTrail event, with the field names of AWS.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Event {
    event_version: &'static str,
    user_identity: Box<RawValue>,
    event_time: String,
    event_source: String,
    event_name: &'static str,
    aws_region: &'static str,
    #[serde(rename = "sourceIPAddress")]
    source_ip_address: String,
    user_agent: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_code: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_message: Option<&'static str>,
    request_parameters: Option<Map<String, Value>>,
    response_elements: Option<Map<String, Value>>,
    #[serde(rename = "requestID")]
    request_id: String,
    #[serde(rename = "eventID")]
    event_id: String,
    read_only: bool,
    event_type: &'static str,
    management_event: bool,
    recipient_account_id: &'static str,
    event_category: &'static str,
}

/// The events of `sample` by time, one for each record.
pub(crate) fn events(sample: &Sample) -> impl Iterator<Item = Event> {
    let mut random = Random::new(sample.seed(), STREAM);
    let mut identities = Identities::default();
    let thief = sample.incident().map(|incident| incident.key);
    sample.iter().map(move |record| {
        // The calls of the incident must succeed.
        let is_incident = record.metadata.get("exposed_to").is_some()
            || thief.is_some_and(|key| key == record.actor_id || key == record.target_id);
        let error = (!is_incident && random.chance(FAILING)).then(|| random.among(&ERRORS));
        event(&mut random, &mut identities, &record, error)
    })
}

fn event(
    random: &mut Random,
    identities: &mut Identities,
    record: &SampleRecord,
    error: Option<(&'static str, &'static str)>,
) -> Event {
    const PRINTER: DateTimePrinter = DateTimePrinter::new().precision(Some(0));
    let call = Call::of(random, record);
    let host = format!("{}.amazonaws.com", call.service);
    let by_service = record.actor_type == "system";
    Event {
        event_version: "1.09",
        user_identity: identities.of(record, &host),
        event_time: PRINTER.timestamp_to_string(&record.created_at),
        aws_region: region(&record.target_id),
        source_ip_address: record.ip_address.clone().unwrap_or_else(|| host.clone()),
        user_agent: agent(record, &host),
        error_code: error.map(|(code, _)| code),
        error_message: error.map(|(_, message)| message),
        request_parameters: call.parameters,
        response_elements: if error.is_some() { None } else { call.response },
        request_id: uuid::Builder::from_random_bytes(random.bytes()).into_uuid().to_string(),
        event_id: uuid::Builder::from_random_bytes(random.bytes()).into_uuid().to_string(),
        read_only: call.read_only,
        event_type: match (call.event_type, by_service) {
            (Some(special), _) => special,
            (None, true) => "AwsServiceEvent",
            (None, false) => "AwsApiCall",
        },
        management_event: true,
        recipient_account_id: ACCOUNT,
        event_category: "Management",
        event_source: host,
        event_name: call.name,
    }
}

/// The region of a target, derived from its name.
fn region(target: &str) -> &'static str {
    let sum = target.bytes().fold(0_u64, |sum, byte| sum.wrapping_mul(31) + u64::from(byte));
    match sum % 10 {
        0..7 => "eu-central-1",
        7..9 => "us-east-1",
        _ => "eu-west-1",
    }
}

/// The user agent: an SDK for command lines, browsers as they are, a host name for services.
fn agent(record: &SampleRecord, host: &str) -> String {
    match record.user_agent.as_deref() {
        None => host.to_owned(),
        Some(agent) if agent.starts_with("planectl") => {
            "aws-cli/2.24.10 md/awscrt#0.23.8 ua/2.0 os/linux lang/python#3.12.9".to_owned()
        }
        Some(agent) if agent.starts_with("python-requests") => {
            format!("Boto3/1.34.11 {agent}")
        }
        Some(agent) => agent.to_owned(),
    }
}

/// The response to a creation.
fn made(kind: &str, members: &Map<String, Value>) -> Option<Map<String, Value>> {
    Some(meta([(kind, json!(members))]))
}
