//! `GET /v1/audit-logs/export`: streams every matching record.

use auditrail_api::ProblemDocument;
use auditrail_core::{BYTE_ORDER_MARK, ErrorCode, ExportFormat, FieldError, Filters, ValueError};
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use futures_util::{StreamExt, stream};
use serde_json::json;

use crate::app::App;
use crate::export_stream::{self, ExportContext};
use crate::extract::{Exporter, QueryParams, RequestOrigin};
use crate::problem::{Problem, in_parameter, in_query};
use crate::self_audit::{SelfAuditEvent, filters_by_name, record};

/// Streams every matching record, oldest first, from one snapshot of the table.
///
/// An aborted export closes the connection without completing the response, and an NDJSON export
/// then lacks its final manifest line. Every export is audited: its own record is written first.
#[utoipa::path(
    get,
    path = "/v1/audit-logs/export",
    tag = "audit logs",
    security(("bearer" = ["export"])),
    params(Filters, ExportOptions),
    responses(
        (status = 200, description = "Matching records", content(
            (String = "text/csv"),
            (String = "application/x-ndjson"),
        )),
        (status = "default", description = "Error (RFC 9457)", body = ProblemDocument,
         content_type = "application/problem+json"),
    )
)]
pub(super) async fn export(
    exporter: Exporter,
    State(app): State<App>,
    origin: RequestOrigin,
    mut params: QueryParams,
) -> Result<Response, Problem> {
    let ExportOptions { format, bom } = ExportOptions::parse(&mut params)?;
    let filters = params.filters(exporter.principal())?;
    let share = app.database_shares().export(exporter.share_holder()).await?;
    let metadata = json!({"format": format.to_string(), "filters": filters_by_name(&filters)});
    let tenant = filters.tenant_id.clone();
    record(&app, exporter.principal(), origin, SelfAuditEvent::Exported, tenant, metadata).await?;
    let context = ExportContext::new(format, app.config(), app.metrics().clone(), share);
    let bytes = export_stream::start(app.log().export(filters), context).await?;
    let mark = bom.unwrap_or_default().then_some(Ok(Bytes::from_static(BYTE_ORDER_MARK)));
    Ok(respond(format, Body::from_stream(stream::iter(mark).chain(bytes))))
}

/// Options of an export.
#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct ExportOptions {
    /// CSV with a header row, or NDJSON with a manifest as its last line.
    #[param(inline)]
    format: ExportFormat,
    /// Whether a CSV export starts with a byte order mark, without which Excel does not read it as UTF-8.
    /// Default: false.
    bom: Option<bool>,
}

impl ExportOptions {
    fn parse(params: &mut QueryParams) -> Result<Self, Problem> {
        let Some(format) = params.take("format") else {
            let detail = "must be given once: csv or ndjson".to_owned();
            let pointer = "format".to_owned();
            return Err(in_query(FieldError { pointer, code: ErrorCode::Required, detail }.into()));
        };
        let format = format.parse().map_err(|error| in_parameter("format", &error))?;
        let bom = match params.take("bom").as_deref() {
            None => None,
            Some("true") if format == ExportFormat::Csv => Some(true),
            Some("false") => Some(false),
            Some("true") => {
                let detail = "is for CSV alone: NDJSON has no byte order mark".to_owned();
                let pointer = "bom".to_owned();
                return Err(in_query(
                    FieldError { pointer, code: ErrorCode::Conflict, detail }.into(),
                ));
            }
            Some(_) => {
                let expected = "true, false";
                return Err(in_parameter("bom", &ValueError::UnknownValue { expected }));
            }
        };
        Ok(Self { format, bom })
    }
}

fn respond(format: ExportFormat, body: Body) -> Response {
    let (content_type, name) = match format {
        ExportFormat::Csv => ("text/csv; charset=utf-8; header=present", "audit-logs.csv"),
        ExportFormat::Ndjson => ("application/x-ndjson", "audit-logs.ndjson"),
    };
    let disposition = format!("attachment; filename=\"{name}\"");
    let headers = [
        (header::CONTENT_TYPE, content_type.to_owned()),
        (header::CONTENT_DISPOSITION, disposition),
    ];
    (headers, body).into_response()
}
