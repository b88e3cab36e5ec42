//! `log`: writes one record.

use auditrail_core::{
    Action, Actor, ActorName, AuditLogService, CreateInput, Created, FieldError, Metadata, Outcome,
    RecordId, RecordTime, RequestContext, RequestId, Target, TargetName, TenantId, UserAgent,
    ValidationErrors, ValueError, parse_address,
};

use super::flags::parse_flag;
use super::record_view::print_record;
use crate::cli::LogArgs;
use crate::clock;
use crate::context::Context;
use crate::error::Error;
use crate::exit::Exit;

/// Writes the record and prints it.
pub(super) fn run(cx: &Context, args: &LogArgs) -> Result<Exit, Error> {
    let input = input(args).map_err(Error::Invalid)?;
    let created = cx.with_database(async |database| {
        let log = database.log().await?;
        Ok(log.create(input).await?)
    })?;
    if let Created::Duplicate(_) = &created {
        cx.output.note("already exists: a record with the same id and content");
    }
    if cx.output.json {
        cx.output.document(created.record())?
    } else {
        print_record(cx.output, created.record())?
    }
    Ok(Exit::Success)
}

/// Parses the flags; the error lists all invalid values.
fn input(args: &LogArgs) -> Result<CreateInput, ValidationErrors> {
    let mut errors = Vec::new();
    let actor = parse_flag(&mut errors, "--actor", Some(&args.actor), str::parse::<Actor>);
    let action = parse_flag(&mut errors, "--action", Some(&args.action), str::parse::<Action>);
    let target = parse_flag(&mut errors, "--target", Some(&args.target), str::parse::<Target>);
    let metadata =
        parse_flag(&mut errors, "--metadata", args.metadata.as_ref(), str::parse::<Metadata>);
    let context = RequestContext {
        ip_address: parse_flag(&mut errors, "--ip", args.ip.as_ref(), parse_address),
        user_agent: parse_flag(
            &mut errors,
            "--user-agent",
            args.user_agent.as_ref(),
            str::parse::<UserAgent>,
        ),
        request_id: parse_flag(
            &mut errors,
            "--request-id",
            args.request_id.as_ref(),
            str::parse::<RequestId>,
        ),
    };
    let tenant_id =
        parse_flag(&mut errors, "--tenant", args.tenant.as_ref(), str::parse::<TenantId>);
    let outcome =
        parse_flag(&mut errors, "--outcome", args.outcome.as_ref(), str::parse::<Outcome>);
    let actor_name =
        parse_flag(&mut errors, "--actor-name", args.actor_name.as_ref(), str::parse::<ActorName>);
    let target_name = parse_flag(
        &mut errors,
        "--target-name",
        args.target_name.as_ref(),
        str::parse::<TargetName>,
    );
    let id = parse_flag(&mut errors, "--id", args.id.as_ref(), str::parse::<RecordId>);
    let created_at = parse_flag(&mut errors, "--at", args.at.as_ref(), |text| {
        let time: RecordTime = text.parse()?;
        time.check_not_in_future(clock::now())?;
        Ok(time)
    });
    if let Some(errors) = ValidationErrors::new(errors) {
        return Err(errors);
    }
    let (Some(actor), Some(action), Some(target)) = (actor, action, target) else {
        // Unreachable: the three flags are required, and parse errors were returned above.
        return Err(FieldError::new("", &ValueError::Empty).into());
    };
    Ok(CreateInput {
        id,
        actor,
        action,
        target,
        metadata,
        context,
        tenant_id,
        created_at,
        outcome,
        actor_name,
        target_name,
    })
}
