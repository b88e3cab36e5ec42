//! The clock of the server, which all processes that change partitions share.

use std::time::Duration;

use sqlx::PgConnection;

use super::bound::Bound;

/// The bound of the present millisecond.
pub(super) async fn now(db: &mut PgConnection) -> Result<Bound, sqlx::Error> {
    let ms: i64 =
        sqlx::query_scalar("select floor(extract(epoch from clock_timestamp()) * 1000)::int8")
            .fetch_one(db)
            .await?;
    Ok(Bound::from_unix_ms(ms.unsigned_abs()))
}

impl Bound {
    /// The bound of a later millisecond.
    pub(super) fn plus(self, duration: Duration) -> Self {
        let ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        Self::from_unix_ms(self.unix_ms().saturating_add(ms))
    }
}
