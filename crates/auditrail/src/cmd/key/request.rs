//! Converts flags to requests to the store.

use auditrail_core::{
    Actor, ApiKeyEnv, ApiKeyId, ApiKeyName, FieldError, NewApiKey, RecordTime, Scope, ScopeSet,
    TenantId, ValidationErrors, ValueError,
};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};

use crate::cli::{KeyCreateArgs, KeyRevokeArgs};
use crate::cmd::flags::parse_flag;
use crate::error::Error;

/// The key to create, and the actor of the audit record.
pub(super) fn to_create(args: &KeyCreateArgs, now: Timestamp) -> Result<(NewApiKey, Actor), Error> {
    let mut errors = Vec::new();
    let parse = str::parse::<Scope>;
    let scopes: Vec<Scope> = args
        .scopes
        .iter()
        .filter_map(|text| parse_flag(&mut errors, "--scope", Some(text), parse))
        .collect();
    let tenant_id =
        parse_flag(&mut errors, "--tenant", args.tenant.as_ref(), str::parse::<TenantId>);
    let name = parse_flag(&mut errors, "--name", args.name.as_ref(), str::parse::<ApiKeyName>);
    let expires_at =
        parse_flag(&mut errors, "--expires", args.expires.as_ref(), |text| expiry(text, now));
    let env = parse_flag(&mut errors, "--env", Some(&args.env), str::parse::<ApiKeyEnv>);
    let by = parse_flag(&mut errors, "--actor", args.actor.as_ref(), str::parse::<Actor>);
    if let Some(errors) = ValidationErrors::new(errors) {
        return Err(Error::Invalid(errors));
    }
    let scopes = ScopeSet::new(scopes).map_err(|error| invalid("--scope", &error))?;
    let env = env.unwrap_or_default();
    Ok((NewApiKey { env, name, scopes, tenant_id, expires_at }, actor_or_login(by)?))
}

/// The id of the key to revoke, and the actor of the audit record.
pub(super) fn to_revoke(args: &KeyRevokeArgs) -> Result<(ApiKeyId, Actor), Error> {
    let mut errors = Vec::new();
    let id = parse_flag(&mut errors, "ID", Some(&args.id), str::parse::<ApiKeyId>);
    let by = parse_flag(&mut errors, "--actor", args.actor.as_ref(), str::parse::<Actor>);
    match (id, ValidationErrors::new(errors)) {
        (Some(id), None) => Ok((id, actor_or_login(by)?)),
        (_, Some(errors)) => Err(Error::Invalid(errors)),
        (None, None) => Err(invalid("ID", &ValueError::Empty)),
    }
}

fn invalid(flag: &str, error: &ValueError) -> Error {
    Error::Invalid(FieldError::new(flag, error).into())
}

/// The expiry of a key: a time, or a duration from now such as `90d` or `1y`, in UTC calendar units.
fn expiry(text: &str, now: Timestamp) -> Result<RecordTime, ValueError> {
    let expires_at = match text.parse::<Span>() {
        Ok(span) => {
            let time = now
                .to_zoned(TimeZone::UTC)
                .checked_add(span)
                .map_err(|_| ValueError::OutOfRange { range: "before the year 9999" })?;
            RecordTime::new(time.timestamp())?
        }
        Err(_) => text.parse().map_err(|_| ValueError::BadFormat {
            expected: "a duration such as 90d, or a time such as 2027-01-02T03:04:05Z",
        })?,
    };
    if expires_at.timestamp() > now {
        Ok(expires_at)
    } else {
        Err(ValueError::OutOfRange { range: "in the future" })
    }
}

/// The given actor, or the login name of this process from the system's user database. Environment
/// variables such as `USER` are not used, because the caller controls them.
///
/// The login name is prefixed with `cli:`, so that it cannot be mistaken for a user id of the control
/// plane.
pub(in crate::cmd) fn actor_or_login(by: Option<Actor>) -> Result<Actor, Error> {
    if let Some(by) = by {
        return Ok(by);
    }
    let login = whoami::username().map_err(|source| Error::Failed {
        code: "no_login_name",
        detail: "cannot determine the login name of this process".to_owned(),
        source: Some(source.into()),
        hint: Some("set the actor with --actor, as user:ana"),
    })?;
    Actor::user(&format!("cli:{login}")).map_err(|error| invalid("--actor", &error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expiry_is_a_duration_or_a_future_time() {
        let now: Timestamp = "2026-03-08T12:00:00Z".parse().unwrap();
        let expiry = |text: &str| expiry(text, now).map(|time| time.to_string());
        for (text, expected) in [
            ("90d", "2026-06-06T12:00:00.000000Z"),
            ("2w", "2026-03-22T12:00:00.000000Z"),
            ("1y", "2027-03-08T12:00:00.000000Z"),
            ("36h", "2026-03-10T00:00:00.000000Z"),
            ("2027-01-02T03:04:05+01:00", "2027-01-02T02:04:05.000000Z"),
        ] {
            assert_eq!(expiry(text).as_deref(), Ok(expected), "{text}");
        }
        let past = Err(ValueError::OutOfRange { range: "in the future" });
        for text in ["0d", "-1d", "1d ago", "2026-03-08T12:00:00Z", "2020-01-01T00:00:00Z"] {
            assert_eq!(expiry(text), past, "{text}");
        }
        for text in ["", "90", "soon", "2027-01-02", "9000y", "99999y"] {
            assert!(expiry(text).is_err(), "{text}");
        }
    }
}
