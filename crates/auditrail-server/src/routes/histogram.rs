//! `GET /v1/audit-logs/histogram`: counts matching records by time.

use auditrail_api::{Histogram, HistogramBucket, ProblemDocument};
use auditrail_core::{Bars, Filters};
use auditrail_store::{HistogramOptions, TimeHistogram};
use axum::extract::State;

use crate::app::App;
use crate::extract::{QueryParams, Reader, RequestOrigin};
use crate::json::Json;
use crate::limits::HISTOGRAM_BUDGET;
use crate::problem::{Problem, in_parameter};
use crate::self_audit::{ReadOperation, record_read};

/// Counts matching records by buckets of time.
///
/// The buckets have the shortest width of a fixed list with which at most `bars` of them cover the range: `since` to
/// `until`, or to the oldest and newest record that can match. They are aligned in UTC. Counting starts with the newest
/// bucket and ends after about 0.8 seconds; a bucket that was not counted has `complete: false` and no count.
#[utoipa::path(
    get,
    path = "/v1/audit-logs/histogram",
    tag = "audit logs",
    security(("bearer" = ["read"])),
    params(Filters, Bars),
    responses(
        (status = 200, description = "Counts by time", body = Histogram),
        (status = "default", description = "Error (RFC 9457)", body = ProblemDocument,
         content_type = "application/problem+json"),
    )
)]
pub(super) async fn histogram(
    reader: Reader,
    State(app): State<App>,
    origin: RequestOrigin,
    mut params: QueryParams,
) -> Result<Json<Histogram>, Problem> {
    let bars = params.take("bars").map(|text| text.parse::<Bars>()).transpose();
    let bars = bars.map_err(|error| in_parameter("bars", &error))?.unwrap_or_default();
    let filters = params.filters(reader.principal())?;
    record_read(&app, reader.principal(), origin, ReadOperation::Histogram(&filters)).await?;
    let _shares = app.database_shares().slow_read(reader.share_holder()).await?;
    let options = HistogramOptions { bars, budget: HISTOGRAM_BUDGET };
    Ok(Json(document(app.log().histogram(&filters, options).await?)))
}

fn document(histogram: TimeHistogram) -> Histogram {
    let TimeHistogram { since, until, width, buckets } = histogram;
    let counts = || buckets.iter().map(|bucket| bucket.count);
    Histogram {
        since: since.map(|time| time.to_string()),
        until: until.map(|time| time.to_string()),
        width_seconds: width.map(|width| width.seconds()),
        complete: counts().all(|count| count.is_some()),
        total: counts().flatten().sum(),
        buckets: buckets
            .iter()
            .map(|bucket| HistogramBucket {
                start: bucket.start.to_string(),
                count: bucket.count,
                complete: bucket.count.is_some(),
            })
            .collect(),
    }
}
