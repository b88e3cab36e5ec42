//! The routes of the service, one file each.

mod batch;
mod create;
mod docs;
mod erasures;
mod export;
mod facets;
mod feed;
mod get;
mod histogram;
mod holds;
mod keys;
mod list;
mod log;
mod openapi_json;
mod proof;
mod retention;
mod stats;
mod tail;
mod values;

use std::sync::LazyLock;

use axum::Router;
use axum::http::{Extensions, HeaderMap, StatusCode, Version, header};
use axum::middleware::from_fn_with_state;
use axum::response::Response;
use tower::ServiceBuilder;
use tower::util::option_layer;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{DefaultPredicate, Predicate};
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::cors::CorsConfig;
use crate::openapi::{Page, document};
use crate::{middleware, problem};

/// The service: every route with its middleware.
///
/// From the outside in: request id, error rendering, metrics, span, access log and security headers; CORS;
/// compression; panic handling; memory of the response, rate-limit headers, request timeout and verification of cached keys. Without
/// a CORS configuration, pages of other origins cannot use the service.
pub fn router(app: App) -> Router {
    let (router, _) = open_api_router().split_for_parts();
    let cors = app.config().cors.as_ref().map(CorsConfig::layer);
    let layers = ServiceBuilder::new()
        .layer(from_fn_with_state(app.clone(), middleware::outer))
        .layer(option_layer(cors))
        .layer(CompressionLayer::new().compress_when(DefaultPredicate::new().and(has_no_etag)))
        .layer(CatchPanicLayer::custom(problem::panicked))
        .layer(from_fn_with_state(app.clone(), middleware::inner));
    router.layer(layers).with_state(app)
}

/// The OpenAPI 3.1 document of the service.
#[must_use]
pub fn openapi() -> OpenApi {
    let mut document = open_api_router().into_openapi();
    // OpenAPI has no parameter that spans segments.
    if let Some(item) = document.paths.paths.remove(log::tile::PATH) {
        document.paths.paths.insert(log::tile::PATH.replace('*', ""), item);
    }
    document
}

/// The OpenAPI document as an HTML page. It never changes, so it is rendered once.
pub(crate) fn docs_page() -> Response {
    static PAGE: LazyLock<Page> = LazyLock::new(|| Page::render(&openapi()));
    PAGE.response()
}

fn open_api_router() -> OpenApiRouter<App> {
    OpenApiRouter::with_openapi(document())
        .routes(routes!(list::list, create::create))
        .routes(routes!(batch::batch))
        .routes(routes!(stats::stats))
        .routes(routes!(histogram::histogram))
        .routes(routes!(facets::facets))
        .routes(routes!(values::values))
        .routes(routes!(export::export))
        .routes(routes!(feed::feed))
        .routes(routes!(tail::tail))
        .routes(routes!(get::get))
        .routes(routes!(proof::proof))
        .routes(routes!(log::checkpoint::checkpoint))
        .routes(routes!(log::tile::tile))
        .routes(routes!(log::consistency::consistency))
        .routes(routes!(log::keys::keys))
        .routes(routes!(keys::list::list, keys::create::create))
        .routes(routes!(keys::revoke::revoke))
        .routes(routes!(retention::list::list, retention::set::set))
        .routes(routes!(retention::remove::remove))
        .routes(routes!(holds::list::list, holds::create::create))
        .routes(routes!(holds::release::release))
        .routes(routes!(erasures::erasures))
        .routes(routes!(openapi_json::openapi_json))
        .routes(routes!(docs::docs))
}

/// A strong entity tag identifies exact bytes, which compression would change.
fn has_no_etag(_: StatusCode, _: Version, headers: &HeaderMap, _: &Extensions) -> bool {
    !headers.contains_key(header::ETAG)
}
