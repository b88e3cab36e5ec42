//! Authorization: the proof that a caller may do what a handler does. A handler without an [`Access`]
//! extractor is unauthenticated.

use std::marker::PhantomData;

use axum::extract::FromRequestParts;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;

use crate::app::App;
use crate::auth::{AuthError, Principal, Scope, UnverifiedKey};
use crate::caller::Caller;
use crate::clock;
use crate::problem::Problem;
use crate::rate_limit::{BudgetClass, ReportedQuota};
use crate::share_holder::ShareHolder;

/// Maximum number of repeated lookups of an API key for one request.
const REFRESHES_MAX: u32 = 3;

/// A caller whose API key was checked and has the scope of `R`.
///
/// The only way to get one is to extract it from a request. Handlers extract it first, so that the body of
/// an unauthenticated request is not read.
pub(crate) struct Access<R> {
    principal: Principal,
    holder: ShareHolder,
    caller: Caller,
    /// The token, to look the key up again if it has changed.
    token: Box<str>,
    refreshes: u32,
    unverified: UnverifiedKey,
    app: App,
    quota: ReportedQuota,
    right: PhantomData<R>,
}

impl<R> Access<R> {
    pub(crate) fn principal(&self) -> &Principal {
        &self.principal
    }

    /// The API key itself.
    pub(crate) fn token(&self) -> &str {
        &self.token
    }

    /// The holder of the shares that the request uses.
    pub(crate) fn share_holder(&self) -> &ShareHolder {
        &self.holder
    }

    pub(crate) fn caller(&self) -> &Caller {
        &self.caller
    }
}

impl<R: Right> Access<R> {
    /// Looks the key up again, after a transaction found that its version has changed.
    ///
    /// # Errors
    /// As for a new request: the key may have been revoked or have lost its scope.
    pub(crate) async fn refresh(&mut self) -> Result<(), Problem> {
        if self.refreshes == REFRESHES_MAX {
            return Err(AuthError::Unavailable("the key keeps changing".into()).into());
        }
        self.refreshes += 1;
        self.principal = look_up(&self.app, &self.token).await?;
        self.holder = ShareHolder::from(&self.principal);
        check_scope::<R>(&self.principal)?;
        self.unverified.clear();
        Ok(())
    }

    /// Looks the key up if it is only known from the cache: for a request without a transaction that would
    /// verify it.
    ///
    /// # Errors
    /// As for a new request.
    pub(crate) async fn verify(&mut self) -> Result<(), Problem> {
        if self.unverified.is_set() { self.refresh().await } else { Ok(()) }
    }

    /// Marks the key as verified by a transaction.
    pub(crate) fn set_verified(&self) {
        self.unverified.clear();
    }
}

impl Access<right::Write> {
    /// Charges the records of a batch. The first one was charged when the request was admitted.
    pub(crate) fn charge(&self, records: usize) {
        let amount = u32::try_from(records.saturating_sub(1)).unwrap_or(u32::MAX);
        let limiter = self.app.rate_limiter();
        let now = clock::monotonic();
        let charged = limiter.charge_overdraft(BudgetClass::Write, &self.holder, amount, now);
        if let Some(status) = charged {
            self.quota.set(status);
        }
    }
}

/// May read pages and single records. The handler verifies the key in the transaction that reads.
pub(crate) type Searcher = Access<right::Search>;
/// May count records.
pub(crate) type Reader = Access<right::Read>;
/// May write. The handler verifies the key in the transaction that writes.
pub(crate) type Writer = Access<right::Write>;
/// May export.
pub(crate) type Exporter = Access<right::Export>;
/// May create, list and revoke API keys.
pub(crate) type Administrator = Access<right::Admin>;
/// May read the transparency log. The handler verifies the key in the statement that reads.
pub(crate) type Verifier = Access<right::Verify>;
/// May erase.
pub(crate) type Eraser = Access<right::Erase>;
/// Has a valid API key with any scopes.
pub(crate) type KeyHolder = Access<right::Any>;

