//! The document of statistics, which the command line prints as well.

use auditrail_api::{ActionStats, ActorStats, Bucket, TargetStats};
use auditrail_store::{ActionCount, ActorCount, BucketCount, Summary, TargetCount};

pub use crate::limits::STATS_TOP;
pub use auditrail_api::Stats;

/// The document of a summary, as `GET /v1/audit-logs/stats` returns it.
#[must_use]
pub fn document(summary: Summary) -> Stats {
    let Summary { total, since, actors, actions, targets, interval, buckets } = summary;
    let bucket = |BucketCount { start, count }| Bucket { start: start.to_string(), count };
    let actor = |ActorCount { actor, count }| ActorStats {
        actor_type: actor.actor_type().as_str().to_owned(),
        actor_id: actor.id().to_owned(),
        count,
    };
    let action =
        |ActionCount { action, count }| ActionStats { action: action.as_str().to_owned(), count };
    let target = |TargetCount { target, count }| TargetStats {
        target_type: target.target_type.as_str().to_owned(),
        target_id: target.target_id.as_str().to_owned(),
        count,
    };
    Stats {
        total,
        truncated: since.is_some(),
        since: since.map(|since| since.to_string()),
        interval,
        buckets: buckets.into_iter().map(bucket).collect(),
        actors: actors.into_iter().map(actor).collect(),
        actions: actions.into_iter().map(action).collect(),
        targets: targets.into_iter().map(target).collect(),
    }
}
