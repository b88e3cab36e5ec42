//! `migrate grants`: prints the privileges of each role as SQL.

use auditrail_core::ValidationErrors;
use auditrail_store::grants::{self, RoleName, Roles};
use serde_json::json;

use crate::cli::GrantsArgs;
use crate::cmd::flags::parse_flag;
use crate::context::Context;
use crate::error::Error;
use crate::exit::Exit;

/// Prints the statements for the given roles, or for the default ones.
pub(super) fn run(cx: &Context, args: &GrantsArgs) -> Result<Exit, Error> {
    let mut errors = Vec::new();
    let mut role = |flag, name: &Option<String>| {
        parse_flag(&mut errors, flag, name.as_ref(), str::parse::<RoleName>)
    };
    let given = Roles {
        writer: role("--writer", &args.writer),
        reader: role("--reader", &args.reader),
        service: role("--service", &args.service),
    };
    if let Some(errors) = ValidationErrors::new(errors) {
        return Err(Error::Invalid(errors));
    }
    let roles = if given == Roles::default() { Roles::usual() } else { given };
    let sql = if args.create_roles { grants::sql_with_roles(&roles) } else { grants::sql(&roles) };
    if cx.output.json {
        cx.output.document(&json!({"sql": sql}))?
    } else {
        cx.output.text(&sql)?
    }
    Ok(Exit::Success)
}
