//! Query parameters, restricted to the caller's tenant.

use auditrail_core::limits::{REPORTED_ERRORS_MAX, REPORTED_NAME_MAX_CHARS};
use auditrail_core::{ErrorCode, FieldError, Filters, Query, ValidationErrors};
use axum::extract::{FromRequestParts, Query as RawQuery};
use axum::http::Uri;
use axum::http::request::Parts;

use crate::app::App;
use crate::auth::Principal;
use crate::clock;
use crate::problem::{Problem, in_query};

/// The query parameters of a request, decoded and in their order.
#[derive(Clone)]
pub(crate) struct QueryParams {
    params: Vec<(String, String)>,
    /// The names that [`take`](Self::take) was called with.
    own: Vec<&'static str>,
}

impl FromRequestParts<App> for QueryParams {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _app: &App) -> Result<Self, Problem> {
        match RawQuery::<Vec<(String, String)>>::try_from_uri(&parts.uri) {
            Ok(RawQuery(params)) if is_utf8(&parts.uri, &params) => {
                Ok(Self { params, own: Vec::new() })
            }
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
    /// A parameter that occurs twice is left in place, to be rejected.
    pub(crate) fn take(&mut self, name: &'static str) -> Option<String> {
        self.own.push(name);
        let mut matches = self.params.iter().enumerate().filter(|(_, param)| param.0 == name);
        let (Some((index, _)), None) = (matches.next(), matches.next()) else {
            return None;
        };
        Some(self.params.remove(index).1)
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
        let known = match self.own.as_slice() {
            [] => "; it has none".to_owned(),
            own => format!("; its parameters are {}", own.join(", ")),
        };
        let unknown = |name: &str, list: bool| FieldError {
            pointer: name.chars().take(REPORTED_NAME_MAX_CHARS).collect(),
            code: ErrorCode::UnknownField,
            detail: format!(
                "is not a parameter of this operation{}",
                if list { &known } else { "" }
            ),
        };
        leftover_errors(&self.params, &self.own, unknown).into_iter()
    }

    /// Parses the parameters as a search.
    pub(crate) fn query(self, principal: &Principal, app: &App) -> Result<Query, Problem> {
        let params = self.with_tenant_of(principal).params;
        let key = app.log().cursor_key();
        let query = Query::from_pairs(params, key, clock::now()).map_err(in_query)?;
        principal.check_tenant(query.filters.tenant_id.as_ref())?;
        Ok(query)
    }

    /// Parses the parameters as filters.
    pub(crate) fn filters(self, principal: &Principal) -> Result<Filters, Problem> {
        let Self { params, own } = self.with_tenant_of(principal);
        let is_filter = |(name, _): &(String, String)| Filters::canonical_name(name).is_some();
        let (filters, others): (Vec<_>, Vec<_>) = params.into_iter().partition(is_filter);
        let unknown = leftover_errors(&others, &own, |name, list| {
            FieldError::unknown_parameter(name, &own, list)
        });
        let parsed = Filters::from_pairs(filters, clock::now());
        let filters = match (parsed, ValidationErrors::new(unknown)) {
            (Ok(filters), None) => filters,
            (Ok(_), Some(errors)) | (Err(errors), None) => return Err(in_query(errors)),
            (Err(errors), Some(unknown)) => {
                let all = ValidationErrors::new(errors.into_iter().chain(unknown).collect());
                return Err(all.map_or_else(Problem::bad_query, in_query));
            }
        };
        principal.check_tenant(filters.tenant_id.as_ref())?;
        Ok(filters)
    }

    /// Adds the tenant of the API key if the request has none, under any name.
    ///
    /// This happens before parsing, so that cursors are bound to the tenant like to any other filter.
    fn with_tenant_of(mut self, principal: &Principal) -> Self {
        let is_tenant =
            |name: &str| Filters::canonical_name(name).is_some_and(|name| name == "tenant_id");
        let has_tenant = self.params.iter().any(|(name, _)| is_tenant(name));
        if let Some(tenant) = principal.tenant.as_ref().filter(|_| !has_tenant) {
            self.params.push(("tenant_id".to_owned(), tenant.to_string()));
        }
        self
    }
}

/// An error for each parameter that is none of the operation, and one for each that is given repeatedly.
///
/// `unknown` is called with the name, and whether to list the known parameters: a list in every error would let
/// a short request have a long response.
fn leftover_errors(
    params: &[(String, String)],
    own: &[&str],
    unknown: impl Fn(&str, bool) -> FieldError,
) -> Vec<FieldError> {
    let mut errors: Vec<FieldError> = Vec::new();
    for (name, _) in params.iter().take(REPORTED_ERRORS_MAX) {
        if !own.contains(&name.as_str()) {
            let list = errors.iter().all(|error| error.code != ErrorCode::UnknownField);
            errors.push(unknown(name, list));
        } else if errors.iter().all(|error| error.pointer != *name) {
            let detail = "is given more than once".to_owned();
            errors.push(FieldError {
                pointer: name.clone(),
                code: ErrorCode::DuplicateField,
                detail,
            });
        }
    }
    errors
}
