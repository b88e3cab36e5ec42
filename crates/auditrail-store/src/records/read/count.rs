//! Counts matches.

use serde::Deserialize;
use sqlx::types::Json;

use super::conditions::Conditions;
use crate::db::Db;
use crate::error::StoreError;
use crate::sql::Sql;
use crate::value::FromValue;

/// The exact number of matches. Reads every match.
pub(in crate::records) async fn exact(
    db: Db<'_>,
    conditions: &Conditions<'_>,
) -> Result<u64, StoreError> {
    let mut sql = Sql::new("select count(*)").unprepared();
    conditions.push_from_where(&mut sql);
    let count: i64 =
        scalar(db, &sql).await.map_err(StoreError::while_trying_to("count records"))?;
    Ok(u64::try_from(count).unwrap_or(0))
}

/// The estimate of the planner, from the statistics of the last ANALYZE. Fast, but may be far off.
pub(in crate::records) async fn estimated(
    db: Db<'_>,
    conditions: &Conditions<'_>,
) -> Result<u64, StoreError> {
    let mut sql = Sql::new("explain (format json) select 1").unprepared();
    conditions.push_from_where(&mut sql);
    let Json(plans): Json<Vec<Explained>> = scalar(db, &sql)
        .await
        .map_err(StoreError::while_trying_to("estimate a number of records"))?;
    Ok(plans.first().map_or(0, |explained| explained.plan.rows))
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
