//! Who acted.

use std::borrow::Cow;

use auditrail_core::Actor;

use super::event::{Event, Identity};
use super::{Reason, wrong};

/// The actor of a record.
///
/// An IAM user is known by name, everybody else by ARN: the session of a role is more than the role,
/// which is in the metadata. What AWS does itself is done by the system; which service it was is in
/// the metadata too.
pub(super) fn of(event: &Event<'_>) -> Result<Actor, Reason> {
    let Some(identity) = &event.user_identity else {
        return match event.event_type.as_deref() {
            Some("AwsServiceEvent") => Ok(Actor::system()),
            _ => Err(Reason::new("required", "userIdentity: is missing")),
        };
    };
    let Identity { user_name, arn, principal_id, account_id, invoked_by, .. } = identity;
    let kind = text(identity.kind.as_ref()).unwrap_or_default();
    let (name, arn) = (text(user_name.as_ref()), text(arn.as_ref()));
    let principal = text(principal_id.as_ref());
    let known = match kind {
        "AWSService" => return Ok(Actor::system()),
        "IAMUser" => name.or(arn).or(principal),
        _ => arn.or(principal).or(name),
    };
    if let Some(known) = known {
        return Actor::user(known).map_err(wrong("userIdentity"));
    }
    let by_service = text(invoked_by.as_ref()).is_some()
        || event.event_type.as_deref() == Some("AwsServiceEvent");
    match text(account_id.as_ref()) {
        _ if by_service => Ok(Actor::system()),
        Some(account) => {
            let of_account = format!("account:{account}");
            Actor::user(&of_account).map_err(wrong("userIdentity"))
        }
        None => Err(Reason::new("required", "userIdentity: does not identify an actor")),
    }
}

/// A field that says something: CloudTrail writes empty text for what is not known.
fn text<'a>(field: Option<&'a Cow<'_, str>>) -> Option<&'a str> {
    field.map(AsRef::as_ref).filter(|text: &&str| !text.is_empty())
}
