//! A search as a caller may make it: the parameters of the request, within the caller's tenant.

use auditrail_core::limits::{REPORTED_ERRORS_MAX, REPORTED_NAME_MAX_CHARS};
use auditrail_core::{ErrorCode, FieldError, Filters, Query, ValidationErrors};
use axum::extract::{FromRequestParts, Query as RawQuery};
use axum::http::Uri;
use axum::http::request::Parts;

use crate::app::App;
use crate::auth::Principal;
use crate::problem::{Problem, in_query};

/// The parameters of a request, decoded and in their order.
#[derive(Clone)]
pub(crate) struct Pairs(Vec<(String, String)>);

impl FromRequestParts<App> for Pairs {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _app: &App) -> Result<Self, Problem> {
        let pairs = RawQuery::<Vec<(String, String)>>::try_from_uri(&parts.uri);
        match pairs {
            Ok(RawQuery(pairs)) if is_text(&parts.uri, &pairs) => Ok(Self(pairs)),
            _ => Err(Problem::bad_query()),
        }
    }
}

/// Whether the query is UTF-8. Decoding puts U+FFFD in the place of every byte that is not, and a
/// search for that would find nothing without a word.
fn is_text(uri: &Uri, pairs: &[(String, String)]) -> bool {
    let replaced = |text: &str| text.matches(char::REPLACEMENT_CHARACTER).count();
    let decoded: usize = pairs.iter().map(|(name, value)| replaced(name) + replaced(value)).sum();
    let raw = uri.query().unwrap_or_default();
    let meant = raw.to_ascii_lowercase().matches("%ef%bf%bd").count() + replaced(raw);
    decoded == meant
}

impl Pairs {
    /// Takes out the value of a parameter that is no part of a search.
    ///
    /// One that is there twice is left where it is, to be refused as unknown.
    pub(crate) fn take(&mut self, name: &str) -> Option<String> {
        let mut places = self.0.iter().enumerate().filter(|(_, pair)| pair.0 == name);
        let (Some((place, _)), None) = (places.next(), places.next()) else {
            return None;
        };
        Some(self.0.remove(place).1)
    }

    /// Refuses every parameter, where there are none to give.
    pub(crate) fn none(self) -> Result<(), Problem> {
        match ValidationErrors::new(self.unknown().collect()) {
            Some(errors) => Err(in_query(errors)),
            None => Ok(()),
        }
    }

    /// What is wrong with parameters that the call does not have.
    pub(crate) fn unknown(self) -> impl Iterator<Item = FieldError> {
        self.0.into_iter().take(REPORTED_ERRORS_MAX).map(|(name, _)| FieldError {
            pointer: name.chars().take(REPORTED_NAME_MAX_CHARS).collect(),
            code: ErrorCode::UnknownField,
            detail: "is not a parameter of this operation".to_owned(),
        })
    }

    /// The parameters as a whole search.
    pub(crate) fn query(self, principal: &Principal, app: &App) -> Result<Query, Problem> {
        let pairs = self.within(principal);
        let query = Query::from_pairs(pairs, app.log().cursor_key());
        checked(query, principal, |query| &query.filters)
    }

    /// The parameters as filters alone.
    pub(crate) fn filters(self, principal: &Principal) -> Result<Filters, Problem> {
        checked(Filters::from_pairs(self.within(principal)), principal, |filters| filters)
    }

    /// Adds the tenant of the key where the caller names none.
    ///
    /// It is added before parsing, so that cursors are bound to it as to any other filter.
    fn within(self, principal: &Principal) -> Vec<(String, String)> {
        let Self(mut pairs) = self;
        let names_one = pairs.iter().any(|(name, _)| name == "tenant_id");
        if let Some(tenant) = principal.tenant.as_ref().filter(|_| !names_one) {
            pairs.push(("tenant_id".to_owned(), tenant.to_string()));
        }
        pairs
    }
}

/// Refuses a search beyond the tenant of the key, whatever was parsed.
fn checked<T>(
    parsed: Result<T, ValidationErrors>,
    principal: &Principal,
    filters: impl FnOnce(&T) -> &Filters,
) -> Result<T, Problem> {
    let parsed = parsed.map_err(in_query)?;
    match principal.sees(filters(&parsed).tenant_id.as_ref()) {
        true => Ok(parsed),
        false => Err(Problem::other_tenant()),
    }
}
