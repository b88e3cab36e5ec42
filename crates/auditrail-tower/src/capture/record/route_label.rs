//! The route of a request, for the coverage report.

use http::request::Parts;

use crate::policy::Route;

/// The route of a request as the framework knows it, and its path.
#[derive(Debug)]
pub(crate) struct RouteLabel {
    /// The route pattern of the framework, if known.
    route: Option<String>,
    path: String,
}

impl RouteLabel {
    pub(crate) fn of(parts: &Parts) -> Self {
        Self { route: route(parts), path: path(parts).to_owned() }
    }

    /// The route, or the path if the framework has no route. Without a route and with `is_unrouted`,
    /// [`Route::None`].
    pub(crate) fn route(&self, is_unrouted: bool) -> Route<'_> {
        match &self.route {
            Some(route) => Route::Known(route),
            None if is_unrouted => Route::None,
            None => Route::Known(&self.path),
        }
    }
}

#[cfg(feature = "axum")]
pub(crate) fn path(parts: &Parts) -> &str {
    // A nested router strips its prefix from the path.
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
