//! The metadata of a record, within the size limit.

use auditrail_core::limits::METADATA_MAX_BYTES;
use auditrail_core::{Metadata, RecordId};
use serde::Serialize;
use serde_json::Value;

use super::outcome::Outcome;

/// Initial buffer, large enough for most metadata.
const USUAL_BYTES: usize = 384;

/// The metadata of a record.
#[derive(Serialize)]
pub(super) struct Parts<'a> {
    pub(super) http: Http<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) outcome: Option<Outcome>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) rule: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) other_readings: Vec<OtherReading<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) impersonator: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) credential_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) phase: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) intent_id: Option<RecordId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) request: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) response: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) before: Option<&'a Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) after: Option<&'a Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) extra: Option<&'a Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) truncated: Vec<&'static str>,
}

/// What the request is by another reading of its path.
#[derive(Serialize)]
pub(super) struct OtherReading<'a> {
    pub(super) rule: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) action: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) target_id: Option<String>,
}

/// The request and its response.
#[derive(Serialize)]
pub(super) struct Http<'a> {
    pub(super) method: &'a str,
    /// That of the rule.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) route: Option<&'a str>,
    /// `Some(None)` serializes to null: there was no response. Omitted in intents.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) status: Option<Option<u16>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) grpc_status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) duration_ms: Option<f64>,
}

impl Parts<'_> {
    /// Serializes the metadata. Drops parts, largest kind first, until it fits: a record without some parts is
    /// better than none.
    pub(super) fn into_metadata(mut self) -> Metadata {
        loop {
            let mut json = Vec::with_capacity(USUAL_BYTES);
            let is_serialized = serde_json::to_writer(&mut json, &self).is_ok();
            // The limit applies to the stored form, in which numbers have no exponent.
            let small = is_serialized && json.len() <= METADATA_MAX_BYTES;
            let text = str::from_utf8(&json).ok().filter(|_| small);
            let metadata = text.and_then(|text| text.parse().ok());
            match metadata {
                Some(metadata) => return metadata,
                None if self.drop_next_part() => {}
                None => return Metadata::default(),
            }
        }
    }

    /// Drops the next part. Returns false if there is none left.
    fn drop_next_part(&mut self) -> bool {
        fn take<T>(name: &'static str, part: &mut Option<T>) -> Option<&'static str> {
            part.take().map(|_| name)
        }
        let next = take("response", &mut self.response)
            .or_else(|| take("request", &mut self.request))
            .or_else(|| take("extra", &mut self.extra))
            .or_else(|| take("before", &mut self.before))
            .or_else(|| take("after", &mut self.after));
        self.truncated.extend(next);
        next.is_some()
    }
}
