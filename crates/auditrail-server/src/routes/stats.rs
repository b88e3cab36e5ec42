//! `GET /v1/audit-logs/stats`: how many records match, and how they spread.

use auditrail_store::{
    ActionCount, ActorCount, BucketCount, Interval, Summary, SummaryOptions, TargetCount,
};
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::schema::{FilterParams, IntervalSchema, StatsParams};
use crate::answer::Json;
use crate::app::App;
use crate::auth::Reader;
use crate::context::{Origin, Read, record_read};
use crate::limits::STATS_TOP;
use crate::problem::{Problem, ProblemSchema, in_parameter};
use crate::search::Pairs;

/// Counts records by time, by actor, by action and by target.
///
/// Of very many only the newest are counted: some 25,000 that an index finds by the rarest of the
/// filters, or 100,000 by time where there is no such filter. `truncated` and `since` say so; a time range asks
/// for older ones. An export has them all.
#[utoipa::path(
    get,
    path = "/v1/audit-logs/stats",
    tag = "audit logs",
    security(("bearer" = ["read"])),
    params(FilterParams, StatsParams),
    responses(
        (status = 200, description = "The counts", body = Stats),
        (status = "default", description = "A problem", body = ProblemSchema,
         content_type = "application/problem+json"),
    )
)]
pub(super) async fn stats(
    reader: Reader,
    State(app): State<App>,
    origin: Origin,
    mut pairs: Pairs,
) -> Result<Json<Stats>, Problem> {
    let interval = interval(&mut pairs)?;
    let filters = pairs.filters(reader.principal())?;
    record_read(&app, reader.principal(), origin, Read::Stats(&filters)).await?;
    let options = SummaryOptions { top: STATS_TOP, interval, recent: true };
    let summary = app.log().summary(&filters, options).await?;
    Ok(Json(summary.into()))
}

fn interval(pairs: &mut Pairs) -> Result<Option<Interval>, Problem> {
    let interval = pairs.take("interval").map(|text| text.parse()).transpose();
    interval.map_err(|error| in_parameter("interval", &error))
}

/// How many records match, and how they spread.
#[derive(Serialize, ToSchema)]
pub(super) struct Stats {
    /// The matches that were counted.
    total: u64,
    /// Whether older records were not looked at.
    truncated: bool,
    /// From when on records were counted; `null` when all were.
    #[schema(format = "date-time")]
    since: Option<String>,
    #[schema(inline)]
    interval: IntervalSchema,
    /// The latest 366 buckets with records, earliest first.
    buckets: Vec<Bucket>,
    /// The 20 busiest actors, most records first.
    actors: Vec<ActorStats>,
    /// The 20 most frequent actions, most records first.
    actions: Vec<ActionStats>,
    /// The 20 targets most was done to, most records first.
    targets: Vec<TargetStats>,
}

/// How many records a stretch of time has.
#[derive(Serialize, ToSchema)]
struct Bucket {
    /// When it starts: a whole minute, hour or day in UTC.
    #[schema(format = "date-time")]
    start: String,
    /// Records.
    count: u64,
}

/// How many records an actor has.
#[derive(Serialize, ToSchema)]
struct ActorStats {
    /// The kind of actor.
    actor_type: String,
    /// Who.
    actor_id: String,
    /// Records.
    count: u64,
}

/// How many records an action has.
#[derive(Serialize, ToSchema)]
struct ActionStats {
    /// What.
    action: String,
    /// Records.
    count: u64,
}

/// How many records a target has.
#[derive(Serialize, ToSchema)]
struct TargetStats {
    /// The kind of target.
    target_type: String,
    /// What was acted upon.
    target_id: String,
    /// Records.
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
