//! Rate budgets: how much one key may ask for in a time.

mod bucket;
mod shown;
mod text;

use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use axum::http::StatusCode;

pub(crate) use shown::{Shown, layer};
pub use text::BudgetError;

use crate::limits;
use crate::problem::Problem;
use bucket::Buckets;

/// What each key may ask for; `None` is no limit.
///
/// Keys do not share: each has the whole of every budget for itself. A budget is a token bucket: it
/// starts full, a pause fills it up again, and what is in it may be used at once. A request is let in
/// while anything is left; what a batch takes beyond that is owed, and paid back before the next
/// request gets in. So no batch is too large to ever get in, and in the long run the rate holds.
///
/// Budgets are counted by each process for itself and start full with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RateBudgets {
    /// Records to write. A request is one at least, and a batch that is refused as a whole is one.
    ///
    /// None by default: the writer's queue already pushes back before the database is overrun, and
    /// how much one program may write of what another cannot is a choice that nobody but the
    /// operator can make. A program that catches up after an outage writes as fast as it can, and
    /// should.
    pub write: Option<Budget>,
    /// Requests that search, count, get a record, or manage keys. By default
    /// [`limits::QUERY_BUDGET`].
    pub query: Option<Budget>,
    /// Exports. By default [`limits::EXPORT_BUDGET`].
    pub export: Option<Budget>,
}

impl Default for RateBudgets {
    fn default() -> Self {
        Self { write: None, query: Some(limits::QUERY_BUDGET), export: Some(limits::EXPORT_BUDGET) }
    }
}

impl RateBudgets {
    /// No limit of any kind.
    pub const UNLIMITED: Self = Self { write: None, query: None, export: None };
}

/// So much in so many seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    amount: NonZeroU32,
    window_seconds: NonZeroU32,
}

impl Budget {
    /// Makes a budget: `amount` is what a full one holds, and what comes back within the window.
    #[must_use]
    pub const fn new(amount: NonZeroU32, window_seconds: NonZeroU32) -> Self {
        Self { amount, window_seconds }
    }

    /// What a full one holds: records for writing, else requests.
    #[must_use]
    pub const fn amount(self) -> u32 {
        self.amount.get()
    }

    /// How long an empty one takes to be full again.
    #[must_use]
    pub const fn window(self) -> Duration {
        Duration::from_secs(self.window_seconds.get() as u64)
    }
}

/// What a request is counted as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    Write,
    Query,
    Export,
}

impl Class {
    /// The name of its policy in headers.
    const fn as_str(self) -> &'static str {
        match self {
            Self::Write => "write",
            Self::Query => "query",
            Self::Export => "export",
        }
    }

    const fn unit(self) -> &'static str {
        match self {
            Self::Write => "records",
            Self::Query | Self::Export => "requests",
        }
    }
}

/// What is left of a budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    class: Class,
    budget: Budget,
    /// What may be used at once.
    left: u32,
    /// How long until it is full again.
    until_full: Duration,
}

/// What every key has used.
#[derive(Debug)]
pub(crate) struct Meters {
    write: Option<Buckets>,
    query: Option<Buckets>,
    export: Option<Buckets>,
}

impl Meters {
    /// Full budgets for everybody.
    pub(crate) fn new(budgets: &RateBudgets) -> Self {
        let RateBudgets { write, query, export } = budgets;
        let buckets = |budget: Option<Budget>| {
            budget.map(|budget| Buckets::new(budget, limits::BUDGET_KEYS_MAX))
        };
        Self { write: buckets(*write), query: buckets(*query), export: buckets(*export) }
    }

    /// Lets a request in, which takes one; `None` where there is no limit.
    ///
    /// # Errors
    /// A 429 when nothing is left, and what there is to be shown with it.
    pub(crate) fn admit(
        &self,
        class: Class,
        key: &str,
        now: Instant,
    ) -> Result<Option<Standing>, (Standing, Problem)> {
        let Some(buckets) = self.of(class) else {
            return Ok(None);
        };
        let standing =
            |(left, until_full)| Standing { class, budget: buckets.budget(), left, until_full };
        match buckets.admit(key, now) {
            Ok(now) => Ok(Some(standing(now))),
            Err(refusal) => {
                let standing = standing((0, refusal.until_full));
                Err((standing, standing.refusal(refusal.until_some)))
            }
        }
    }

    /// Takes more for a request that was let in, and lets it owe what is not there.
    pub(crate) fn owe(&self, class: Class, key: &str, more: u32, now: Instant) -> Option<Standing> {
        let buckets = self.of(class)?;
        let (left, until_full) = buckets.owe(key, more, now);
        Some(Standing { class, budget: buckets.budget(), left, until_full })
    }

    const fn of(&self, class: Class) -> Option<&Buckets> {
        match class {
            Class::Write => self.write.as_ref(),
            Class::Query => self.query.as_ref(),
            Class::Export => self.export.as_ref(),
        }
    }
}

impl Standing {
    fn refusal(self, until_some: Duration) -> Problem {
        let Budget { amount, window_seconds } = self.budget;
        let (class, unit) = (self.class.as_str(), self.class.unit());
        let detail = format!(
            "this API key has exceeded its `{class}` budget of {amount} {unit} per \
             {window_seconds} seconds; retry after the time in Retry-After"
        );
        let title = "Rate limit exceeded";
        Problem::new(StatusCode::TOO_MANY_REQUESTS, "rate_limited", title, detail)
            .retry_after(Duration::from_secs(shown::whole_seconds(until_some)))
    }
}
