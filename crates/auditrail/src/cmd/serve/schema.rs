//! The schema, before the service answers.

use crate::cmd::Context;
use crate::cmd::migrate::Report;
use crate::database::Database;
use crate::error::Error;

/// Migrates the private database, and any other when that was asked for; otherwise makes sure that
/// nothing is pending and that the history is sound.
pub(super) async fn prepare(cx: &Context, database: &Database, migrate: bool) -> Result<(), Error> {
    let runner = database.runner(cx.settings.lock_timeout).await?;
    if migrate || database.is_private() {
        let mut report = Report::new(cx.output, "applying");
        runner.up(None, &mut |event| report.tell(event)).await?;
        return Ok(());
    }
    let status = runner.status().await?;
    if let Some(problem) = status.problems.first() {
        return Err(Error::Unsound { detail: problem.to_string() });
    }
    match status.pending() {
        0 => Ok(()),
        pending => Err(Error::Pending {
            detail: format!("{pending} migrations are pending in {}", database.shown()),
        }),
    }
}
