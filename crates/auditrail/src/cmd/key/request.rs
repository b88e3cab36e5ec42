//! From flags to what is asked of the store.

use auditrail_core::{
    Actor, ApiKeyEnv, ApiKeyId, ApiKeyName, FieldError, NewApiKey, RecordTime, Scope, ScopeSet,
    TenantId, ValidationErrors, ValueError,
};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};

use crate::cli::{KeyCreateArgs, KeyRevokeArgs};
use crate::cmd::flags::read;
use crate::error::Error;

/// The key to make, and who makes it.
pub(super) fn to_create(args: &KeyCreateArgs, now: Timestamp) -> Result<(NewApiKey, Actor), Error> {
    let mut wrong = Vec::new();
    let parse = str::parse::<Scope>;
    let scopes: Vec<Scope> = args
        .scopes
        .iter()
        .filter_map(|text| read(&mut wrong, "--scope", Some(text), parse))
        .collect();
    let tenant_id = read(&mut wrong, "--tenant", args.tenant.as_ref(), str::parse::<TenantId>);
    let name = read(&mut wrong, "--name", args.name.as_ref(), str::parse::<ApiKeyName>);
    let expires_at = read(&mut wrong, "--expires", args.expires.as_ref(), |text| end(text, now));
    let env = read(&mut wrong, "--env", Some(&args.env), str::parse::<ApiKeyEnv>);
    let by = read(&mut wrong, "--actor", args.actor.as_ref(), str::parse::<Actor>);
    if let Some(errors) = ValidationErrors::new(wrong) {
        return Err(Error::Invalid(errors));
    }
    let scopes = ScopeSet::new(scopes).map_err(|error| invalid("--scope", &error))?;
    let env = env.unwrap_or_default();
    Ok((NewApiKey { env, name, scopes, tenant_id, expires_at }, by_or_login(by)?))
}

/// The key to revoke, and who revokes it.
pub(super) fn to_revoke(args: &KeyRevokeArgs) -> Result<(ApiKeyId, Actor), Error> {
    let mut wrong = Vec::new();
    let id = read(&mut wrong, "ID", Some(&args.id), str::parse::<ApiKeyId>);
    let by = read(&mut wrong, "--actor", args.actor.as_ref(), str::parse::<Actor>);
    match (id, ValidationErrors::new(wrong)) {
        (Some(id), None) => Ok((id, by_or_login(by)?)),
        (_, Some(errors)) => Err(Error::Invalid(errors)),
        (None, None) => Err(invalid("ID", &ValueError::Empty)),
    }
}

fn invalid(flag: &str, error: &ValueError) -> Error {
    Error::Invalid(FieldError::new(flag, error).into())
}

/// The end of a key: a moment, or `90d` and `1y` from now by the calendar of UTC.
fn end(text: &str, now: Timestamp) -> Result<RecordTime, ValueError> {
    let end = match text.parse::<Span>() {
        Ok(span) => {
            let end = now.to_zoned(TimeZone::UTC).checked_add(span);
            let end = end.map_err(|_| ValueError::OutOfRange { range: "before the year 9999" })?;
            RecordTime::new(end.timestamp())?
        }
        Err(_) => text.parse().map_err(|_| ValueError::BadFormat {
            expected: "a length of time such as 90d, or a time such as 2027-01-02T03:04:05Z",
        })?,
    };
    match end.timestamp() > now {
        true => Ok(end),
        false => Err(ValueError::OutOfRange { range: "in the future" }),
    }
}

/// Whoever is named, or the login name of this process, from the system's own user database: `USER`
/// and its like say what their caller wants them to say.
///
/// With `cli:` before it, because that name is not of the same kind as the user ids of the control
/// plane and must not be taken for one.
pub(in crate::cmd) fn by_or_login(by: Option<Actor>) -> Result<Actor, Error> {
    if let Some(by) = by {
        return Ok(by);
    }
    let login = whoami::username().map_err(|source| Error::Failed {
        code: "no_login_name",
        detail: "the system has no name for the user of this process".to_owned(),
        source: Some(source.into()),
        hint: Some("say who it is with --actor, as user:ana"),
    })?;
    Actor::user(&format!("cli:{login}")).map_err(|error| invalid("--actor", &error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_a_length_of_time_or_a_moment_and_never_past() {
        let now: Timestamp = "2026-03-08T12:00:00Z".parse().unwrap();
        let end = |text: &str| end(text, now).map(|time| time.to_string());
        for (text, expected) in [
            ("90d", "2026-06-06T12:00:00.000000Z"),
            ("2w", "2026-03-22T12:00:00.000000Z"),
            ("1y", "2027-03-08T12:00:00.000000Z"),
            ("36h", "2026-03-10T00:00:00.000000Z"),
            ("2027-01-02T03:04:05+01:00", "2027-01-02T02:04:05.000000Z"),
        ] {
            assert_eq!(end(text).as_deref(), Ok(expected), "{text}");
        }
        let past = Err(ValueError::OutOfRange { range: "in the future" });
        for text in ["0d", "-1d", "1d ago", "2026-03-08T12:00:00Z", "2020-01-01T00:00:00Z"] {
            assert_eq!(end(text), past, "{text}");
        }
        for text in ["", "90", "soon", "2027-01-02", "9000y", "99999y"] {
            assert!(end(text).is_err(), "{text}");
        }
    }
}
