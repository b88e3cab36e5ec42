//! The proof that a caller may do what a handler does. A handler without one does not get a key.

use std::marker::PhantomData;

use axum::extract::FromRequestParts;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;

use super::{AuthError, Principal, Scope};
use crate::app::App;
use crate::problem::Problem;

/// A caller whose key was checked and has the scope of `R`.
///
/// There is no other way to make one than to extract it from a request. Handlers take it before
/// everything else, so that a stranger's body is not even read.
pub(crate) struct Access<R> {
    principal: Principal,
    right: PhantomData<R>,
}

impl<R> Access<R> {
    pub(crate) fn principal(&self) -> &Principal {
        &self.principal
    }
}

/// May search and count.
pub(crate) type Reader = Access<right::Read>;
/// May write.
pub(crate) type Writer = Access<right::Write>;
/// May take an export.
pub(crate) type Exporter = Access<right::Export>;
/// Has a good key, whatever its scopes.
pub(crate) type KeyHolder = Access<right::Any>;

/// The scope a handler asks for.
pub(crate) trait Right {
    const SCOPE: Option<Scope>;
}

mod right {
    use super::{Right, Scope};

    macro_rules! rights {
        ($($name:ident: $scope:expr),+) => {$(
            pub(crate) enum $name {}
            impl Right for $name {
                const SCOPE: Option<Scope> = $scope;
            }
        )+};
    }
    rights! {
        Read: Some(Scope::Read),
        Write: Some(Scope::Write),
        Export: Some(Scope::Export),
        Any: None
    }
}

impl<R: Right> FromRequestParts<App> for Access<R> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let token = bearer(parts).ok_or_else(Problem::no_key)?;
        let principal = app.authenticator().authenticate(token).await.map_err(|error| {
            if let AuthError::Unavailable(source) = &error {
                tracing::error!(error = %source, "keys cannot be checked");
            }
            Problem::from(error)
        })?;
        match R::SCOPE {
            Some(scope) if !principal.may(scope) => Err(Problem::wrong_scope(scope)),
            _ => Ok(Self { principal, right: PhantomData }),
        }
    }
}

/// The token of the only `Authorization: Bearer` header (RFC 6750 §2.1; the scheme in any case).
fn bearer(parts: &Parts) -> Option<&str> {
    let mut values = parts.headers.get_all(AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return None;
    };
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}
