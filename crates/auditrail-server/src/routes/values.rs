//! `GET /v1/audit-logs/values`: lists the values of a field.

use std::str::FromStr;

use auditrail_api::{ProblemDocument, Values};
use auditrail_core::{
    FieldError, TenantId, ValidationErrors, ValueError, ValueField, ValuePrefix, ValuesLimit,
};
use auditrail_store::{FieldValues, ValuesOptions};
use axum::extract::State;

use crate::app::App;
use crate::auth::Principal;
use crate::extract::{QueryParams, Reader, RequestOrigin};
use crate::json::Json;
use crate::limits::{VALUES_BUDGET, VALUES_VISITED_MAX};
use crate::problem::{Problem, in_query};
use crate::self_audit::{ReadOperation, record_read};

/// Lists the values of a field that start with a prefix.
///
/// Values come from an index of all records. Those of one tenant, and addresses, are the values of the newest 25,000
/// records: see `sampled` and `since`. An API key restricted to a tenant gets the values of that tenant.
#[utoipa::path(
    get,
    path = "/v1/audit-logs/values",
    tag = "audit logs",
    security(("bearer" = ["read"])),
    params(ValueField),
    responses(
        (status = 200, description = "Values", body = Values),
        (status = "default", description = "Error (RFC 9457)", body = ProblemDocument,
         content_type = "application/problem+json"),
    )
)]
pub(super) async fn values(
    reader: Reader,
    State(app): State<App>,
    origin: RequestOrigin,
    params: QueryParams,
) -> Result<Json<Values>, Problem> {
    let Request { field, prefix, tenant, limit } = Request::parse(params, reader.principal())?;
    let operation = ReadOperation::Values(field, &prefix, tenant.as_ref());
    record_read(&app, reader.principal(), origin, operation).await?;
    let _share = app.database_shares().read(reader.share_holder()).await?;
    let options = ValuesOptions {
        field,
        prefix: prefix.as_str(),
        tenant: tenant.as_ref(),
        limit: limit.get(),
        visits: VALUES_VISITED_MAX,
        budget: VALUES_BUDGET,
    };
    Ok(Json(document(field, app.log().values(options).await?)))
}

fn document(field: ValueField, found: FieldValues) -> Values {
    let FieldValues { values, has_more, is_complete, is_sampled, since } = found;
    Values {
        field: field.as_str().to_owned(),
        values,
        has_more,
        complete: is_complete,
        sampled: is_sampled,
        since: since.map(|time| time.to_string()),
    }
}

/// The parsed parameters.
struct Request {
    field: ValueField,
    prefix: ValuePrefix,
    tenant: Option<TenantId>,
    limit: ValuesLimit,
}

impl Request {
    /// Parses the parameters, and reports all errors at once.
    fn parse(mut params: QueryParams, principal: &Principal) -> Result<Self, Problem> {
        let mut errors = Vec::new();
        // Without a field the error lists the possible ones.
        let field = Some(params.take("field").unwrap_or_default());
        let field = parsed(&mut errors, "field", field);
        let prefix = parsed(&mut errors, "prefix", params.take("prefix"));
        let limit = parsed(&mut errors, "limit", params.take("limit"));
        let tenant = params.take("tenant_id").or_else(|| params.take("tenant"));
        let mut tenant = parsed(&mut errors, "tenant_id", tenant);
        errors.extend(params.unknown_errors());
        let (Some(field), None) = (field, ValidationErrors::new(errors.clone())) else {
            return Err(ValidationErrors::new(errors).map_or_else(Problem::bad_query, in_query));
        };
        principal.default_tenant(&mut tenant)?;
        let (prefix, limit) = (prefix.unwrap_or_default(), limit.unwrap_or_default());
        Ok(Self { field, prefix, tenant, limit })
    }
}

fn parsed<T>(errors: &mut Vec<FieldError>, name: &str, text: Option<String>) -> Option<T>
where
    T: FromStr<Err = ValueError>,
{
    text?.parse().map_err(|error| errors.push(FieldError::new(name, &error))).ok()
}
