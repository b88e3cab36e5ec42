//! The OpenAPI document: the parts that several routes share.
//!
//! The types here only describe the core's types, which know nothing of HTTP; tests compare the two.

use serde::Serialize;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{Components, ContactBuilder, InfoBuilder, OpenApi, OpenApiBuilder};
use utoipa::{IntoParams, ToSchema};

use super::formats::{Address, DateOrTime, Network};

/// Name of the security scheme.
const BEARER: &str = "bearer";

/// The document without any route.
pub(crate) fn document() -> OpenApi {
    let info = InfoBuilder::new()
        .title("Auditrail")
        .description(Some(
            "Audit log for control planes: who did what to what, from where and when.",
        ))
        .version(env!("CARGO_PKG_VERSION"))
        .contact(Some(ContactBuilder::new().name(Some("Auditrail")).build()));
    let mut components = Components::new();
    components.add_security_scheme(BEARER, SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)));
    OpenApiBuilder::new().info(info.build()).components(Some(components)).build()
}

/// Filters of records. A record must match all of them. There is also `metadata.KEY=VALUE` for a top-level
/// value of the metadata.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "it describes `Filters` of the core")]
pub(crate) struct FilterParams {
    /// Exact actor id.
    #[param(min_length = 1, max_length = 500, pattern = r"^[^\u0000-\u001f\u007f-\u009f]*$")]
    actor_id: Option<String>,
    /// Actor type.
    #[param(inline)]
    actor_type: Option<ActorTypeSchema>,
    /// Exact action, or a prefix such as `project.*` for every action that starts with `project.`.
    #[param(min_length = 1, max_length = 100, pattern = r"^[^\u0000-\u001f\u007f-\u009f]*$")]
    action: Option<String>,
    /// Exact target type.
    #[param(min_length = 1, max_length = 50, pattern = r"^[^\u0000-\u001f\u007f-\u009f]*$")]
    target_type: Option<String>,
    /// Exact target id.
    #[param(min_length = 1, max_length = 500, pattern = r"^[^\u0000-\u001f\u007f-\u009f]*$")]
    target_id: Option<String>,
    /// Exact tenant id. An API key restricted to a tenant can only read records of that tenant.
    #[param(min_length = 1, max_length = 200, pattern = r"^[^\u0000-\u001f\u007f-\u009f]*$")]
    tenant_id: Option<String>,
    /// Exact request id.
    #[param(min_length = 1, max_length = 200, pattern = r"^[^\u0000-\u001f\u007f-\u009f]*$")]
    request_id: Option<String>,
    /// IP address, or network in CIDR notation.
    #[param(inline)]
    ip_address: Option<Network>,
    /// Start of the time range, inclusive: an RFC 3339 time, or a date (midnight UTC).
    #[param(inline)]
    start_date: Option<DateOrTime>,
    /// End of the time range, exclusive; must be after `start_date`.
    #[param(inline)]
    end_date: Option<DateOrTime>,
}

/// Paging of a search.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "it describes `Query` of the core")]
pub(crate) struct PageParams {
    /// Page size.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<u16>,
    /// `next_cursor` of the previous page; requires the same filters.
    cursor: Option<String>,
    /// Number of newest matches to skip. New records shift such pages; prefer a cursor.
    #[param(minimum = 0, maximum = 100_000)]
    offset: Option<u64>,
    /// Whether to count all matches: `exact` reads every match, `estimated` uses planner statistics.
    #[param(inline)]
    count: Option<CountSchema>,
}

/// Options of a batch.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "it describes how `batch` reads them")]
pub(crate) struct BatchParams {
    /// How to handle records that cannot be written: `refuse` (default) writes none of the batch,
    /// `skip` writes the others.
    #[param(inline)]
    on_invalid: Option<OnInvalidSchema>,
    /// `summary` (default), or `full` to return the records.
    #[param(inline)]
    r#return: Option<ReturnSchema>,
}

/// How to handle records that cannot be written.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
#[expect(dead_code, reason = "it describes `OnInvalid` of the core")]
enum OnInvalidSchema {
    Refuse,
    Skip,
}

/// Form of the response to a batch.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
#[expect(dead_code, reason = "it describes how `batch` reads it")]
enum ReturnSchema {
    Summary,
    Full,
}

/// Options of the statistics.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "it describes how `stats` reads it")]
pub(crate) struct StatsParams {
    /// Width of a time bucket. Default: the shortest that covers every counted record.
    #[param(inline)]
    interval: Option<IntervalSchema>,
}

/// Width of a time bucket.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum IntervalSchema {
    Minute,
    Hour,
    Day,
}

/// Options of an export.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "it describes how `export` reads it")]
pub(crate) struct ExportParams {
    /// CSV with a header row, or NDJSON with a manifest as its last line.
    #[param(inline)]
    format: FormatSchema,
}

