//! The description of keys. The types only describe; tests hold them to what is sent.

use utoipa::{IntoParams, ToSchema};

/// Which keys.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "it describes how `list` reads them")]
pub(super) struct KeyListParams {
    /// Keys of exactly this tenant. A key that is bound to a tenant sees the keys of that one alone.
    tenant_id: Option<String>,
    /// Most keys in the page.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<u16>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
}

/// What a key may do. None contains another.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "it describes `Scope` of the core")]
enum ScopeSchema {
    Write,
    Read,
    Export,
    Admin,
}

/// A key as it is kept: everything but the key.
#[derive(ToSchema)]
#[schema(as = ApiKey)]
#[expect(dead_code, reason = "it describes `ApiKey` of the core")]
pub(super) struct ApiKeySchema {
    /// The id, which is no secret: it is the `actor_id` of what is done with the key.
    #[schema(format = "uuid")]
    id: String,
    /// How the key starts.
    hint: String,
    /// What people call it.
    #[schema(required = true)]
    name: Option<String>,
    /// What it may do.
    #[schema(inline, min_items = 1)]
    scopes: Vec<ScopeSchema>,
    /// The only tenant it may write for and see; null for all.
    #[schema(required = true)]
    tenant_id: Option<String>,
    /// When it was made.
    #[schema(format = "date-time")]
    created_at: String,
    /// Who made it, as `type:id`, or `system`.
    created_by: String,
    /// From when on it is refused; null for never.
    #[schema(required = true, format = "date-time")]
    expires_at: Option<String>,
    /// When it was revoked; null while it was not.
    #[schema(required = true, format = "date-time")]
    revoked_at: Option<String>,
}

/// A key that was just made.
#[derive(ToSchema)]
#[schema(as = IssuedApiKey)]
#[expect(dead_code, reason = "it describes what `create` answers")]
pub(super) struct IssuedKeySchema {
    /// The key. It is not shown again.
    key: String,
    /// The label in the key.
    environment: String,
    /// The id, which is no secret: it is the `actor_id` of what is done with the key.
    #[schema(format = "uuid")]
    id: String,
    /// How the key starts.
    hint: String,
    /// What people call it.
    #[schema(required = true)]
    name: Option<String>,
    /// What it may do.
    #[schema(inline, min_items = 1)]
    scopes: Vec<ScopeSchema>,
    /// The only tenant it may write for and see; null for all.
    #[schema(required = true)]
    tenant_id: Option<String>,
    /// When it was made.
    #[schema(format = "date-time")]
    created_at: String,
    /// Who made it, as `type:id`, or `system`.
    created_by: String,
    /// From when on it is refused; null for never.
    #[schema(required = true, format = "date-time")]
    expires_at: Option<String>,
    /// When it was revoked; null while it was not.
    #[schema(required = true, format = "date-time")]
    revoked_at: Option<String>,
}

/// A key to make.
#[derive(ToSchema)]
#[schema(as = NewApiKey)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "it describes `NewApiKey` of the core")]
pub(super) struct NewKeySchema {
    /// What people call it.
    #[schema(min_length = 1, max_length = 200, pattern = r"^[^\u0000-\u001f\u007f-\u009f]*$")]
    name: Option<String>,
    /// What it may do: any scope, also those that the caller's key lacks.
    #[schema(inline, min_items = 1)]
    scopes: Vec<ScopeSchema>,
    /// The only tenant it may write for and see. Left out, the tenant of the caller's key.
    #[schema(min_length = 1, max_length = 200, pattern = r"^[^\u0000-\u001f\u007f-\u009f]*$")]
    tenant_id: Option<String>,
    /// The label in the key: `live` when it is left out.
    #[schema(pattern = "^[a-z0-9]{1,16}$")]
    environment: Option<String>,
    /// From when on it is refused: RFC 3339, in the future. Left out, never.
    #[schema(format = "date-time")]
    expires_at: Option<String>,
}

/// A page of keys.
#[derive(ToSchema)]
#[schema(as = KeyPage)]
#[expect(dead_code, reason = "it describes what `list` answers")]
pub(super) struct KeyPageSchema {
    /// The keys, oldest first.
    data: Vec<ApiKeySchema>,
    /// Where this page is and how to get the next.
    pagination: KeyPaginationSchema,
}

/// Where a page of keys is and how to get the next.
#[derive(ToSchema)]
#[schema(as = KeyPagination)]
#[expect(dead_code, reason = "it describes what `list` answers")]
struct KeyPaginationSchema {
    /// Most keys in the page.
    limit: u16,
    /// Whether there are more keys.
    has_more: bool,
    /// The token for the next page.
    #[schema(required = true)]
    next_cursor: Option<String>,
}
