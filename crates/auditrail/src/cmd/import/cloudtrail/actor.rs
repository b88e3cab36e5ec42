//! The actor of a CloudTrail record.
//!
//! Sources: "CloudTrail userIdentity element" and, for people of IAM Identity Center, "Username in sign-in
//! CloudTrail events" of the AWS documentation.

use std::borrow::Cow;

use auditrail_core::{Actor, limits};

use super::super::reject::Reason;
use super::event::Event;
use super::fit;
use super::members::Members;

/// Names under which `additionalEventData` and `serviceEventDetails` have the person who signs in.
const SIGN_IN_NAMES: [&str; 7] =
    ["UserName", "userName", "username", "user_name", "userId", "user_id", "sub"];

/// The actor of a record.
///
/// A person of IAM Identity Center is identified by the user id, an IAM user by name, any other identity by
/// ARN, since the session of a role identifies more than the role, else by name, else by principal. If
/// the identity has none of these, the name in a sign-in event identifies the person, else the role of the
/// session, else the credential. AWS services are the actor `system`. The metadata has the whole identity.
///
/// # Errors
/// When the record does not say who acted.
pub(super) fn of(event: &Event<'_>) -> Result<Actor, Reason> {
    let id = person(event).or_else(|| identity(event)).or_else(|| sign_in_name(event));
    if let Some(id) = id.or_else(|| session(event)) {
        return user(&id);
    }
    if is_system(event) {
        return Ok(Actor::system());
    }
    let credential =
        event.identity_text("credentialId").or_else(|| event.identity_text("accessKeyId"));
    if let Some(id) = credential {
        return user(&id);
    }
    match event.identity_text("accountId") {
        Some(account) => user(&format!("account:{account}")),
        None if event.members.get("userIdentity").is_none() => {
            Err(Reason::new("required", "userIdentity: is missing"))
        }
        None => Err(Reason::new("required", "userIdentity: does not identify an actor")),
    }
}

fn user(id: &str) -> Result<Actor, Reason> {
    let id = fit::id(id, limits::ACTOR_ID_MAX_CHARS);
    Actor::user(&id).map_err(Reason::invalid("userIdentity"))
}

/// The user id of the person on whose behalf the call was made.
fn person<'a>(event: &Event<'a>) -> Option<Cow<'a, str>> {
    on_behalf_of(event)?.text("userId")
}

fn on_behalf_of<'a>(event: &Event<'a>) -> Option<Members<'a>> {
    event.identity.as_ref()?.members("onBehalfOf")
}

/// The identifier of the identity itself.
fn identity<'a>(event: &Event<'a>) -> Option<Cow<'a, str>> {
    let Some(identity) = &event.identity else {
        // Not an object.
        return event.text("userIdentity");
    };
    let name = identity.text("userName");
    let arn = identity.text("arn");
    let account = identity.text("accountId");
    // Sign-in events have the account as the principal of a person who is not known yet.
    let principal = identity.text("principalId").filter(|id| Some(id) != account.as_ref());
    match identity.text("type").as_deref() {
        Some("AWSService") => None,
        Some("IAMUser") => name.or(arn).or(principal),
        Some("Unknown") => arn.or(name).or_else(|| sign_in_name(event)).or(principal),
        _ => arn.or(name).or(principal),
    }
}

/// The person or the role of a session.
fn session<'a>(event: &Event<'a>) -> Option<Cow<'a, str>> {
    if event.identity_text("type").as_deref() == Some("AWSService") {
        return None;
    }
    let session = event.identity.as_ref()?.members("sessionContext")?;
    let issuer = || {
        let issuer = session.members("sessionIssuer")?;
        ["arn", "userName", "principalId"].iter().find_map(|name| issuer.text(name))
    };
    session.text("sourceIdentity").or_else(issuer)
}

/// The name of the person in a sign-in event.
fn sign_in_name<'a>(event: &Event<'a>) -> Option<Cow<'a, str>> {
    let is_service = event.identity_text("type").as_deref() == Some("AWSService");
    if is_service || event.identity_text("invokedBy").is_some() {
        return None;
    }
    ["additionalEventData", "serviceEventDetails"].iter().find_map(|part| {
        let part = event.members.members(part)?;
        SIGN_IN_NAMES.iter().find_map(|name| part.text(name))
    })
}

/// Whether AWS itself acted. A sign-in event of a person who is not known has a type.
fn is_system(event: &Event<'_>) -> bool {
    let kind = event.identity_text("type");
    let is_service_event = event.text("eventType").as_deref() == Some("AwsServiceEvent");
    kind.as_deref() == Some("AWSService")
        || event.identity_text("invokedBy").is_some()
        || (kind.is_none() && is_service_event)
        || event.statistic().is_some()
}

/// The name of the actor, for people: of a person, a user, a role's source identity, or a role session.
pub(super) fn name(event: &Event<'_>) -> Option<String> {
    let identity = event.identity.as_ref()?;
    if matches!(identity.text("type").as_deref(), Some("AWSService")) {
        return None;
    }
    let source = identity.members("sessionContext").and_then(|it| it.text("sourceIdentity"));
    let person = sign_in_name(event).filter(|_| identity.text("arn").is_none());
    person
        .or_else(|| identity.text("userName"))
        .or(source)
        .or_else(|| identity.text("arn").map(last_part))
        .or_else(|| identity.text("principalId").and_then(|id| session_of_principal(&id)))
        .map(Cow::into_owned)
}

/// `session` of `arn:aws:sts::1:assumed-role/role/session`, `root` of `arn:aws:iam::1:root`.
pub(super) fn last_part(arn: Cow<'_, str>) -> Cow<'_, str> {
    let last = arn.rsplit(['/', ':']).next().filter(|last| !last.is_empty());
    last.map(|last| Cow::Owned(last.to_owned())).unwrap_or(arn)
}

/// `session` of `AROA…:session`.
fn session_of_principal<'a>(principal: &str) -> Option<Cow<'a, str>> {
    let (_, session) = principal.split_once(':')?;
    (!session.is_empty()).then(|| Cow::Owned(session.to_owned()))
}
