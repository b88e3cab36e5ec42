//! OpenAPI schemas of API keys. The types only describe; tests compare them with what is sent.

use utoipa::{IntoParams, ToSchema};

/// Filter and paging of API keys.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "it describes how `list` reads them")]
pub(super) struct KeyListParams {
    /// Exact tenant id. An API key restricted to a tenant can only list the keys of that tenant.
    tenant_id: Option<String>,
    /// Page size.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<u16>,
    /// `next_cursor` of the previous page.
    cursor: Option<String>,
}

/// Permission of an API key. No scope implies another.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "it describes `Scope` of the core")]
enum ScopeSchema {
    Write,
    Read,
    Export,
    Admin,
}

/// API key without its secret.
#[derive(ToSchema)]
#[schema(as = ApiKey)]
#[expect(dead_code, reason = "it describes `ApiKey` of the core")]
pub(super) struct ApiKeySchema {
    /// API key id. It is not secret: records written with the key have it as `actor_id`.
    #[schema(format = "uuid")]
    id: String,
    /// First characters of the secret.
    hint: String,
    /// Display name.
    #[schema(required = true)]
    name: Option<String>,
    /// Granted scopes.
    #[schema(inline, min_items = 1)]
    scopes: Vec<ScopeSchema>,
    /// Tenant the key is restricted to; null for all tenants.
    #[schema(required = true)]
    tenant_id: Option<String>,
    /// Creation time.
    #[schema(format = "date-time")]
    created_at: String,
    /// Creator, as `type:id`, or `system`.
    created_by: String,
    /// Expiry time; null if the key does not expire.
    #[schema(required = true, format = "date-time")]
    expires_at: Option<String>,
    /// Revocation time; null if the key is not revoked.
    #[schema(required = true, format = "date-time")]
    revoked_at: Option<String>,
}

/// Newly created API key.
#[derive(ToSchema)]
#[schema(as = IssuedKey)]
#[expect(dead_code, reason = "it describes what `create` answers")]
pub(super) struct IssuedKeySchema {
    /// The secret. It is not returned again.
    key: String,
    /// Environment label in the secret.
    environment: String,
    /// API key id. It is not secret: records written with the key have it as `actor_id`.
    #[schema(format = "uuid")]
    id: String,
    /// First characters of the secret.
    hint: String,
    /// Display name.
    #[schema(required = true)]
    name: Option<String>,
    /// Granted scopes.
    #[schema(inline, min_items = 1)]
    scopes: Vec<ScopeSchema>,
    /// Tenant the key is restricted to; null for all tenants.
    #[schema(required = true)]
    tenant_id: Option<String>,
    /// Creation time.
    #[schema(format = "date-time")]
    created_at: String,
    /// Creator, as `type:id`, or `system`.
    created_by: String,
    /// Expiry time; null if the key does not expire.
    #[schema(required = true, format = "date-time")]
    expires_at: Option<String>,
    /// Revocation time; null if the key is not revoked.
    #[schema(required = true, format = "date-time")]
    revoked_at: Option<String>,
}

/// API key to create.
#[derive(ToSchema)]
#[schema(as = NewKey)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "it describes `NewApiKey` of the core")]
pub(super) struct NewKeySchema {
    /// Display name.
    #[schema(min_length = 1, max_length = 200, pattern = r"^[^\u0000-\u001f\u007f-\u009f]*$")]
    name: Option<String>,
    /// Scopes to grant; the caller's own key need not have them.
    #[schema(inline, min_items = 1)]
    scopes: Vec<ScopeSchema>,
    /// Tenant to restrict the key to. Default: the tenant of the caller's key.
    #[schema(min_length = 1, max_length = 200, pattern = r"^[^\u0000-\u001f\u007f-\u009f]*$")]
    tenant_id: Option<String>,
    /// Environment label in the secret. Default: `live`.
    #[schema(pattern = "^[a-z0-9]{1,16}$")]
    environment: Option<String>,
    /// Expiry time: RFC 3339, in the future. Default: no expiry.
    #[schema(format = "date-time")]
    expires_at: Option<String>,
}

/// Page of API keys.
#[derive(ToSchema)]
#[schema(as = KeyPage)]
#[expect(dead_code, reason = "it describes what `list` answers")]
pub(super) struct KeyPageSchema {
    /// API keys, oldest first.
    data: Vec<ApiKeySchema>,
    /// Position of this page and cursor of the next.
    pagination: KeyPaginationSchema,
}

/// Position of a page and cursor of the next.
#[derive(ToSchema)]
#[schema(as = KeyPagination)]
#[expect(dead_code, reason = "it describes what `list` answers")]
struct KeyPaginationSchema {
    /// Page size.
    limit: u16,
    /// Whether more API keys follow.
    has_more: bool,
    /// Cursor of the next page.
    #[schema(required = true)]
    next_cursor: Option<String>,
}
