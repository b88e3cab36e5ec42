//! The OpenAPI document: what does not belong to a route.

use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{Components, ContactBuilder, InfoBuilder, OpenApi, OpenApiBuilder};

/// Name of the security scheme.
const BEARER: &str = "bearer";

/// The document without any route.
pub(crate) fn document() -> OpenApi {
    let info = InfoBuilder::new()
        .title("Auditrail")
        .description(Some(
            "Audit log for control planes: who did what to what, from where and when.",
        ))
        .version(env!("CARGO_PKG_VERSION"))
        .contact(Some(ContactBuilder::new().name(Some("Auditrail")).build()));
    let mut components = Components::new();
    components.add_security_scheme(BEARER, SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)));
    OpenApiBuilder::new().info(info.build()).components(Some(components)).build()
}
