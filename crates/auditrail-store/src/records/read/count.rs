//! Counts matches.

use auditrail_core::{Total, TotalRelation};
use serde::Deserialize;
use sqlx::types::Json;

use super::conditions::Conditions;
use crate::db::Db;
use crate::error::StoreError;
use crate::sql::Sql;
use crate::value::FromValue;

/// Where [`bounded`] stops: an index of one tenant counts so many in milliseconds.
const BOUND: i64 = 10_000;

/// The exact number of matches. Reads every match.
pub(in crate::records) async fn exact(
    db: Db<'_>,
    conditions: &Conditions<'_>,
) -> Result<Total, StoreError> {
    let mut sql = Sql::new("select count(*)").unprepared();
    conditions.push_from_where(&mut sql);
    Ok(Total { count: count(db, &sql).await?, relation: TotalRelation::Exact })
}

/// The exact number of matches up to [`BOUND`]. Reads no more matches than that.
pub(in crate::records) async fn bounded(
    db: Db<'_>,
    conditions: &Conditions<'_>,
) -> Result<Total, StoreError> {
    let mut sql = Sql::new("select count(*) from (select 1").unprepared();
    conditions.push_from_where(&mut sql);
    sql.push(" limit ").push_bind(BOUND + 1).push(") as matches");
    let bound = BOUND.unsigned_abs();
    Ok(match count(db, &sql).await? {
        count if count <= bound => Total { count, relation: TotalRelation::Exact },
        _ => Total { count: bound, relation: TotalRelation::AtLeast },
    })
}

async fn count(db: Db<'_>, sql: &Sql) -> Result<u64, StoreError> {
    let count: i64 = scalar(db, sql).await.map_err(StoreError::while_trying_to("count records"))?;
    Ok(u64::try_from(count).unwrap_or(0))
}

/// The estimate of the planner, from the statistics of the last ANALYZE. Fast, but may be far off.
pub(in crate::records) async fn estimated(
    db: Db<'_>,
    conditions: &Conditions<'_>,
) -> Result<Total, StoreError> {
    let mut sql = Sql::new("explain (format json) select 1").unprepared();
    conditions.push_from_where(&mut sql);
    let Json(plans): Json<Vec<Explained>> = scalar(db, &sql)
        .await
        .map_err(StoreError::while_trying_to("estimate a number of records"))?;
    let count = plans.first().map_or(0, |explained| explained.plan.rows);
    Ok(Total { count, relation: TotalRelation::Estimated })
}

/// The only value of the only row.
async fn scalar<T: for<'r> FromValue<'r>>(mut db: Db<'_>, sql: &Sql) -> Result<T, sqlx::Error> {
    let rows = db.fetch(sql).await?;
    rows.first().ok_or(sqlx::Error::RowNotFound)?.get(0)
}

#[derive(Deserialize)]
struct Explained {
    #[serde(rename = "Plan")]
    plan: Plan,
}

#[derive(Deserialize)]
struct Plan {
    #[serde(rename = "Plan Rows")]
    rows: u64,
}
