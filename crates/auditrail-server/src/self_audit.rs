//! Audit records of the log about itself: reads and exports.

use std::collections::BTreeMap;

use auditrail_core::limits::METADATA_MAX_BYTES;
use auditrail_core::{
    Action, Actor, ActorId, CreateInput, Filters, Metadata, Record, RecordId, Target, TargetId,
    TargetType, TenantId, ValueField, ValuePrefix,
};
use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::app::App;
use crate::auth::Principal;
use crate::clock;
use crate::extract::RequestOrigin;
use crate::limits::RETRY_LATER;
use crate::problem::Problem;
use crate::writes::WriteOrigin;

/// An audited operation on the log.
#[derive(Clone, Copy, Debug)]
pub(crate) enum SelfAuditEvent {
    /// A search, a count, or the read of one record.
    Read,
    /// An export.
    Exported,
}

impl SelfAuditEvent {
    const fn action(self) -> &'static str {
        match self {
            Self::Read => "audit_log.read",
            Self::Exported => "audit_log.exported",
        }
    }
}

/// The operations that read.
#[derive(Clone, Copy, Debug)]
pub(crate) enum ReadOperation<'a> {
    /// A page of a search.
    List(&'a Filters),
    /// The counts of a search.
    Stats(&'a Filters),
    /// The counts of a search by buckets of time.
    Histogram(&'a Filters),
    /// The most frequent values of fields of a search.
    Facets(&'a Filters),
    /// The values of a field with a prefix, of one tenant or of all.
    Values(ValueField, &'a ValuePrefix, Option<&'a TenantId>),
    /// One record.
    Get(&'a Record),
    /// The proof of one record, of this tenant.
    Proof(RecordId, Option<&'a TenantId>),
}

impl ReadOperation<'_> {
    fn tenant(self) -> Option<TenantId> {
        match self {
            Self::List(filters)
            | Self::Stats(filters)
            | Self::Histogram(filters)
            | Self::Facets(filters) => filters.tenant_id.clone(),
            Self::Values(_, _, tenant) | Self::Proof(_, tenant) => tenant.cloned(),
            Self::Get(record) => record.tenant_id.clone(),
        }
    }

    fn metadata(self) -> Value {
        let of_search = |call, filters| json!({"call": call, "filters": filters_by_name(filters)});
        match self {
            Self::List(filters) => of_search("list", filters),
            Self::Stats(filters) => of_search("stats", filters),
            Self::Histogram(filters) => of_search("histogram", filters),
            Self::Facets(filters) => of_search("facets", filters),
            Self::Values(field, prefix, _) => {
                json!({"call": "values", "field": field.as_str(), "prefix": prefix.as_str()})
            }
            Self::Get(record) => json!({"call": "get", "id": record.id}),
            Self::Proof(id, _) => json!({"call": "proof", "id": id}),
        }
    }
}

/// Audits a read, if that is configured.
///
/// # Errors
/// A 503 if the record cannot be written; then nothing may be read.
pub(crate) async fn record_read(
    app: &App,
    principal: &Principal,
    origin: RequestOrigin,
    operation: ReadOperation<'_>,
) -> Result<(), Problem> {
    if !app.config().record_reads {
        return Ok(());
    }
    let (tenant, metadata) = (operation.tenant(), operation.metadata());
    record(app, principal, origin, SelfAuditEvent::Read, tenant, metadata).await
}

/// The operations that follow the log.
#[derive(Clone, Copy, Debug)]
pub(crate) enum FeedOperation {
    Feed,
    Tail,
}

/// Audits that a program follows the log, if that is configured: the same read once in an interval, or its record
/// would be the next record to read.
///
/// # Errors
/// As [`record_read`].
pub(crate) async fn record_feed(
    app: &App,
    principal: &Principal,
    origin: RequestOrigin,
    operation: FeedOperation,
    filters: &Filters,
) -> Result<(), Problem> {
    let now = clock::monotonic();
    if !app.config().record_reads || !app.feed_reads().is_due(&principal.key_id, filters, now) {
        return Ok(());
    }
    let call = match operation {
        FeedOperation::Feed => "feed",
        FeedOperation::Tail => "tail",
    };
    let metadata = json!({"call": call, "filters": filters_by_name(filters)});
    let tenant = filters.tenant_id.clone();
    record(app, principal, origin, SelfAuditEvent::Read, tenant, metadata).await?;
    app.feed_reads().set_recorded(&principal.key_id, filters, now);
    Ok(())
}

/// Audits the use of an API key. The record belongs to the requested tenant, so that a tenant can see who
/// read its part of the log.
///
/// The id is assigned before writing, so that the writer can retry without duplicating the record.
///
/// # Errors
/// A 503 if the record cannot be written, for whatever reason: the request is valid, and must not proceed
/// unaudited.
pub(crate) async fn record(
    app: &App,
    principal: &Principal,
    origin: RequestOrigin,
    event: SelfAuditEvent,
    tenant: Option<TenantId>,
    metadata: Value,
) -> Result<(), Problem> {
    let actor = Actor::ApiKey(ActorId::from_stored(principal.key_id.clone()));
    let target = Target::new(
        TargetType::from_stored("audit_log"),
        TargetId::from_stored(tenant.as_ref().map_or("all", TenantId::as_str)),
    );
    let mut input = CreateInput::new(actor, Action::from_stored(event.action()), target)
        .with_context(origin.into_context())
        .with_metadata(bounded(&metadata));
    input.tenant_id = tenant;
    input.id = Some(clock::record_id().map_err(|error| {
        tracing::error!(%error, "could not obtain random bytes from the OS");
        not_recorded(Problem::internal("no_randomness"))
    })?);
    app.writes()
        .create(input, WriteOrigin { key: principal.version, recorded_by: None })
        .await
        .map_err(|error| not_recorded(error.into()))?;
    Ok(())
}

/// Maps a failed audit write to a response. The request itself is valid, so an error of its audit record is
/// not the caller's: any status but 503 and 429 becomes 503.
fn not_recorded(problem: Problem) -> Problem {
    if let StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS = problem.status() {
        return problem;
    }
    tracing::error!(?problem, "refused a request whose audit record could not be written");
    let detail = "this operation is audited, and its audit record could not be written, so \
                  nothing was read; retry, and contact the operator if the error persists";
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "not_recorded", "Service unavailable", detail)
        .retry_after(RETRY_LATER)
}

/// Metadata within its limits. Ten metadata filters with many escaped characters can exceed them; the
/// filters are then replaced by a marker.
fn bounded(value: &Value) -> Metadata {
    let text = value.to_string();
    let parsed = (text.len() <= METADATA_MAX_BYTES).then(|| text.parse().ok()).flatten();
    let marker = || r#"{"filters_too_large":true}"#.parse().ok();
    parsed.or_else(marker).unwrap_or_default()
}

/// The filters as they were sent, by parameter name.
pub(crate) fn filters_by_name(filters: &Filters) -> BTreeMap<String, String> {
    filters.to_pairs().into_iter().map(|(name, value)| (name.into_owned(), value)).collect()
}
