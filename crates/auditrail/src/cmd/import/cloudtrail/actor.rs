//! The actor of a CloudTrail record.

use std::borrow::Cow;

use auditrail_core::Actor;

use super::super::reject::Reason;
use super::event::{Event, Identity};

/// The actor of a record.
///
/// An IAM user is identified by name, any other identity by ARN, since the session of a role identifies
/// more than the role. AWS services are the actor `system`. The metadata has the role and the service.
pub(super) fn of(event: &Event<'_>) -> Result<Actor, Reason> {
    let Some(identity) = &event.user_identity else {
        return match event.event_type.as_deref() {
            Some("AwsServiceEvent") => Ok(Actor::system()),
            _ => Err(Reason::new("required", "userIdentity: is missing")),
        };
    };
    let Identity { user_name, arn, principal_id, account_id, invoked_by, .. } = identity;
    let kind = text(identity.kind.as_ref()).unwrap_or_default();
    let name = text(user_name.as_ref());
    let arn = text(arn.as_ref());
    let principal = text(principal_id.as_ref());
    let id = match kind {
        "AWSService" => return Ok(Actor::system()),
        "IAMUser" => name.or(arn).or(principal),
        _ => arn.or(principal).or(name),
    };
    if let Some(id) = id {
        return Actor::user(id).map_err(Reason::invalid("userIdentity"));
    }
    let by_service = text(invoked_by.as_ref()).is_some()
        || event.event_type.as_deref() == Some("AwsServiceEvent");
    match text(account_id.as_ref()) {
        _ if by_service => Ok(Actor::system()),
        Some(account) => {
            Actor::user(&format!("account:{account}")).map_err(Reason::invalid("userIdentity"))
        }
        None => Err(Reason::new("required", "userIdentity: does not identify an actor")),
    }
}

/// A field that is not empty; CloudTrail writes empty text for unknown values.
fn text<'a>(field: Option<&'a Cow<'_, str>>) -> Option<&'a str> {
    field.map(AsRef::as_ref).filter(|text: &&str| !text.is_empty())
}
