//! How many records match.

use serde::Deserialize;
use sqlx::types::Json;
use sqlx::{PgConnection, QueryBuilder};

use super::filters::Conditions;
use crate::error::StoreError;

/// Counts every match, which reads every match.
pub(super) async fn exact(
    db: &mut PgConnection,
    conditions: &Conditions<'_>,
) -> Result<u64, StoreError> {
    let mut sql = QueryBuilder::new("select count(*)");
    conditions.push_from_where(&mut sql);
    let count: i64 = sql
        .build_query_scalar()
        .persistent(false)
        .fetch_one(db)
        .await
        .map_err(StoreError::while_trying_to("count records"))?;
    Ok(u64::try_from(count).unwrap_or(0))
}

/// What the planner expects, from the statistics of the last ANALYZE. Quick, and can be far off.
pub(super) async fn estimated(
    db: &mut PgConnection,
    conditions: &Conditions<'_>,
) -> Result<u64, StoreError> {
    let mut sql = QueryBuilder::new("explain (format json) select 1");
    conditions.push_from_where(&mut sql);
    let Json(plans): Json<Vec<Explained>> = sql
        .build_query_scalar()
        .persistent(false)
        .fetch_one(db)
        .await
        .map_err(StoreError::while_trying_to("estimate a number of records"))?;
    Ok(plans.first().map_or(0, |explained| explained.plan.rows))
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
