//! The proof that a caller may do what a handler does. A handler without one does not get a key.

use std::marker::PhantomData;

use axum::extract::FromRequestParts;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;

use super::unverified::Unverified;
use super::{AuthError, Principal, Scope};
use crate::app::App;
use crate::budgets::{Class, Shown};
use crate::clock;
use crate::problem::Problem;

/// How often a key is looked up again for one request.
const LOOKUPS_MAX: u32 = 3;

/// A caller whose key was checked and has the scope of `R`.
///
/// There is no other way to make one than to extract it from a request. Handlers take it before
/// everything else, so that a stranger's body is not even read.
pub(crate) struct Access<R> {
    principal: Principal,
    /// The token, to look the key up again should it have changed.
    token: Box<str>,
    /// How often the key was looked up again.
    lookups: u32,
    unverified: Unverified,
    app: App,
    shown: Shown,
    right: PhantomData<R>,
}

impl<R> Access<R> {
    pub(crate) fn principal(&self) -> &Principal {
        &self.principal
    }
}

impl<R: Right> Access<R> {
    /// Looks the key up again, after a transaction found that it is not what it was any more.
    ///
    /// # Errors
    /// As when the request came: the key may have been revoked or have lost its scope.
    pub(crate) async fn look_up_again(&mut self) -> Result<(), Problem> {
        if self.lookups == LOOKUPS_MAX {
            return Err(AuthError::Unavailable("the key keeps changing".into()).into());
        }
        self.lookups += 1;
        self.principal = look_up::<R>(&self.app, &self.token).await?;
        self.unverified.clear();
        Ok(())
    }

    /// Says that a transaction has verified the key.
    pub(crate) fn set_verified(&self) {
        self.unverified.clear();
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

/// May read pages and single records. The handler verifies the key in the transaction that reads.
pub(crate) type Searcher = Access<right::Search>;
/// May count.
pub(crate) type Reader = Access<right::Read>;
/// May write. The handler verifies the key in the transaction that writes.
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
    /// Whether the handler verifies the key in the transaction in which it reads or writes, so that
    /// the key need not be looked up before.
    fn verifies(_app: &App) -> bool {
        false
    }
}

mod right {
    use super::{App, Class, Right, Scope};

    macro_rules! rights {
        ($($name:ident: $scope:expr, $class:ident $(, $verifies:expr)?);+) => {$(
            pub(crate) enum $name {}
            impl Right for $name {
                const SCOPE: Option<Scope> = $scope;
                const CLASS: Class = Class::$class;
                $(fn verifies(app: &App) -> bool {
                    $verifies(app)
                })?
            }
        )+};
    }
    rights! {
        Read: Some(Scope::Read), Query;
        // A read that is recorded is recorded before it, so the key must be known to be good by then.
        Search: Some(Scope::Read), Query, |app: &App| !app.config().record_reads;
        Write: Some(Scope::Write), Write, |_: &App| true;
        Export: Some(Scope::Export), Export;
        Admin: Some(Scope::Admin), Query;
        Any: None, Query
    }
}

impl<R: Right> FromRequestParts<App> for Access<R> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let token = bearer(parts).ok_or_else(Problem::no_key)?;
        let recognized = if R::verifies(app) { app.authenticator().recognize(token) } else { None };
        // What is known may be out of date, so nobody is refused for it.
        let recognized = recognized.filter(may::<R>);
        let unverified = parts.extensions.get::<Unverified>().cloned().unwrap_or_default();
        let principal = match recognized {
            Some(principal) => {
                unverified.set(token);
                principal
            }
            None => look_up::<R>(app, token).await?,
        };
        let token = token.into();
        let shown = parts.extensions.get::<Shown>().cloned().unwrap_or_default();
        match app.meters().admit(R::CLASS, &principal.key_id, clock::monotonic()) {
            Ok(standing) => standing.into_iter().for_each(|standing| shown.put(standing)),
            Err((standing, refusal)) => {
                shown.put(standing);
                return Err(refusal);
            }
        }
        let (app, right) = (app.clone(), PhantomData);
        Ok(Self { principal, token, lookups: 0, unverified, app, shown, right })
    }
}

/// Asks whose key it is, and whether it has the scope.
async fn look_up<R: Right>(app: &App, token: &str) -> Result<Principal, Problem> {
    let principal = app.authenticator().authenticate(token).await.map_err(|error| {
        if let AuthError::Unavailable(source) = &error {
            tracing::error!(error = %source, "API key lookup failed");
        }
        Problem::from(error)
    })?;
    match R::SCOPE {
        Some(scope) if !may::<R>(&principal) => Err(Problem::wrong_scope(scope)),
        _ => Ok(principal),
    }
}

fn may<R: Right>(principal: &Principal) -> bool {
    R::SCOPE.is_none_or(|scope| principal.may(scope))
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
