//! Query parameters, restricted to the caller's tenant.

use auditrail_core::limits::{REPORTED_ERRORS_MAX, REPORTED_NAME_MAX_CHARS};
use auditrail_core::{ErrorCode, FieldError, Filters, Query, ValidationErrors};
use axum::extract::{FromRequestParts, Query as RawQuery};
use axum::http::Uri;
use axum::http::request::Parts;

use crate::app::App;
use crate::auth::Principal;
use crate::problem::{Problem, in_query};

/// The query parameters of a request, decoded and in their order.
#[derive(Clone)]
pub(crate) struct QueryParams(Vec<(String, String)>);

impl FromRequestParts<App> for QueryParams {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _app: &App) -> Result<Self, Problem> {
        match RawQuery::<Vec<(String, String)>>::try_from_uri(&parts.uri) {
            Ok(RawQuery(params)) if is_utf8(&parts.uri, &params) => Ok(Self(params)),
            _ => Err(Problem::bad_query()),
        }
    }
}

/// Whether the query is UTF-8. Decoding replaces every invalid byte by U+FFFD, and a search for that would
/// silently match nothing.
fn is_utf8(uri: &Uri, params: &[(String, String)]) -> bool {
    let count = |text: &str| text.matches(char::REPLACEMENT_CHARACTER).count();
    let decoded: usize = params.iter().map(|(name, value)| count(name) + count(value)).sum();
    let raw = uri.query().unwrap_or_default();
    let sent = raw.to_ascii_lowercase().matches("%ef%bf%bd").count() + count(raw);
    decoded == sent
}

impl QueryParams {
    /// Removes a parameter and returns its value.
    ///
    /// A parameter that occurs twice is left in place, to be rejected as unknown.
    pub(crate) fn take(&mut self, name: &str) -> Option<String> {
        let mut matches = self.0.iter().enumerate().filter(|(_, param)| param.0 == name);
        let (Some((index, _)), None) = (matches.next(), matches.next()) else {
            return None;
        };
        Some(self.0.remove(index).1)
    }

    /// Rejects the request if there are any parameters left.
    pub(crate) fn reject_unknown(self) -> Result<(), Problem> {
        match ValidationErrors::new(self.unknown_errors().collect()) {
            Some(errors) => Err(in_query(errors)),
            None => Ok(()),
        }
    }

    /// An error for each parameter that is left.
    pub(crate) fn unknown_errors(self) -> impl Iterator<Item = FieldError> {
        self.0.into_iter().take(REPORTED_ERRORS_MAX).map(|(name, _)| FieldError {
            pointer: name.chars().take(REPORTED_NAME_MAX_CHARS).collect(),
            code: ErrorCode::UnknownField,
            detail: "is not a parameter of this operation".to_owned(),
        })
    }

    /// Parses the parameters as a search.
    pub(crate) fn query(self, principal: &Principal, app: &App) -> Result<Query, Problem> {
        let params = self.with_tenant_of(principal);
        let query = Query::from_pairs(params, app.log().cursor_key()).map_err(in_query)?;
        principal.check_tenant(query.filters.tenant_id.as_ref())?;
        Ok(query)
    }

    /// Parses the parameters as filters.
    pub(crate) fn filters(self, principal: &Principal) -> Result<Filters, Problem> {
        let filters = Filters::from_pairs(self.with_tenant_of(principal)).map_err(in_query)?;
        principal.check_tenant(filters.tenant_id.as_ref())?;
        Ok(filters)
    }

    /// Adds the tenant of the API key if the request has no `tenant_id`.
    ///
    /// This happens before parsing, so that cursors are bound to the tenant like to any other filter.
    fn with_tenant_of(self, principal: &Principal) -> Vec<(String, String)> {
        let Self(mut params) = self;
        let has_tenant = params.iter().any(|(name, _)| name == "tenant_id");
        if let Some(tenant) = principal.tenant.as_ref().filter(|_| !has_tenant) {
            params.push(("tenant_id".to_owned(), tenant.to_string()));
        }
        params
    }
}
