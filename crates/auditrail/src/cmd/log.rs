//! `log`: one record.

use auditrail_core::{
    Action, Actor, AuditLogService, CreateInput, Created, FieldError, Metadata, RecordId,
    RecordTime, RequestContext, RequestId, Target, TenantId, UserAgent, ValidationErrors,
    ValueError, parse_address,
};

use super::Context;
use super::flags::read;
use super::record_view::print_record;
use crate::cli::LogArgs;
use crate::clock;
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
    Ok(Exit::Done)
}

/// Reads every flag, and reports every wrong one.
fn input(args: &LogArgs) -> Result<CreateInput, ValidationErrors> {
    let mut wrong = Vec::new();
    let actor = read(&mut wrong, "--actor", Some(&args.actor), str::parse::<Actor>);
    let action = read(&mut wrong, "--action", Some(&args.action), str::parse::<Action>);
    let target = read(&mut wrong, "--target", Some(&args.target), str::parse::<Target>);
    let metadata = read(&mut wrong, "--metadata", args.metadata.as_ref(), str::parse::<Metadata>);
    let context = RequestContext {
        ip_address: read(&mut wrong, "--ip", args.ip.as_ref(), parse_address),
        user_agent: read(
            &mut wrong,
            "--user-agent",
            args.user_agent.as_ref(),
            str::parse::<UserAgent>,
        ),
        request_id: read(
            &mut wrong,
            "--request-id",
            args.request_id.as_ref(),
            str::parse::<RequestId>,
        ),
    };
    let tenant_id = read(&mut wrong, "--tenant", args.tenant.as_ref(), str::parse::<TenantId>);
    let id = read(&mut wrong, "--id", args.id.as_ref(), str::parse::<RecordId>);
    let created_at = read(&mut wrong, "--at", args.at.as_ref(), |text| {
        let time: RecordTime = text.parse()?;
        time.check_not_in_future(clock::now())?;
        Ok(time)
    });
    if let Some(errors) = ValidationErrors::new(wrong) {
        return Err(errors);
    }
    let (Some(actor), Some(action), Some(target)) = (actor, action, target) else {
        // All three are required flags, so a missing one has been reported.
        return Err(FieldError::new("", &ValueError::Empty).into());
    };
    Ok(CreateInput { id, actor, action, target, metadata, context, tenant_id, created_at })
}
