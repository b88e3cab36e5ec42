//! Converts flags to requests to the store.

use auditrail_core::{
    ActionFilter, Actor, FieldError, KeepDays, NewRetentionRule, RetentionRuleId, TenantId,
    ValidationErrors, ValueError,
};

use crate::cli::{RetentionRemoveArgs, RetentionSetArgs};
use crate::cmd::flags::parse_flag;
use crate::cmd::key::actor_or_login;
use crate::error::Error;

/// The rule to set, and the actor of the audit record.
pub(super) fn to_set(args: &RetentionSetArgs) -> Result<(NewRetentionRule, Actor), Error> {
    let mut errors = Vec::new();
    let tenant_id =
        parse_flag(&mut errors, "--tenant", args.tenant.as_ref(), str::parse::<TenantId>);
    let action =
        parse_flag(&mut errors, "--action", args.action.as_ref(), str::parse::<ActionFilter>);
    let keep_days = parse_flag(&mut errors, "--keep", Some(&args.keep), keep).flatten();
    let by = parse_flag(&mut errors, "--actor", args.actor.as_ref(), str::parse::<Actor>);
    match ValidationErrors::new(errors) {
        Some(errors) => Err(Error::Invalid(errors)),
        None => Ok((NewRetentionRule { tenant_id, action, keep_days }, actor_or_login(by)?)),
    }
}

/// The id of the rule to remove, and the actor of the audit record.
pub(super) fn to_remove(args: &RetentionRemoveArgs) -> Result<(RetentionRuleId, Actor), Error> {
    let mut errors = Vec::new();
    let by = actor(&mut errors, args.actor.as_ref());
    let id = parse_flag(&mut errors, "ID", Some(&args.id), str::parse::<RetentionRuleId>);
    match (id, ValidationErrors::new(errors)) {
        (Some(id), None) => Ok((id, actor_or_login(by)?)),
        (_, Some(errors)) => Err(Error::Invalid(errors)),
        (None, None) => Err(Error::Usage("ID is missing".to_owned())),
    }
}

/// The actor of a flag, if it is given.
pub(super) fn actor(errors: &mut Vec<FieldError>, value: Option<&String>) -> Option<Actor> {
    parse_flag(errors, "--actor", value, str::parse::<Actor>)
}

/// How long records are kept; `None` for ever.
fn keep(text: &str) -> Result<Option<KeepDays>, ValueError> {
    const FORMAT: ValueError =
        ValueError::BadFormat { expected: "a time such as 400d, 52w or 7y, or forever" };
    if text == "forever" {
        return Ok(None);
    }
    let unit = match text.bytes().last() {
        Some(b'd') => 1,
        Some(b'w') => 7,
        Some(b'y') => 365,
        _ => return Err(FORMAT),
    };
    let digits = &text[..text.len() - 1];
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(FORMAT);
    }
    let days = digits.parse::<i64>().unwrap_or(i64::MAX).saturating_mul(unit);
    KeepDays::new(days).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_days_weeks_or_years() {
        for (text, days) in [("7d", 7), ("400d", 400), ("2w", 14), ("7y", 2_555), ("100y", 36_500)]
        {
            assert_eq!(keep(text).unwrap().unwrap().get(), days, "{text}");
        }
        assert_eq!(keep("forever"), Ok(None));
        for text in [
            "",
            "d",
            "400",
            "6d",
            "0y",
            "-7d",
            "+7d",
            "1.5y",
            "101y",
            "7 d",
            "99999999999999999999d",
        ] {
            assert!(keep(text).is_err(), "{text}");
        }
    }
}
