//! Where a request went.

use http::request::Parts;

use crate::policy::Route;

/// Where a request went, for the coverage report.
#[derive(Debug)]
pub(crate) struct Place {
    /// The route of the framework.
    route: Option<String>,
    path: String,
}

impl Place {
    pub(crate) fn of(parts: &Parts) -> Self {
        Self { route: route(parts), path: path(parts).to_owned() }
    }

    /// Its route, or its path where the framework says none. With a status of `nowhere`, that there is
    /// nothing for it.
    pub(crate) fn route(&self, nowhere: bool) -> Route<'_> {
        match &self.route {
            Some(route) => Route::Known(route),
            None if nowhere => Route::None,
            None => Route::Known(&self.path),
        }
    }
}

#[cfg(feature = "axum")]
pub(crate) fn path(parts: &Parts) -> &str {
    // A nested router takes its prefix off the path.
    let original = parts.extensions.get::<axum::extract::OriginalUri>();
    original.map_or(&parts.uri, |original| &original.0).path()
}

#[cfg(not(feature = "axum"))]
pub(crate) fn path(parts: &Parts) -> &str {
    parts.uri.path()
}

#[cfg(feature = "axum")]
fn route(parts: &Parts) -> Option<String> {
    let matched = parts.extensions.get::<axum::extract::MatchedPath>();
    matched.map(|matched| matched.as_str().to_owned())
}

#[cfg(not(feature = "axum"))]
fn route(_parts: &Parts) -> Option<String> {
    None
}
