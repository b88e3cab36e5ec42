//! The fast path: parses valid input in one pass and stops at the first error.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::CreateInput;
use crate::actor::Actor;
use crate::context::RequestContext;
use crate::error::ValueError;
use crate::inet::parse_address;
use crate::metadata::Metadata;
use crate::target::Target;
use crate::text::JsonText;
use crate::time::RecordTime;

/// Parses valid input; `None` means that it is invalid, and [`super::explain`] collects the errors.
pub(super) fn parse(text: &str, now: Timestamp) -> Option<CreateInput> {
    let fields: Fields<'_> = serde_json::from_str(text).ok()?;
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
}

impl Fields<'_> {
    /// Validates the fields. `Ok(None)` when a required one is missing.
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
        }))
    }
}

fn read<T>(
    text: Option<JsonText<'_>>,
    parse: impl FnOnce(&str) -> Result<T, ValueError>,
) -> Result<Option<T>, ValueError> {
    text.map(|text| parse(text.as_str())).transpose()
}
