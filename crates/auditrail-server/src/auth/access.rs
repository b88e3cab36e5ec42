//! The proof that a caller may do what a handler does. A handler without one does not get a key.

use std::marker::PhantomData;

use axum::extract::FromRequestParts;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;

use super::{AuthError, Principal, Scope};
use crate::app::App;
use crate::budgets::{Class, Shown};
use crate::clock;
use crate::problem::Problem;

/// A caller whose key was checked and has the scope of `R`.
///
/// There is no other way to make one than to extract it from a request. Handlers take it before
/// everything else, so that a stranger's body is not even read.
pub(crate) struct Access<R> {
    principal: Principal,
    app: App,
    shown: Shown,
    right: PhantomData<R>,
}

impl<R> Access<R> {
    pub(crate) fn principal(&self) -> &Principal {
        &self.principal
    }
}

impl Access<right::Write> {
    /// Counts the records of a batch, the first of which was counted when the request got in.
    pub(crate) fn count(&self, records: usize) {
        let more = u32::try_from(records.saturating_sub(1)).unwrap_or(u32::MAX);
        let meters = self.app.meters();
        let standing = meters.owe(Class::Write, &self.principal.key_id, more, clock::monotonic());
        standing.into_iter().for_each(|standing| self.shown.put(standing));
    }
}

/// May search and count.
pub(crate) type Reader = Access<right::Read>;
/// May write.
pub(crate) type Writer = Access<right::Write>;
/// May take an export.
pub(crate) type Exporter = Access<right::Export>;
/// May make, list and revoke keys.
pub(crate) type Administrator = Access<right::Admin>;
/// Has a good key, whatever its scopes.
pub(crate) type KeyHolder = Access<right::Any>;

/// The scope a handler asks for, and the budget it uses.
pub(crate) trait Right {
    const SCOPE: Option<Scope>;
    const CLASS: Class;
}

mod right {
    use super::{Class, Right, Scope};

    macro_rules! rights {
        ($($name:ident: $scope:expr, $class:ident);+) => {$(
            pub(crate) enum $name {}
            impl Right for $name {
                const SCOPE: Option<Scope> = $scope;
                const CLASS: Class = Class::$class;
            }
        )+};
    }
    rights! {
        Read: Some(Scope::Read), Query;
        Write: Some(Scope::Write), Write;
        Export: Some(Scope::Export), Export;
        Admin: Some(Scope::Admin), Query;
        Any: None, Query
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
        if let Some(scope) = R::SCOPE.filter(|scope| !principal.may(*scope)) {
            return Err(Problem::wrong_scope(scope));
        }
        let shown = parts.extensions.get::<Shown>().cloned().unwrap_or_default();
        match app.meters().admit(R::CLASS, &principal.key_id, clock::monotonic()) {
            Ok(standing) => standing.into_iter().for_each(|standing| shown.put(standing)),
            Err((standing, refusal)) => {
                shown.put(standing);
                return Err(refusal);
            }
        }
        Ok(Self { principal, app: app.clone(), shown, right: PhantomData })
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