/// Export format.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
#[expect(dead_code, reason = "it describes `ExportFormat` of the core")]
enum FormatSchema {
    Csv,
    Ndjson,
}

/// How to count matches.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
#[expect(dead_code, reason = "it describes `Count` of the core")]
enum CountSchema {
    Exact,
    Estimated,
}

/// Actor type. For `system` the actor id is `system`.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "it describes `ActorType` of the core")]
enum ActorTypeSchema {
    User,
    System,
    ApiKey,
}

/// Audit record.
#[derive(ToSchema)]
#[schema(as = Record)]
#[expect(dead_code, reason = "it describes `Record` of the core")]
pub(crate) struct RecordSchema {
    /// Record id: a UUID, version 7 if assigned by the service.
    #[schema(format = "uuid")]
    id: String,
    /// Actor id.
    actor_id: String,
    #[schema(inline)]
    actor_type: ActorTypeSchema,
    /// Action name, such as `project.created`.
    action: String,
    /// Target type.
    target_type: String,
    /// Target id.
    target_id: String,
    /// Additional structured data.
    #[schema(value_type = Option<Object>, required = true)]
    metadata: (),
    /// IP address of the client, rarely a network.
    #[schema(required = true)]
    ip_address: Option<String>,
    /// User agent of the client.
    #[schema(required = true)]
    user_agent: Option<String>,
    /// Time of the event: RFC 3339 in UTC with microseconds.
    #[schema(format = "date-time")]
    created_at: String,
    /// Tenant id.
    #[schema(required = true)]
    tenant_id: Option<String>,
    /// Id of the request that caused the event.
    #[schema(required = true)]
    request_id: Option<String>,
}

/// Page of records.
#[derive(ToSchema)]
#[schema(as = Page)]
#[expect(dead_code, reason = "it describes `Page` of the core")]
pub(crate) struct PageSchema {
    /// Records, newest first.
    data: Vec<RecordSchema>,
    /// Position of this page and cursor of the next.
    pagination: PaginationSchema,
}

/// Position of a page and cursor of the next.
#[derive(ToSchema)]
#[schema(as = Pagination)]
#[expect(dead_code, reason = "it describes `Pagination` of the core")]
struct PaginationSchema {
    /// Page size.
    limit: u16,
    /// Whether more records follow.
    has_more: bool,
    /// Cursor of the next page.
    #[schema(required = true)]
    next_cursor: Option<String>,
    /// Number of skipped records; null for a page requested by cursor.
    #[schema(required = true)]
    offset: Option<u64>,
    /// Number of matching records, if requested with `count`.
    #[schema(required = false)]
    total: u64,
}

/// Record to write. Additional data belongs in `metadata`.
#[derive(ToSchema)]
#[schema(as = CreateInput)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "it describes `CreateInput` of the core")]
pub(crate) struct CreateSchema {
    /// Record id chosen by the caller, which makes retries safe.
    #[schema(format = "uuid")]
    id: Option<String>,
    /// Actor id; `system` for the actor type `system`.
    #[schema(min_length = 1, max_length = 500, pattern = r"^[^\u0000-\u001f\u007f-\u009f]*$")]
    actor_id: String,
    #[schema(inline)]
    actor_type: ActorTypeSchema,
    /// Action name, such as `project.created`.
    #[schema(
        min_length = 1,
        max_length = 100,
        pattern = r"^[^.\u0000-\u001f\u007f-\u009f][^\u0000-\u001f\u007f-\u009f]*\.([^.*\u0000-\u001f\u007f-\u009f]|[^.\u0000-\u001f\u007f-\u009f]{2,})$"
    )]
    action: String,
    /// Target type.
    #[schema(min_length = 1, max_length = 50, pattern = r"^[^\u0000-\u001f\u007f-\u009f]*$")]
    target_type: String,
    /// Target id.
    #[schema(min_length = 1, max_length = 500, pattern = r"^[^\u0000-\u001f\u007f-\u009f]*$")]
    target_id: String,
    /// Additional structured data: at most 64 KiB and 32 levels.
    #[schema(value_type = Option<Object>)]
    metadata: (),
    /// IP address of the client.
    #[schema(inline)]
    ip_address: Option<Address>,
    /// User agent of the client.
    #[schema(max_length = 1024, pattern = r"^[^\u0000-\u001f\u007f-\u009f]*$")]
    user_agent: Option<String>,
    /// Time of the event: RFC 3339, at most 5 minutes in the future. Default: the time of writing.
    #[schema(format = "date-time")]
    created_at: Option<String>,
    /// Tenant id. Default: the tenant of the API key.
    #[schema(min_length = 1, max_length = 200, pattern = r"^[^\u0000-\u001f\u007f-\u009f]*$")]
    tenant_id: Option<String>,
    /// Id of the request that caused the event.
    #[schema(min_length = 1, max_length = 200, pattern = r"^[^\u0000-\u001f\u007f-\u009f]*$")]
    request_id: Option<String>,
}
