//! API keys over HTTP.

use std::fmt;

use auditrail_core::{ApiKey, ApiKeyEnv, ApiKeyId};
use serde::Serialize;

/// A newly created API key: the only document with the secret of a key, which `Debug` leaves out.
#[derive(Serialize)]
pub struct IssuedKey<'a> {
    /// The secret. It is not returned again.
    pub key: &'a str,
    /// Environment label in the secret.
    pub environment: ApiKeyEnv,
    /// The API key without its secret.
    #[serde(flatten)]
    pub api_key: &'a ApiKey,
}

impl fmt::Debug for IssuedKey<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IssuedKey").field("api_key", self.api_key).finish_non_exhaustive()
    }
}

/// Page of API keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct KeyPage {
    /// API keys, oldest first.
    pub data: Vec<ApiKey>,
    /// Position of this page and cursor of the next.
    pub pagination: KeyPagination,
}

/// Position of a page and cursor of the next.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct KeyPagination {
    /// Page size.
    pub limit: u16,
    /// Whether more API keys follow.
    pub has_more: bool,
    /// Cursor of the next page.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, required = true))]
    pub next_cursor: Option<ApiKeyId>,
}

#[cfg(feature = "openapi")]
mod openapi {
    use std::borrow::Cow;

    use auditrail_core::openapi::issued_api_key;
    use utoipa::openapi::{RefOr, Schema};
    use utoipa::{PartialSchema, ToSchema};

    use super::IssuedKey;

    impl PartialSchema for IssuedKey<'_> {
        fn schema() -> RefOr<Schema> {
            issued_api_key()
        }
    }

    impl ToSchema for IssuedKey<'_> {
        fn name() -> Cow<'static, str> {
            "IssuedKey".into()
        }
    }
}
