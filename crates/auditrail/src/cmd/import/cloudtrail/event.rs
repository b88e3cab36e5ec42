//! The fields of a CloudTrail record that are mapped. Unknown fields are ignored, since AWS adds new ones.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

/// A CloudTrail record.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Event<'a> {
    #[serde(borrow)]
    pub(super) user_identity: Option<Identity<'a>>,
    #[serde(borrow)]
    pub(super) event_time: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) event_source: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) event_name: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) event_type: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "eventID")]
    pub(super) event_id: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "requestID")]
    pub(super) request_id: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "sharedEventID")]
    pub(super) shared_event_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) aws_region: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "sourceIPAddress")]
    pub(super) source_ip_address: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) user_agent: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) error_code: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) error_message: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) recipient_account_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) vpc_endpoint_id: Option<Cow<'a, str>>,
    pub(super) read_only: Option<bool>,
    #[serde(borrow)]
    pub(super) resources: Option<Vec<Resource<'a>>>,
    #[serde(borrow)]
    pub(super) request_parameters: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) response_elements: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) additional_event_data: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) service_event_details: Option<&'a RawValue>,
}

/// The identity that made the call (`userIdentity`).
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Identity<'a> {
    #[serde(borrow, rename = "type")]
    pub(super) kind: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) user_name: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) arn: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) principal_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) account_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) access_key_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) invoked_by: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) session_context: Option<Session<'a>>,
}

/// The session of temporary credentials.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Session<'a> {
    #[serde(borrow)]
    pub(super) session_issuer: Option<Issuer<'a>>,
    #[serde(borrow)]
    pub(super) attributes: Option<Attributes<'a>>,
}

/// The issuer of the session.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Issuer<'a> {
    #[serde(borrow)]
    pub(super) arn: Option<Cow<'a, str>>,
}

/// Attributes of the session.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Attributes<'a> {
    #[serde(borrow)]
    pub(super) mfa_authenticated: Option<Cow<'a, str>>,
}

/// A resource of the call.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Resource<'a> {
    #[serde(borrow, rename = "ARN", alias = "arn")]
    pub(super) arn: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "type")]
    pub(super) kind: Option<Cow<'a, str>>,
}

/// The first label of a service's host name: `iam` for `iam.amazonaws.com`.
pub(super) fn service(source: &str) -> &str {
    source.split('.').next().unwrap_or(source)
}
