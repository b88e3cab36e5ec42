//! Rate limits: how much each share holder may use per time window.

mod bucket;
mod budget;
mod reported;

use std::time::{Duration, Instant};

use axum::http::StatusCode;

use crate::limits::BUDGET_HOLDERS_MAX;
use crate::problem::Problem;
use crate::share_holder::ShareHolder;
use bucket::Buckets;

pub use budget::{Budget, BudgetError, RateBudgets};
pub(crate) use reported::ReportedQuota;

/// The budget that a request is charged to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BudgetClass {
    Write,
    Query,
    Export,
}

impl BudgetClass {
    /// Name of the policy in response headers.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Write => "write",
            Self::Query => "query",
            Self::Export => "export",
        }
    }

    pub(crate) const fn unit(self) -> &'static str {
        match self {
            Self::Write => "records",
            Self::Query | Self::Export => "requests",
        }
    }
}

/// What is left of a budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct QuotaStatus {
    pub(crate) class: BudgetClass,
    pub(crate) budget: Budget,
    /// Available immediately.
    pub(crate) remaining: u32,
    /// Time until the budget is full again.
    pub(crate) until_full: Duration,
}

/// Tracks the usage of every share holder.
#[derive(Debug)]
pub(crate) struct RateLimiter {
    write: Option<Buckets>,
    query: Option<Buckets>,
    export: Option<Buckets>,
}

impl RateLimiter {
    /// Starts with a full budget for every holder.
    pub(crate) fn new(budgets: &RateBudgets) -> Self {
        let RateBudgets { write, query, export } = budgets;
        let buckets =
            |budget: Option<Budget>| budget.map(|budget| Buckets::new(budget, BUDGET_HOLDERS_MAX));
        Self { write: buckets(*write), query: buckets(*query), export: buckets(*export) }
    }

    /// Admits a request and charges it one unit; returns `None` if there is no limit.
    ///
    /// # Errors
    /// A 429 if nothing is left, with the status to report.
    pub(crate) fn admit(
        &self,
        class: BudgetClass,
        holder: &ShareHolder,
        now: Instant,
    ) -> Result<Option<QuotaStatus>, (QuotaStatus, Problem)> {
        let Some(buckets) = self.buckets(class) else {
            return Ok(None);
        };
        let status = |(remaining, until_full)| QuotaStatus {
            class,
            budget: buckets.budget(),
            remaining,
            until_full,
        };
        match buckets.admit(holder.as_str(), now) {
            Ok(level) => Ok(Some(status(level))),
            Err(empty) => {
                let status = status((0, empty.until_full));
                Err((status, status.rejection(empty.until_available)))
            }
        }
    }

    /// Charges more to an admitted request, beyond what is left if necessary.
    pub(crate) fn charge_overdraft(
        &self,
        class: BudgetClass,
        holder: &ShareHolder,
        amount: u32,
        now: Instant,
    ) -> Option<QuotaStatus> {
        let buckets = self.buckets(class)?;
        let (remaining, until_full) = buckets.charge_overdraft(holder.as_str(), amount, now);
        Some(QuotaStatus { class, budget: buckets.budget(), remaining, until_full })
    }

    /// Removes the buckets that are full, which frees their memory and loses nothing.
    pub(crate) fn remove_full(&self, now: Instant) {
        for buckets in [&self.write, &self.query, &self.export].into_iter().flatten() {
            buckets.remove_full(now);
        }
    }

    const fn buckets(&self, class: BudgetClass) -> Option<&Buckets> {
        match class {
            BudgetClass::Write => self.write.as_ref(),
            BudgetClass::Query => self.query.as_ref(),
            BudgetClass::Export => self.export.as_ref(),
        }
    }
}

impl QuotaStatus {
    fn rejection(self, until_available: Duration) -> Problem {
        let (class, unit) = (self.class.as_str(), self.class.unit());
        let amount = self.budget.amount();
        let seconds = self.budget.window().as_secs();
        let detail = format!(
            "this API key, or the API keys of its tenant together, have exceeded the `{class}` budget of \
             {amount} {unit} per {seconds} seconds; retry after the time in Retry-After"
        );
        Problem::new(StatusCode::TOO_MANY_REQUESTS, "rate_limited", "Rate limit exceeded", detail)
            .retry_after(Duration::from_secs(whole_seconds(until_available)))
    }
}

/// Seconds, rounded up, so that a client that waits for them is not early.
pub(crate) const fn whole_seconds(time: Duration) -> u64 {
    time.as_secs().saturating_add((time.subsec_nanos() > 0) as u64)
}
