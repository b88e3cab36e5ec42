//! `GET /v1/audit-logs/stats`: counts matching records.

use auditrail_api::{ProblemDocument, Stats};
use auditrail_core::{Filters, Interval};
use auditrail_store::SummaryOptions;
use axum::extract::State;

use crate::app::App;
use crate::extract::{QueryParams, Reader, RequestOrigin};
use crate::json::Json;
use crate::problem::{Problem, in_parameter};
use crate::self_audit::{ReadOperation, record_read};
use crate::stats;

/// Counts matching records by time, actor, action and target.
///
/// Large results are truncated to the newest records: about 25,000 when an index serves a filter,
/// 100,000 by time otherwise; of one tenant, its newest 25,000, or 100,000 with another such filter. With
/// words in `q` they are the newest 25,000 matches, or those found in two seconds. See
/// `truncated` and `since`. Use a time range to count older records, or an export to get all of them.
#[utoipa::path(
    get,
    path = "/v1/audit-logs/stats",
    tag = "audit logs",
    security(("bearer" = ["read"])),
    params(Filters, StatsOptions),
    responses(
        (status = 200, description = "Counts", body = Stats),
        (status = "default", description = "Error (RFC 9457)", body = ProblemDocument,
         content_type = "application/problem+json"),
    )
)]
pub(super) async fn stats(
    reader: Reader,
    State(app): State<App>,
    origin: RequestOrigin,
    mut params: QueryParams,
) -> Result<Json<Stats>, Problem> {
    let StatsOptions { interval } = StatsOptions::parse(&mut params)?;
    let filters = params.filters(reader.principal())?;
    record_read(&app, reader.principal(), origin, ReadOperation::Stats(&filters)).await?;
    let options = SummaryOptions { top: stats::STATS_TOP, interval, recent: true };
    let _shares = app.database_shares().slow_read(reader.share_holder()).await?;
    let summary = app.log().summary(&filters, options).await?;
    Ok(Json(stats::document(summary)))
}

/// Options of the statistics.
#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct StatsOptions {
    /// Width of a time bucket. Default: the shortest that covers every counted record.
    #[param(inline)]
    interval: Option<Interval>,
}

impl StatsOptions {
    fn parse(params: &mut QueryParams) -> Result<Self, Problem> {
        let interval = params.take("interval").map(|text| text.parse()).transpose();
        Ok(Self { interval: interval.map_err(|error| in_parameter("interval", &error))? })
    }
}
