//! Every route of the service, a file each.

mod batch;
mod create;
mod docs;
mod export;
mod get;
mod keys;
mod list;
mod openapi_json;
mod schema;
mod stats;

use axum::Router;
use axum::http::{Extensions, HeaderMap, StatusCode, Version, header};
use axum::middleware;
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
use crate::{layers, problem};

/// The service: every route, and what lies around them.
///
/// From the outside in: what concerns every answer (its id, the form of errors, metrics, the span, the log
/// line, headers), CORS, compression, panics, budgets and the time limit. Unless it is configured there is
/// no CORS: no page of another origin may read this.
pub fn router(app: App) -> Router {
    let (router, _) = described().split_for_parts();
    let cors = app.config().cors.as_ref().map(CorsConfig::layer);
    let layers = ServiceBuilder::new()
        .layer(middleware::from_fn_with_state(app.clone(), layers::outer))
        .layer(option_layer(cors))
        .layer(CompressionLayer::new().compress_when(DefaultPredicate::new().and(has_no_tag)))
        .layer(CatchPanicLayer::custom(problem::panicked))
        .layer(middleware::from_fn_with_state(app.clone(), layers::inner));
    router.layer(layers).with_state(app)
}

/// The description of the interface, OpenAPI 3.1.
#[must_use]
pub fn openapi() -> OpenApi {
    described().into_openapi()
}

fn described() -> OpenApiRouter<App> {
    OpenApiRouter::with_openapi(schema::document())
        .routes(routes!(list::list, create::create))
        .routes(routes!(batch::batch))
        .routes(routes!(stats::stats))
        .routes(routes!(export::export))
        .routes(routes!(get::get))
        .routes(routes!(keys::list::list, keys::create::create))
        .routes(routes!(keys::revoke::revoke))
        .routes(routes!(openapi_json::openapi_json))
        .routes(routes!(docs::docs))
}

/// A strong tag names exact bytes, and those of a compressed answer would be others.
fn has_no_tag(_: StatusCode, _: Version, headers: &HeaderMap, _: &Extensions) -> bool {
    !headers.contains_key(header::ETAG)
}
