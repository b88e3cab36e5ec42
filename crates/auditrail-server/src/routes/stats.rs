//! `GET /v1/audit-logs/stats`: how many records match, and how they spread.

use auditrail_store::{ActionCount, ActorCount, DayCount, Summary, TargetCount};
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::schema::FilterParams;
use crate::answer::Json;
use crate::app::App;
use crate::auth::Reader;
use crate::context::{Origin, Read, record_read};
use crate::limits::STATS_TOP;
use crate::problem::{Problem, ProblemSchema};
use crate::search::Pairs;

/// Counts records by day, by actor, by action and by target.
#[utoipa::path(
    get,
    path = "/v1/audit-logs/stats",
    tag = "audit logs",
    security(("bearer" = ["read"])),
    params(FilterParams),
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
    pairs: Pairs,
) -> Result<Json<Stats>, Problem> {
    let filters = pairs.filters(reader.principal())?;
    record_read(&app, reader.principal(), origin, Read::Stats(&filters)).await?;
    let summary = app.log().summary(&filters, STATS_TOP).await?;
    Ok(Json(summary.into()))
}

/// How many records match, and how they spread.
#[derive(Serialize, ToSchema)]
pub(super) struct Stats {
    /// All matches.
    total: u64,
    /// The latest 366 days with records, earliest first.
    days: Vec<Day>,
    /// The 20 busiest actors, most records first.
    actors: Vec<ActorStats>,
    /// The 20 most frequent actions, most records first.
    actions: Vec<ActionStats>,
    /// The 20 targets most was done to, most records first.
    targets: Vec<TargetStats>,
}

/// How many records a day has.
#[derive(Serialize, ToSchema)]
struct Day {
    /// The day, in UTC.
    #[schema(format = "date")]
    day: String,
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
        let Summary { total, actors, actions, targets, days } = summary;
        let day = |DayCount { day, count }| Day { day: day.to_string(), count };
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
            days: days.into_iter().map(day).collect(),
            actors: actors.into_iter().map(actor).collect(),
            actions: actions.into_iter().map(action).collect(),
            targets: targets.into_iter().map(target).collect(),
        }
    }
}
