//! Removes archives of records that stayed.
//!
//! The list of removals decides: an archive is removed only if no removal refers to it. The outcome of a commit may be
//! unknown to the process that sent it, and a transaction of a process that was suspended, or whose connection is lost,
//! may commit later. So each transaction that removes records [locks the row of its run](ledger::lock) until its
//! commit is visible, and looks only then whether its archive is there; and archives are removed under the same lock.
//! What cannot be looked up is kept: the run then stays without a record, and the next one looks again.

use std::collections::HashSet;

use uuid::Uuid;

use super::error::RetentionError;
use super::ledger;
use super::session::Session;
use crate::archive::{ArchiveDir, blocking};

/// How long to wait for a transaction that may still refer to an archive.
const LOCK_TIMEOUT: &str = "2s";

/// Removes the archives of a run to which no removal refers, and returns their names. A run that has its record, or
/// was forgotten, has none.
///
/// # Errors
/// [Of a lock](RetentionError::is_lock_timeout) when a transaction that may still refer to one is open.
pub(super) async fn remove(
    db: &mut Session,
    dir: &ArchiveDir,
    run_id: Uuid,
) -> Result<HashSet<String>, RetentionError> {
    let start = format!("begin; set local lock_timeout = '{LOCK_TIMEOUT}'");
    db.execute("look for unused archives", start).await?;
    let removed = remove_locked(db, dir, run_id).await;
    // Nothing was written.
    drop(db.execute("unlock a run of retention", "rollback".to_owned()).await);
    removed
}

async fn remove_locked(
    db: &mut Session,
    dir: &ArchiveDir,
    run_id: Uuid,
) -> Result<HashSet<String>, RetentionError> {
    if !ledger::lock(db, run_id).await? {
        return Ok(HashSet::new());
    }
    let used = ledger::archives(db, run_id).await?;
    let dir = dir.clone();
    let remove = move || {
        let mut removed = HashSet::new();
        for name in dir.of_run(run_id)? {
            if !used.contains(&name.to_string()) {
                dir.remove(name)?;
                removed.insert(name.to_string());
            }
        }
        Ok(removed)
    };
    Ok(blocking(remove).await?)
}
