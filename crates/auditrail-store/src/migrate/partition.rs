//! Partitions a new or small table after the migrations, and otherwise says what to run.

use std::time::Duration;

use auditrail_core::Backoff;
use sqlx::PgConnection;
use tokio::time::{Instant, sleep};

use super::error::MigrateError;
use super::runner::{Run, Runner};
use super::session::ATTEMPT;
use crate::partitions::{self, Adoption, PartitionError};

/// The pauses between attempts. They need no jitter: one runner at a time retries.
const BACKOFF: Backoff = Backoff::new(Duration::from_millis(50), Duration::from_secs(2));

const TOO_LARGE: &str = "control_plane.audit_logs is not partitioned and has many records; \
    `auditrail partition adopt` partitions it while records are written";

impl Runner {
    /// Whether the newest version of the log's schema is the target, and its table is plain, so that
    /// [`adopt`] has something to do or to report. False for a role that does not own the table.
    pub(super) async fn is_adoption_due(
        &self,
        db: &mut PgConnection,
        target: i64,
    ) -> Result<bool, MigrateError> {
        if !self.is_log() || target != self.set.latest() {
            return Ok(false);
        }
        partitions::is_plain_and_owned(db)
            .await
            .map_err(MigrateError::while_trying_to("read the partitions"))
    }

    fn is_log(&self) -> bool {
        self.set.schema() == "control_plane"
    }
}

/// Partitions the table if it is small. Returns why it is still plain, and what to do.
///
/// A failure is no failure of the migrations, which are applied: the plain table works.
pub(super) async fn adopt(run: &mut Run<'_>) -> Result<Option<String>, MigrateError> {
    let started = Instant::now();
    let mut attempts = 0;
    loop {
        let left = run.lock_timeout.saturating_sub(started.elapsed());
        let error = match partitions::adopt_small(&mut run.connection, ATTEMPT.min(left)).await {
            Ok(Adoption::Done | Adoption::AlreadyPartitioned) => return Ok(None),
            Ok(Adoption::TooLarge) => return Ok(Some(TOO_LARGE.to_owned())),
            Err(PartitionError::Unreachable { cause }) => {
                return Err(MigrateError::Unreachable { cause });
            }
            Err(error) => error,
        };
        if !error.is_lock_failure() || left.is_zero() {
            return Ok(Some(reason(&error)));
        }
        attempts += 1;
        sleep(BACKOFF.pause(attempts, 1.0).min(left)).await;
    }
}

/// The message of an error with those of its sources.
fn reason(error: &PartitionError) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}
