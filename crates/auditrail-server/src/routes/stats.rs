//! `GET /v1/audit-logs/stats`: counts matching records.

use auditrail_store::{
    ActionCount, ActorCount, BucketCount, Interval, Summary, SummaryOptions, TargetCount,
};
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::extract::{QueryParams, Reader, RequestOrigin};
use crate::json::Json;
use crate::limits::STATS_TOP;
use crate::openapi::{FilterParams, IntervalSchema, StatsParams};
use crate::problem::{Problem, ProblemSchema, in_parameter};
use crate::self_audit::{ReadOperation, record_read};

/// Counts matching records by time, actor, action and target.
///
/// Large results are truncated to the newest records: about 25,000 when an index serves a filter,
/// 100,000 by time otherwise; see `truncated` and `since`. Use a time range to count older records,
/// or an export to get all of them.
#[utoipa::path(
    get,
    path = "/v1/audit-logs/stats",
    tag = "audit logs",
    security(("bearer" = ["read"])),
    params(FilterParams, StatsParams),
    responses(
        (status = 200, description = "Counts", body = Stats),
        (status = "default", description = "Error (RFC 9457)", body = ProblemSchema,
         content_type = "application/problem+json"),
    )
)]
pub(super) async fn stats(
    reader: Reader,
    State(app): State<App>,
    origin: RequestOrigin,
    mut params: QueryParams,
) -> Result<Json<Stats>, Problem> {
    let interval = interval(&mut params)?;
    let filters = params.filters(reader.principal())?;
    record_read(&app, reader.principal(), origin, ReadOperation::Stats(&filters)).await?;
    let options = SummaryOptions { top: STATS_TOP, interval, recent: true };
    let summary = app.log().summary(&filters, options).await?;
    Ok(Json(summary.into()))
}

fn interval(params: &mut QueryParams) -> Result<Option<Interval>, Problem> {
    let interval = params.take("interval").map(|text| text.parse()).transpose();
    interval.map_err(|error| in_parameter("interval", &error))
}

/// Counts of the matching records.
#[derive(Serialize, ToSchema)]
pub(super) struct Stats {
    /// Number of records counted.
    total: u64,
    /// Whether older matching records were left out.
    truncated: bool,
    /// Start of the counted time range; `null` if every match was counted.
    #[schema(format = "date-time")]
    since: Option<String>,
    #[schema(inline)]
    interval: IntervalSchema,
    /// The latest 366 non-empty buckets, earliest first.
    buckets: Vec<Bucket>,
    /// The 20 most frequent actors, most records first.
    actors: Vec<ActorStats>,
    /// The 20 most frequent actions, most records first.
    actions: Vec<ActionStats>,
    /// The 20 most frequent targets, most records first.
    targets: Vec<TargetStats>,
}

/// Number of records in a time bucket.
#[derive(Serialize, ToSchema)]
struct Bucket {
    /// Start of the bucket: a whole minute, hour or day in UTC.
    #[schema(format = "date-time")]
    start: String,
    /// Number of matching records.
    count: u64,
}

/// Number of records of an actor.
#[derive(Serialize, ToSchema)]
struct ActorStats {
    /// Actor type.
    actor_type: String,
    /// Actor id.
    actor_id: String,
    /// Number of matching records.
    count: u64,
}

/// Number of records of an action.
#[derive(Serialize, ToSchema)]
struct ActionStats {
    /// Action name.
    action: String,
    /// Number of matching records.
    count: u64,
}

/// Number of records of a target.
#[derive(Serialize, ToSchema)]
struct TargetStats {
    /// Target type.
    target_type: String,
    /// Target id.
    target_id: String,
    /// Number of matching records.
    count: u64,
}

impl From<Summary> for Stats {
    fn from(summary: Summary) -> Self {
        let Summary { total, since, actors, actions, targets, interval, buckets } = summary;
        let bucket = |BucketCount { start, count }| Bucket { start: start.to_string(), count };
        let actor = |ActorCount { actor, count }| ActorStats {
            actor_type: actor.actor_type().as_str().to_owned(),
            actor_id: actor.id().to_owned(),
            count,
        };
        let action = |ActionCount { action, count }| ActionStats {
            action: action.as_str().to_owned(),
            count,
        };
        let target = |TargetCount { target, count }| TargetStats {
            target_type: target.target_type.as_str().to_owned(),
            target_id: target.target_id.as_str().to_owned(),
            count,
        };
        Self {
            total,
            truncated: since.is_some(),
            since: since.map(|since| since.to_string()),
            interval: match interval {
                Interval::Minute => IntervalSchema::Minute,
                Interval::Hour => IntervalSchema::Hour,
                Interval::Day => IntervalSchema::Day,
            },
            buckets: buckets.into_iter().map(bucket).collect(),
            actors: actors.into_iter().map(actor).collect(),
            actions: actions.into_iter().map(action).collect(),
            targets: targets.into_iter().map(target).collect(),
        }
    }
}
