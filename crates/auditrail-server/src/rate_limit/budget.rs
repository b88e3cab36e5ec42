//! Budgets, and their text form in the configuration.

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;
use std::time::Duration;

use crate::limits::{EXPORTS_PER_MINUTE, QUERIES_PER_MINUTE};

/// The budgets of each share holder; `None` is unlimited.
///
/// A share holder is a tenant, whose keys share its budgets, or an API key that is not restricted to a tenant. A budget is a token bucket: it starts full, refills continuously, and what
/// it holds may be used at once. A request is admitted while anything is left. A batch is charged for all
/// its records even if that overdraws the budget, and the overdraft must refill before the next request
/// is admitted. So no batch is too large to be admitted, and the long-term rate holds.
///
/// Each process counts for itself, and starts with full budgets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RateBudgets {
    /// Records to write. A request counts as one at least, and a rejected batch counts as one.
    ///
    /// Unlimited by default: the writer's queue already applies back-pressure before the database is
    /// overloaded, and how to divide the capacity among programs is the operator's decision. A program
    /// that catches up after an outage writes as fast as it can, and should.
    pub write: Option<Budget>,
    /// Requests that search, count, get a record, or manage API keys. By default
    /// [`QUERIES_PER_MINUTE`] per minute.
    pub query: Option<Budget>,
    /// Exports. By default [`EXPORTS_PER_MINUTE`] per minute.
    pub export: Option<Budget>,
}

impl Default for RateBudgets {
    fn default() -> Self {
        Self {
            write: None,
            query: Budget::per_minute(QUERIES_PER_MINUTE),
            export: Budget::per_minute(EXPORTS_PER_MINUTE),
        }
    }
}

impl RateBudgets {
    /// No limits.
    pub const UNLIMITED: Self = Self { write: None, query: None, export: None };
}

/// An amount per time window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    amount: NonZeroU32,
    window_seconds: NonZeroU32,
}

impl Budget {
    /// Creates a budget: `amount` is its capacity, and what refills within the window.
    #[must_use]
    pub const fn new(amount: NonZeroU32, window_seconds: NonZeroU32) -> Self {
        Self { amount, window_seconds }
    }

    fn per_minute(amount: u32) -> Option<Self> {
        Some(Self::new(NonZeroU32::new(amount)?, NonZeroU32::new(60)?))
    }

    /// The capacity: records for writing, requests otherwise.
    #[must_use]
    pub const fn amount(self) -> u32 {
        self.amount.get()
    }

    /// The time in which an empty budget refills.
    #[must_use]
    pub const fn window(self) -> Duration {
        Duration::from_secs(self.window_seconds.get() as u64)
    }
}

/// The text is not a budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a budget is an amount per time window, both at least 1, such as 600000/60s, 1000/1m or 50/1h"
)]
pub struct BudgetError;

impl FromStr for Budget {
    type Err = BudgetError;

    /// Parses `600000/60s`: an amount per number of seconds (`s`), minutes (`m`) or hours (`h`).
    fn from_str(text: &str) -> Result<Self, BudgetError> {
        let parse = || {
            let (amount, window) = text.split_once('/')?;
            let (number, unit) = window.split_at_checked(window.len().checked_sub(1)?)?;
            let seconds = match unit {
                "s" => 1,
                "m" => 60,
                "h" => 3_600,
                _ => return None,
            };
            let window = positive(number)?.checked_mul(NonZeroU32::new(seconds)?)?;
            Some(Self::new(positive(amount)?, window))
        };
        parse().ok_or(BudgetError)
    }
}

/// Accepts digits only; `parse` alone would accept a sign.
fn positive(text: &str) -> Option<NonZeroU32> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

impl fmt::Display for Budget {
    /// The form that `from_str` parses, with the window in seconds.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { amount, window_seconds } = self;
        write!(f, "{amount}/{window_seconds}s")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn budgets_round_trip_in_every_unit() {
        for (text, printed) in [
            ("600000/60s", "600000/60s"),
            ("1000/1m", "1000/60s"),
            ("50/2h", "50/7200s"),
            ("4294967295/4294967295s", "4294967295/4294967295s"),
        ] {
            let budget: Budget = text.parse().unwrap();
            assert_eq!(budget.to_string(), printed);
            assert_eq!(printed.parse(), Ok(budget));
        }
    }

    #[test]
    fn malformed_budgets_are_rejected() {
        let wrong = ["", "/", "5", "5/", "5/s", "/5s", "0/5s", "5/0s", "+5/5s", "5/+5s", "5/5"];
        let beyond = ["-5/5s", "5 / 5s", "5/5d", "5/5ß", "4294967296/1s", "1/4294967295m"];
        for text in wrong.into_iter().chain(beyond) {
            assert_eq!(text.parse::<Budget>(), Err(BudgetError), "{text}");
        }
    }
}