/// The scope that a handler requires, and the budget it is charged to.
pub(crate) trait Right {
    const SCOPE: Option<Scope>;
    const CLASS: BudgetClass;
    /// Whether the handler verifies the key in the transaction in which it reads or writes, so that a
    /// cached key needs no lookup.
    fn verifies(_app: &App) -> bool {
        false
    }
}

mod right {
    use super::{App, BudgetClass, Right, Scope};

    macro_rules! rights {
        ($($name:ident: $scope:expr, $class:ident $(, $verifies:expr)?);+) => {$(
            pub(crate) enum $name {}
            impl Right for $name {
                const SCOPE: Option<Scope> = $scope;
                const CLASS: BudgetClass = BudgetClass::$class;
                $(fn verifies(app: &App) -> bool {
                    $verifies(app)
                })?
            }
        )+};
    }
    rights! {
        Read: Some(Scope::Read), Query;
        // The audit record of a read is written before the read, so the key must be verified by then.
        Search: Some(Scope::Read), Query, |app: &App| !app.config().record_reads;
        Write: Some(Scope::Write), Write, |_: &App| true;
        Export: Some(Scope::Export), Export;
        Admin: Some(Scope::Admin), Query;
        Verify: Some(Scope::Verify), Query, |_: &App| true;
        Erase: Some(Scope::Erase), Query;
        Any: None, Query
    }
}

impl<R: Right> FromRequestParts<App> for Access<R> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let token = bearer(parts).ok_or_else(Problem::no_key)?;
        let caller = Caller::of(&parts.extensions);
        let cached = if R::verifies(app) { app.authenticator().recognize(token) } else { None };
        // The cache may be out of date, so a missing scope there is no reason to reject the request.
        let cached = cached.filter(has_scope::<R>);
        let unverified = parts.extensions.get::<UnverifiedKey>().cloned().unwrap_or_default();
        let is_cached = cached.is_some();
        let principal = match cached {
            Some(principal) => principal,
            None => look_up(app, token).await?,
        };
        let holder = ShareHolder::from(&principal);
        match caller.set(&holder) {
            // The holder of a leaked key must not prevent its revocation.
            Err(busy) if R::SCOPE != Some(Scope::Admin) => return Err(busy.into()),
            _ => {}
        }
        if is_cached {
            unverified.set(token);
        } else {
            check_scope::<R>(&principal)?;
        }
        let token = token.into();
        let quota = parts.extensions.get::<ReportedQuota>().cloned().unwrap_or_default();
        match app.rate_limiter().admit(R::CLASS, &holder, clock::monotonic()) {
            Ok(Some(status)) => quota.set(status),
            Ok(None) => {}
            Err((status, rejection)) => {
                quota.set(status);
                return Err(rejection);
            }
        }
        Ok(Self {
            principal,
            holder,
            caller,
            token,
            refreshes: 0,
            unverified,
            app: app.clone(),
            quota,
            right: PhantomData,
        })
    }
}

/// Finds the principal of a token.
async fn look_up(app: &App, token: &str) -> Result<Principal, Problem> {
    app.authenticator().authenticate(token).await.map_err(|error| {
        if let AuthError::Unavailable(source) = &error {
            tracing::error!(error = %source, "API key lookup failed");
        }
        Problem::from(error)
    })
}

fn check_scope<R: Right>(principal: &Principal) -> Result<(), Problem> {
    match R::SCOPE {
        Some(scope) if !principal.may(scope) => Err(Problem::wrong_scope(scope)),
        _ => Ok(()),
    }
}

fn has_scope<R: Right>(principal: &Principal) -> bool {
    R::SCOPE.is_none_or(|scope| principal.may(scope))
}

/// The token of the only `Authorization: Bearer` header (RFC 6750 §2.1; the scheme is case-insensitive).
fn bearer(parts: &Parts) -> Option<&str> {
    let mut values = parts.headers.get_all(AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return None;
    };
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}
