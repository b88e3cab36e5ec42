//! `GET /v1/audit-logs/facets`: counts the most frequent values of fields.

use auditrail_api::{FacetValue, FacetValues, Facets, ProblemDocument};
use auditrail_core::limits::FACET_VALUES;
use auditrail_core::{Facet, Filters};
use auditrail_store::{FacetCounts, FacetsOptions};
use axum::extract::State;

use crate::app::App;
use crate::extract::{QueryParams, Reader, RequestOrigin};
use crate::json::Json;
use crate::limits::FACETS_BUDGET;
use crate::problem::{Problem, in_parameter};
use crate::self_audit::{ReadOperation, record_read};

/// Counts the most frequent values of fields among the matching records.
///
/// Each field ignores its own filter, so that its other values remain visible; that of the tenant of an API key is
/// always applied. Only the newest records are counted when there are many, as `/v1/audit-logs/stats` does: see
/// `sampled` and `since` of each field. Counting takes at most about two seconds; then a smaller sample is counted, or a
/// field has `complete: false`.
#[utoipa::path(
    get,
    path = "/v1/audit-logs/facets",
    tag = "audit logs",
    security(("bearer" = ["read"])),
    params(Filters, FacetsParams),
    responses(
        (status = 200, description = "Values and counts", body = Facets),
        (status = "default", description = "Error (RFC 9457)", body = ProblemDocument,
         content_type = "application/problem+json"),
    )
)]
pub(super) async fn facets(
    reader: Reader,
    State(app): State<App>,
    origin: RequestOrigin,
    mut params: QueryParams,
) -> Result<Json<Facets>, Problem> {
    let facets = params.take("fields").map(|text| Facet::parse_list(&text)).transpose();
    let facets = facets.map_err(|error| in_parameter("fields", &error))?;
    let filters = params.filters(reader.principal())?;
    record_read(&app, reader.principal(), origin, ReadOperation::Facets(&filters)).await?;
    let options = FacetsOptions {
        facets: facets.as_deref().unwrap_or(&Facet::ALL),
        is_tenant_fixed: reader.principal().tenant.is_some(),
        top: FACET_VALUES,
        budget: FACETS_BUDGET,
    };
    let _shares = app.database_shares().slow_read(reader.share_holder()).await?;
    let counted = app.log().facets(&filters, options).await?;
    Ok(Json(Facets { facets: counted.into_iter().map(document).collect() }))
}

fn document(counts: FacetCounts) -> FacetValues {
    let FacetCounts { facet, values, has_more, since, is_complete } = counts;
    let values = values.into_iter();
    FacetValues {
        field: facet.as_str().to_owned(),
        complete: is_complete,
        sampled: since.is_some(),
        since: since.map(|time| time.to_string()),
        has_more,
        values: values
            .map(|counted| FacetValue { value: counted.value, count: counted.count })
            .collect(),
    }
}

/// Parameters of the facets.
#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes the parameters only")]
struct FacetsParams {
    /// Fields, separated by commas. Default: all.
    #[param(style = Form, explode = false, inline)]
    fields: Option<Vec<Facet>>,
}
