//! Schemas of API keys.

use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ArrayBuilder, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::{Null, Property, identifier, input, object, optional, required, string, time, uuid};
use crate::limits::{KEY_ENV_MAX_CHARS, KEY_NAME_MAX_CHARS, TENANT_ID_MAX_CHARS};
use crate::{ApiKey, NewApiKey, Scope};

impl PartialSchema for ApiKey {
    fn schema() -> RefOr<Schema> {
        object("API key without its secret.", properties()).into()
    }
}

impl ToSchema for ApiKey {}

/// The properties of an API key without its secret.
fn properties() -> [Property; 9] {
    let id = "API key id. It is not secret: records written with the key have it as `actor_id`.";
    let tenant_id = "Tenant the key is restricted to; null for all tenants.";
    let expires_at = "Expiry time; null if the key does not expire.";
    let revoked_at = "Revocation time; null if the key is not revoked.";
    let described = |description| string(Null::Never).description(Some(description));
    let or_null = |description| string(Null::Allowed).description(Some(description));
    [
        required("id", uuid(Null::Never).description(Some(id))),
        required("hint", described("First characters of the secret.")),
        required("name", or_null("Display name.")),
        required("scopes", scopes("Granted scopes.")),
        required("tenant_id", or_null(tenant_id)),
        required("created_at", time(Null::Never).description(Some("Creation time."))),
        required("created_by", described("Creator, as `type:id`, or `system`.")),
        required("expires_at", time(Null::Allowed).description(Some(expires_at))),
        required("revoked_at", time(Null::Allowed).description(Some(revoked_at))),
    ]
}

/// A newly created API key: the secret and its environment label before the properties of [`ApiKey`].
#[must_use]
pub fn issued_api_key() -> RefOr<Schema> {
    let described = |description| string(Null::Never).description(Some(description));
    let secret = [
        required("key", described("The secret. It is not returned again.")),
        required("environment", described("Environment label in the secret.")),
    ];
    object("Newly created API key.", secret.into_iter().chain(properties())).into()
}

impl PartialSchema for NewApiKey {
    fn schema() -> RefOr<Schema> {
        let tenant_id = "Tenant to restrict the key to. Default: the tenant of the caller's key.";
        let environment = string(Null::Allowed)
            .pattern(Some(format!("^[a-z0-9]{{1,{KEY_ENV_MAX_CHARS}}}$")))
            .description(Some("Environment label in the secret. Default: `live`."));
        let expires_at = "Expiry time: RFC 3339, in the future. Default: no expiry.";
        let properties = [
            optional(
                "name",
                identifier(KEY_NAME_MAX_CHARS, Null::Allowed).description(Some("Display name.")),
            ),
            required("scopes", scopes("Scopes to grant; the caller's own key need not have them.")),
            optional(
                "tenant_id",
                identifier(TENANT_ID_MAX_CHARS, Null::Allowed).description(Some(tenant_id)),
            ),
            optional("environment", environment),
            optional("expires_at", time(Null::Allowed).description(Some(expires_at))),
        ];
        input("API key to create.", properties).into()
    }
}

impl ToSchema for NewApiKey {
    fn name() -> std::borrow::Cow<'static, str> {
        "NewKey".into()
    }
}

fn scopes(description: &str) -> ArrayBuilder {
    ArrayBuilder::new().items(Scope::schema()).min_items(Some(1)).description(Some(description))
}
