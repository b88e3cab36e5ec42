//! The description of the interface: what is common to all routes.
//!
//! The types here only describe. The core, whose types are sent, knows nothing of HTTP; tests hold
//! the two together.

mod forms;

use serde::Serialize;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{Components, ContactBuilder, InfoBuilder, OpenApi, OpenApiBuilder};
use utoipa::{IntoParams, ToSchema};

use forms::{Address, Moment, Network};

/// The name of the security scheme.
const BEARER: &str = "bearer";

/// The description without any route.
pub(super) fn document() -> OpenApi {
    let info = InfoBuilder::new()
        .title("Auditrail")
        .description(Some("Who did what to what, from where and when."))
        .version(env!("CARGO_PKG_VERSION"))
        .contact(Some(ContactBuilder::new().name(Some("Auditrail")).build()));
    let mut components = Components::new();
    components.add_security_scheme(BEARER, SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)));
    OpenApiBuilder::new().info(info.build()).components(Some(components)).build()
}

/// Which records are meant. Every given filter must hold. Besides these there is
/// `metadata.KEY=VALUE` for a top-level value of the metadata.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "it describes `Filters` of the core")]
pub(super) struct FilterParams {
    /// Exactly this actor id.
    #[param(min_length = 1, max_length = 500, pattern = r"^[^\u0000-\u001f\u007f-\u009f]*$")]
    actor_id: Option<String>,
    /// This kind of actor.
    #[param(inline)]
    actor_type: Option<ActorTypeSchema>,
    /// Exactly this action, or `project.*` for every action that starts with `project.`.
    #[param(min_length = 1, max_length = 100, pattern = r"^[^\u0000-\u001f\u007f-\u009f]*$")]
    action: Option<String>,
    /// This kind of target.
    #[param(min_length = 1, max_length = 50, pattern = r"^[^\u0000-\u001f\u007f-\u009f]*$")]
    target_type: Option<String>,
    /// Exactly this target id.
    #[param(min_length = 1, max_length = 500, pattern = r"^[^\u0000-\u001f\u007f-\u009f]*$")]
    target_id: Option<String>,
    /// Exactly this tenant. A key that is bound to a tenant sees that one alone.
    #[param(min_length = 1, max_length = 200, pattern = r"^[^\u0000-\u001f\u007f-\u009f]*$")]
    tenant_id: Option<String>,
    /// Exactly this request.
    #[param(min_length = 1, max_length = 200, pattern = r"^[^\u0000-\u001f\u007f-\u009f]*$")]
    request_id: Option<String>,
    /// This address, or an address in this network (CIDR).
    #[param(inline)]
    ip_address: Option<Network>,
    /// From this moment on: an RFC 3339 time, or a date, which means midnight UTC.
    #[param(inline)]
    start_date: Option<Moment>,
    /// Before this moment, which must be after `start_date`.
    #[param(inline)]
    end_date: Option<Moment>,
}

/// Which page of a search.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "it describes `Query` of the core")]
pub(super) struct PageParams {
    /// Most records in the page.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<u16>,
    /// The `next_cursor` of the page before, with the same filters.
    cursor: Option<String>,
    /// How many of the newest matches to skip. New records shift such pages; a cursor is better.
    #[param(minimum = 0, maximum = 100_000)]
    offset: Option<u64>,
    /// Whether to count all matches: exactly, which reads every match, or as an estimate.
    #[param(inline)]
    count: Option<CountSchema>,
}

/// How to write a batch.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "it describes how `batch` reads them")]
pub(super) struct BatchParams {
    /// What to do with the rest when one record cannot be written: `refuse`, which is the default,
    /// writes none, and `skip` writes the others.
    #[param(inline)]
    on_invalid: Option<OnInvalidSchema>,
    /// `summary`, which is the default, or `full` to have the records in the answer.
    #[param(inline)]
    r#return: Option<ReturnSchema>,
}

/// What to do with the rest of a batch.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
#[expect(dead_code, reason = "it describes `OnInvalid` of the core")]
enum OnInvalidSchema {
    Refuse,
    Skip,
}

/// What to answer to a batch.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
#[expect(dead_code, reason = "it describes how `batch` reads it")]
enum ReturnSchema {
    Summary,
    Full,
}

/// How to count.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "it describes how `stats` reads it")]
pub(super) struct StatsParams {
    /// How long a bucket of time is; by default the shortest that shows everything counted.
    #[param(inline)]
    interval: Option<IntervalSchema>,
}

/// How long a bucket of time is.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum IntervalSchema {
    Minute,
    Hour,
    Day,
}

/// How to write an export.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "it describes how `export` reads it")]
pub(super) struct ExportParams {
    /// CSV with a header, or NDJSON whose last line is a manifest.
    #[param(inline)]
    format: FormatSchema,
}

/// The form of an export.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
#[expect(dead_code, reason = "it describes `ExportFormat` of the core")]
enum FormatSchema {
    Csv,
    Ndjson,
}

