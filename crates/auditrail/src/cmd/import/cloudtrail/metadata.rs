//! The metadata of a CloudTrail record: fields without a column.

use auditrail_core::Metadata;
use serde_json::value::RawValue;

use super::event::Event;

/// The key that lists the parts that were left out.
const DROPPED: &str = "dropped";

/// The parts of the metadata, each as JSON text.
pub(super) struct Parts<'a> {
    parts: Vec<(&'static str, String)>,
    event: &'a Event<'a>,
}

impl<'a> Parts<'a> {
    /// The parts that every record has.
    pub(super) fn of(event: &'a Event<'a>) -> Self {
        let mut parts = Self { parts: Vec::new(), event };
        parts.event_facts();
        parts.identity_facts();
        parts
    }

    fn event_facts(&mut self) {
        let event = self.event;
        self.text("awsRegion", event.aws_region.as_deref());
        self.text("recipientAccountId", event.recipient_account_id.as_deref());
        self.text("eventType", event.event_type.as_deref());
        self.text("sharedEventID", event.shared_event_id.as_deref());
        self.text("vpcEndpointId", event.vpc_endpoint_id.as_deref());
        self.text("errorCode", event.error_code.as_deref());
        self.text("errorMessage", event.error_message.as_deref());
        if let Some(read_only) = event.read_only {
            self.parts.push(("readOnly", read_only.to_string()));
        }
        self.raw("requestParameters", event.request_parameters);
        self.raw("responseElements", event.response_elements);
        self.raw("additionalEventData", event.additional_event_data);
        self.raw("serviceEventDetails", event.service_event_details);
    }

    fn identity_facts(&mut self) {
        let Some(identity) = &self.event.user_identity else {
            return;
        };
        self.text("identityType", identity.kind.as_deref());
        self.text("arn", identity.arn.as_deref());
        self.text("principalId", identity.principal_id.as_deref());
        self.text("accountId", identity.account_id.as_deref());
        self.text("accessKeyId", identity.access_key_id.as_deref());
        self.text("invokedBy", identity.invoked_by.as_deref());
        let Some(session) = &identity.session_context else {
            return;
        };
        let issuer = session.session_issuer.as_ref();
        self.text("sessionIssuer", issuer.and_then(|issuer| issuer.arn.as_deref()));
        let attributes = session.attributes.as_ref();
        let mfa = attributes.and_then(|attributes| attributes.mfa_authenticated.as_deref());
        self.text("mfaAuthenticated", mfa);
    }

    /// Adds text unless it is empty.
    pub(super) fn text(&mut self, name: &'static str, value: Option<&str>) {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            self.parts.push((name, serde_json::Value::from(value).to_string()));
        }
    }

    fn raw(&mut self, name: &'static str, value: Option<&RawValue>) {
        if let Some(value) = value.filter(|value| !matches!(value.get(), "null" | "{}")) {
            self.parts.push((name, value.get().to_owned()));
        }
    }

    /// The metadata. Invalid parts are left out, then the largest ones until the rest fits; the key
    /// `dropped` lists them.
    pub(super) fn into_metadata(self) -> Metadata {
        let mut parts = self.parts;
        let mut dropped = Vec::new();
        if let Some(metadata) = join(&parts, &dropped) {
            return metadata;
        }
        parts.retain(|part| {
            let fits = join(std::slice::from_ref(part), &[]).is_some();
            if !fits {
                dropped.push(part.0);
            }
            fits
        });
        loop {
            if let Some(metadata) = join(&parts, &dropped) {
                return metadata;
            }
            let sizes = parts.iter().enumerate();
            let Some((largest, _)) = sizes.max_by_key(|(_, (_, text))| text.len()) else {
                // Only the names of the parts are left, and those always fit.
                return Metadata::default();
            };
            dropped.push(parts.remove(largest).0);
        }
    }
}

fn join(parts: &[(&'static str, String)], dropped: &[&'static str]) -> Option<Metadata> {
    let mut text = String::from("{");
    let dropped = (!dropped.is_empty()).then(|| serde_json::Value::from(dropped).to_string());
    let parts = parts.iter().map(|(name, value)| (*name, value.as_str()));
    for (name, value) in parts.chain(dropped.iter().map(|names| (DROPPED, names.as_str()))) {
        if text.len() > 1 {
            text.push(',');
        }
        text.push_str(&format!("\"{name}\":{value}"));
    }
    text.push('}');
    text.parse().ok()
}
