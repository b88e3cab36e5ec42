//! `GET /v1/keys`: lists API keys.

use auditrail_api::{KeyPage, KeyPagination, ProblemDocument};
use auditrail_core::openapi::{page_size, parameter};
use auditrail_core::{
    ApiKeyId, ErrorCode, FieldError, PageSize, TenantId, ValidationErrors, ValueError,
};
use auditrail_store::ApiKeyPage;
use axum::extract::State;
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use utoipa::PartialSchema as _;
use utoipa::openapi::path::{Parameter, ParameterIn};

use crate::app::App;
use crate::auth::Principal;
use crate::extract::{Administrator, QueryParams};
use crate::json::Json;
use crate::problem::{Problem, in_query};

/// Also the path in links to the next page.
const PATH: &str = "/v1/keys";

/// Lists API keys, oldest first, including revoked and expired ones. Secrets are never returned.
#[utoipa::path(
    get,
    path = PATH,
    operation_id = "list_keys",
    tag = "keys",
    security(("bearer" = ["admin"])),
    params(ListRequest),
    responses(
        (status = 200, description = "Page of API keys", body = KeyPage,
         headers(("Link" = String, description = "URL of the next page, with `rel=\"next\"` (RFC 8288)"))),
        (status = "default", description = "Error (RFC 9457)", body = ProblemDocument,
         content_type = "application/problem+json"),
    )
)]
pub(in crate::routes) async fn list(
    admin: Administrator,
    State(app): State<App>,
    params: QueryParams,
) -> Result<Response, Problem> {
    let request = ListRequest::parse(params, admin.principal())?;
    let _share = app.database_shares().manage_keys(admin.share_holder()).await?;
    let page = app.keys().list(request.tenant.as_ref(), request.after, request.size).await?;
    let page = response(page, request.size);
    Ok((request.link(&page), Json(page)).into_response())
}

/// Filter and paging of API keys.
struct ListRequest {
    tenant: Option<TenantId>,
    after: Option<ApiKeyId>,
    size: PageSize,
}

impl utoipa::IntoParams for ListRequest {
    fn into_params(_place: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let tenant = "Exact tenant id. An API key restricted to a tenant can only list the keys of that tenant.";
        vec![
            parameter("tenant_id", tenant, String::schema()),
            parameter("limit", "Page size.", page_size()),
            parameter("cursor", "`next_cursor` of the previous page.", String::schema()),
        ]
    }
}

impl ListRequest {
    /// Parses the parameters, and reports all errors at once.
    fn parse(mut params: QueryParams, principal: &Principal) -> Result<Self, Problem> {
        let mut errors = Vec::new();
        let tenant = parse_param(&mut params, &mut errors, "tenant_id", str::parse::<TenantId>);
        let size = parse_param(&mut params, &mut errors, "limit", str::parse::<PageSize>);
        let after = params.take("cursor").and_then(|text| {
            text.parse::<ApiKeyId>().map_err(|_| errors.push(invalid_cursor())).ok()
        });
        errors.extend(params.unknown_errors());
        if let Some(errors) = ValidationErrors::new(errors) {
            return Err(in_query(errors));
        }
        let tenant = tenant.or_else(|| principal.tenant.clone());
        principal.check_tenant(tenant.as_ref())?;
        Ok(Self { tenant, after, size: size.unwrap_or_default() })
    }

    /// The `Link` header to the next page.
    fn link(&self, page: &KeyPage) -> Option<[(HeaderName, HeaderValue); 1]> {
        let next = page.pagination.next_cursor?;
        let mut params = vec![("limit", self.size.get().to_string()), ("cursor", next.to_string())];
        params.extend(self.tenant.as_ref().map(|tenant| ("tenant_id", tenant.to_string())));
        let query = serde_urlencoded::to_string(params).ok()?;
        let link = HeaderValue::try_from(format!("<{PATH}?{query}>; rel=\"next\"")).ok()?;
        Some([(header::LINK, link)])
    }
}

fn parse_param<T>(
    params: &mut QueryParams,
    errors: &mut Vec<FieldError>,
    name: &'static str,
    parse: impl FnOnce(&str) -> Result<T, ValueError>,
) -> Option<T> {
    let text = params.take(name)?;
    parse(&text).map_err(|error| errors.push(FieldError::new(name, &error))).ok()
}

fn invalid_cursor() -> FieldError {
    let detail = "must be the next_cursor of the previous page".to_owned();
    FieldError { pointer: "cursor".to_owned(), code: ErrorCode::InvalidCursor, detail }
}

fn response(ApiKeyPage { keys, has_more }: ApiKeyPage, size: PageSize) -> KeyPage {
    let next_cursor = keys.last().map(|key| key.id).filter(|_| has_more);
    KeyPage { data: keys, pagination: KeyPagination { limit: size.get(), has_more, next_cursor } }
}
