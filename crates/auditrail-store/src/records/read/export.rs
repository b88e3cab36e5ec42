//! Streams every match.

use auditrail_core::{Filters, Record};
use futures_util::stream::{self, Stream, TryStreamExt};
use sqlx::{PgPool, PgTransaction};

use super::conditions::Conditions;
use crate::db::Db;
use crate::error::StoreError;
use crate::records::columns::{self, column_list};
use crate::snapshot::begin_snapshot;
use crate::sql::Sql;

/// Records per batch; with the largest metadata in each they take 16 MiB.
const BATCH: usize = 250;

const FETCH: &str = "fetch forward 250 from auditrail_export";

/// Streams the matches, oldest first.
///
/// Uses a server-side cursor instead of one long result: a reader that stops early costs one batch instead
/// of draining the rest, the server sends nothing ahead, and its `statement_timeout` applies to a batch
/// instead of the whole export.
pub(in crate::records) fn stream(
    pool: PgPool,
    filters: Filters,
) -> impl Stream<Item = Result<Record, StoreError>> + Send + 'static {
    let batches = stream::try_unfold(State::New(pool, Box::new(filters)), |state| async {
        let mut tx = match state {
            State::New(pool, filters) => open(&pool, &filters).await?,
            State::Open(tx) => tx,
            State::Ended => return Ok(None),
        };
        let batch = fetch(&mut tx).await?;
        if batch.len() == BATCH {
            return Ok(Some((batch, State::Open(tx))));
        }
        tx.commit().await.map_err(StoreError::while_trying_to("end an export"))?;
        Ok(Some((batch, State::Ended)))
    });
    batches.map_ok(|batch| stream::iter(batch.into_iter().map(Ok))).try_flatten()
}

enum State {
    New(PgPool, Box<Filters>),
    Open(PgTransaction<'static>),
    Ended,
}

/// Opens the cursor in a new transaction.
async fn open(pool: &PgPool, filters: &Filters) -> Result<PgTransaction<'static>, StoreError> {
    let mut tx = pool
        .begin_with(begin_snapshot!())
        .await
        .map_err(StoreError::while_trying_to("start an export"))?;
    let filters = filters.simplified();
    let conditions = Conditions::of(Db::from(&mut *tx), &filters).await?.with_all_intents();
    Db::from(&mut *tx)
        .fetch(&statement(&conditions))
        .await
        .map_err(StoreError::while_trying_to("open an export"))?;
    Ok(tx)
}

fn statement(conditions: &Conditions<'_>) -> Sql {
    let mut sql =
        Sql::new(concat!("declare auditrail_export no scroll cursor for select ", column_list!()))
            .unprepared();
    conditions.push_from_where(&mut sql);
    sql.push(" order by created_at, id");
    sql
}

async fn fetch(tx: &mut PgTransaction<'_>) -> Result<Vec<Record>, StoreError> {
    Db::from(&mut **tx)
        .fetch(&Sql::new(FETCH))
        .await
        .map_err(StoreError::while_trying_to("read an export"))?
        .iter()
        .map(columns::record)
        .collect()
}
