//! Validates an input that was not parsed from JSON.

use jiff::Timestamp;

use super::CreateInput;
use crate::action::Action;
use crate::context::RequestContext;
use crate::error::{FieldError, ValidationErrors, ValueError};
use crate::metadata::Metadata;
use crate::target::{Target, TargetType};
use crate::text::{ActorId, ActorName, RequestId, TargetId, TargetName, TenantId, UserAgent};
use crate::time::RecordTime;

impl CreateInput {
    /// Checks every rule of new records, for inputs that were built and not parsed: their text may come from
    /// `from_stored`, and their time may be in the future.
    ///
    /// The verdict is that of [`from_json`](Self::from_json) on the serialized input, without the cost of it.
    ///
    /// # Errors
    /// Every invalid field, in the order of the columns.
    ///
    /// ```
    /// use auditrail_core::{Action, Actor, ActorId, CreateInput, ErrorCode};
    ///
    /// let actor = Actor::User(ActorId::from_stored(""));
    /// let input = CreateInput::new(actor, Action::ProjectCreated, "project:p1".parse()?);
    /// let errors = input.validate("2026-01-02T03:04:05Z".parse()?).unwrap_err();
    /// assert_eq!(errors.as_slice()[0].pointer, "/actor_id");
    /// assert_eq!(errors.as_slice()[0].code, ErrorCode::Empty);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn validate(&self, now: Timestamp) -> Result<(), ValidationErrors> {
        // Every value of these types is valid: id, ip_address and outcome.
        let Self {
            id: _,
            actor,
            action,
            target: Target { target_type, target_id },
            metadata,
            context: RequestContext { ip_address: _, user_agent, request_id },
            tenant_id,
            created_at,
            outcome: _,
            actor_name,
            target_name,
        } = self;
        let checks = [
            ("/actor_id", ActorId::check(actor.id())),
            ("/action", Action::check(action.as_str())),
            ("/target_type", TargetType::check(target_type.as_str())),
            ("/target_id", TargetId::check(target_id.as_str())),
            ("/metadata", metadata.as_ref().map_or(Ok(()), Metadata::check)),
            ("/user_agent", text(user_agent.as_ref(), UserAgent::check)),
            ("/created_at", time(*created_at, now)),
            ("/tenant_id", text(tenant_id.as_ref(), TenantId::check)),
            ("/request_id", text(request_id.as_ref(), RequestId::check)),
            ("/actor_name", text(actor_name.as_ref(), ActorName::check)),
            ("/target_name", text(target_name.as_ref(), TargetName::check)),
        ];
        let errors = checks.into_iter().filter_map(|(pointer, result)| {
            result.err().map(|error| FieldError::new(pointer, &error))
        });
        ValidationErrors::new(errors.collect()).map_or(Ok(()), Err)
    }
}

fn text<T: AsRef<str>>(
    value: Option<&T>,
    check: impl FnOnce(&str) -> Result<(), ValueError>,
) -> Result<(), ValueError> {
    value.map_or(Ok(()), |value| check(value.as_ref()))
}

fn time(value: Option<RecordTime>, now: Timestamp) -> Result<(), ValueError> {
    value.map_or(Ok(()), |time| time.check_not_in_future(now))
}
