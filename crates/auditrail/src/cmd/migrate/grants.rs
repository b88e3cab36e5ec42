//! `migrate grants`: the rights of each role, as SQL.

use auditrail_core::ValidationErrors;
use auditrail_store::grants::{self, RoleName, Roles};
use serde_json::json;

use crate::cli::GrantsArgs;
use crate::cmd::Context;
use crate::cmd::flags::read;
use crate::error::Error;
use crate::exit::Exit;

/// Prints the statements for the roles that are named, or for the usual ones.
pub(super) fn run(cx: &Context, args: &GrantsArgs) -> Result<Exit, Error> {
    let mut wrong = Vec::new();
    let mut role =
        |flag, name: &Option<String>| read(&mut wrong, flag, name.as_ref(), str::parse::<RoleName>);
    let named = Roles {
        writer: role("--writer", &args.writer),
        reader: role("--reader", &args.reader),
        service: role("--service", &args.service),
    };
    if let Some(errors) = ValidationErrors::new(wrong) {
        return Err(Error::Invalid(errors));
    }
    let roles = if named == Roles::default() { Roles::usual() } else { named };
    let sql = grants::sql(&roles);
    if cx.output.json {
        cx.output.document(&json!({"sql": sql}))?
    } else {
        cx.output.text(&sql)?
    }
    Ok(Exit::Done)
}