/// How to count.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
#[expect(dead_code, reason = "it describes `Count` of the core")]
enum CountSchema {
    Exact,
    Estimated,
}

/// The kind of actor. The id of `system` is `system`.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "it describes `ActorType` of the core")]
enum ActorTypeSchema {
    User,
    System,
    ApiKey,
}

/// A record.
#[derive(ToSchema)]
#[schema(as = Record)]
#[expect(dead_code, reason = "it describes `Record` of the core")]
pub(super) struct RecordSchema {
    /// The id: a UUID, version 7 where we made it.
    #[schema(format = "uuid")]
    id: String,
    /// Who acted.
    actor_id: String,
    #[schema(inline)]
    actor_type: ActorTypeSchema,
    /// What was done, as in `project.created`.
    action: String,
    /// The kind of target.
    target_type: String,
    /// What was acted upon.
    target_id: String,
    /// Whatever else there is to say.
    #[schema(value_type = Option<Object>, required = true)]
    metadata: (),
    /// Where the request came from: an address, rarely a network.
    #[schema(required = true)]
    ip_address: Option<String>,
    /// The software that made the request.
    #[schema(required = true)]
    user_agent: Option<String>,
    /// When it happened: RFC 3339 in UTC with six digits.
    #[schema(format = "date-time")]
    created_at: String,
    /// Whose record it is.
    #[schema(required = true)]
    tenant_id: Option<String>,
    /// The request that caused it.
    #[schema(required = true)]
    request_id: Option<String>,
}

/// A page of a search.
#[derive(ToSchema)]
#[schema(as = Page)]
#[expect(dead_code, reason = "it describes `Page` of the core")]
pub(super) struct PageSchema {
    /// The records, newest first.
    data: Vec<RecordSchema>,
    /// Where this page is and how to get the next.
    pagination: PaginationSchema,
}

/// Where a page is and how to get the next.
#[derive(ToSchema)]
#[schema(as = Pagination)]
#[expect(dead_code, reason = "it describes `Pagination` of the core")]
struct PaginationSchema {
    /// Most records in the page.
    limit: u16,
    /// Whether there are more records.
    has_more: bool,
    /// The token for the next page.
    #[schema(required = true)]
    next_cursor: Option<String>,
    /// How many records were skipped; null when the page was reached by a cursor.
    #[schema(required = true)]
    offset: Option<u64>,
    /// How many records match, when it was asked for.
    #[schema(required = false)]
    total: u64,
}

/// A record to write. Whatever else there is to say belongs into `metadata`.
#[derive(ToSchema)]
#[schema(as = CreateInput)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "it describes `CreateInput` of the core")]
pub(super) struct CreateSchema {
    /// The caller's own id, so that a repetition finds the first record.
    #[schema(format = "uuid")]
    id: Option<String>,
    /// Who acted. For the kind `system` it is `system`.
    #[schema(min_length = 1, max_length = 500, pattern = r"^[^\u0000-\u001f\u007f-\u009f]*$")]
    actor_id: String,
    #[schema(inline)]
    actor_type: ActorTypeSchema,
    /// What was done, as in `project.created`.
    #[schema(
        min_length = 1,
        max_length = 100,
        pattern = r"^[^.\u0000-\u001f\u007f-\u009f][^\u0000-\u001f\u007f-\u009f]*\.([^.*\u0000-\u001f\u007f-\u009f]|[^.\u0000-\u001f\u007f-\u009f]{2,})$"
    )]
    action: String,
    /// The kind of target.
    #[schema(min_length = 1, max_length = 50, pattern = r"^[^\u0000-\u001f\u007f-\u009f]*$")]
    target_type: String,
    /// What was acted upon.
    #[schema(min_length = 1, max_length = 500, pattern = r"^[^\u0000-\u001f\u007f-\u009f]*$")]
    target_id: String,
    /// Whatever else there is to say: at most 64 KiB and 32 levels.
    #[schema(value_type = Option<Object>)]
    metadata: (),
    /// Where the request came from.
    #[schema(inline)]
    ip_address: Option<Address>,
    /// The software that made the request.
    #[schema(max_length = 1024, pattern = r"^[^\u0000-\u001f\u007f-\u009f]*$")]
    user_agent: Option<String>,
    /// When it happened: RFC 3339, at most 5 minutes ahead. Left out, the writer's clock counts.
    #[schema(format = "date-time")]
    created_at: Option<String>,
    /// Whose record it is. Left out, the tenant of the key.
    #[schema(min_length = 1, max_length = 200, pattern = r"^[^\u0000-\u001f\u007f-\u009f]*$")]
    tenant_id: Option<String>,
    /// The request that caused it.
    #[schema(min_length = 1, max_length = 200, pattern = r"^[^\u0000-\u001f\u007f-\u009f]*$")]
    request_id: Option<String>,
}
