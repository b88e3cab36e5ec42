//! `GET /v1/keys`: the keys there are.

use auditrail_core::{
    ApiKey, ErrorCode, FieldError, KeyId, PageSize, TenantId, ValidationErrors, ValueError,
};
use auditrail_store::KeyPage;
use axum::extract::State;
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::schema::{KeyListParams, KeyPageSchema};
use crate::answer::Json;
use crate::app::App;
use crate::auth::{Administrator, Principal};
use crate::problem::{Problem, ProblemSchema, in_query};
use crate::search::Pairs;

/// The path; a link to the next page names it.
const PATH: &str = "/v1/keys";

/// Lists API keys, oldest first, including revoked and expired ones. Secrets are never returned.
#[utoipa::path(
    get,
    path = PATH,
    operation_id = "list_keys",
    tag = "keys",
    security(("bearer" = ["admin"])),
    params(KeyListParams),
    responses(
        (status = 200, description = "Page of API keys", body = KeyPageSchema,
         headers(("Link" = String, description = "URL of the next page, with `rel=\"next\"` (RFC 8288)"))),
        (status = "default", description = "Error (RFC 9457)", body = ProblemSchema,
         content_type = "application/problem+json"),
    )
)]
pub(in crate::routes) async fn list(
    admin: Administrator,
    State(app): State<App>,
    pairs: Pairs,
) -> Result<Response, Problem> {
    let asked = Asked::of(pairs, admin.principal())?;
    let page = app.keys().list(asked.tenant.as_ref(), asked.after, asked.size).await?;
    let answer = KeyListAnswer::new(page, asked.size);
    Ok((asked.link(&answer), Json(answer)).into_response())
}

/// Which keys, as `KeyListParams` describes it.
struct Asked {
    tenant: Option<TenantId>,
    after: Option<KeyId>,
    size: PageSize,
}

impl Asked {
    /// Reads the parameters, and says everything that is wrong with them.
    fn of(mut pairs: Pairs, principal: &Principal) -> Result<Self, Problem> {
        let mut wrong = Vec::new();
        let tenant = read(&mut pairs, &mut wrong, "tenant_id", str::parse::<TenantId>);
        let size = read(&mut pairs, &mut wrong, "limit", str::parse::<PageSize>);
        let after = pairs
            .take("cursor")
            .and_then(|text| text.parse::<KeyId>().map_err(|_| wrong.push(not_a_cursor())).ok());
        wrong.extend(pairs.unknown());
        if let Some(errors) = ValidationErrors::new(wrong) {
            return Err(in_query(errors));
        }
        let tenant = tenant.or_else(|| principal.tenant.clone());
        match principal.sees(tenant.as_ref()) {
            true => Ok(Self { tenant, after, size: size.unwrap_or_default() }),
            false => Err(Problem::other_tenant()),
        }
    }

    /// The header that leads to the next page.
    fn link(&self, answer: &KeyListAnswer) -> Option<[(HeaderName, HeaderValue); 1]> {
        let next = answer.pagination.next_cursor?;
        let mut pairs = vec![("limit", self.size.get().to_string()), ("cursor", next.to_string())];
        pairs.extend(self.tenant.as_ref().map(|tenant| ("tenant_id", tenant.to_string())));
        let query = serde_urlencoded::to_string(pairs).ok()?;
        let link = HeaderValue::try_from(format!("<{PATH}?{query}>; rel=\"next\"")).ok()?;
        Some([(header::LINK, link)])
    }
}

fn read<T>(
    pairs: &mut Pairs,
    wrong: &mut Vec<FieldError>,
    name: &str,
    parse: impl FnOnce(&str) -> Result<T, ValueError>,
) -> Option<T> {
    let text = pairs.take(name)?;
    parse(&text).map_err(|error| wrong.push(FieldError::new(name, &error))).ok()
}

fn not_a_cursor() -> FieldError {
    let detail = "must be the next_cursor of the previous page".to_owned();
    FieldError { pointer: "cursor".to_owned(), code: ErrorCode::InvalidCursor, detail }
}

/// A page of keys.
#[derive(Serialize)]
struct KeyListAnswer {
    data: Vec<ApiKey>,
    pagination: KeyPagination,
}

#[derive(Serialize)]
struct KeyPagination {
    limit: u16,
    has_more: bool,
    next_cursor: Option<KeyId>,
}

impl KeyListAnswer {
    fn new(KeyPage { keys, has_more }: KeyPage, size: PageSize) -> Self {
        let next_cursor = keys.last().map(|key| key.id).filter(|_| has_more);
        Self { data: keys, pagination: KeyPagination { limit: size.get(), has_more, next_cursor } }
    }
}
