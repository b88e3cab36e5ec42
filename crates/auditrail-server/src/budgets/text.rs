//! Budgets as operators write them.

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;

use super::Budget;

/// Why a text is no budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a budget is an amount per time window, both at least 1, such as 600000/60s, 1000/1m or 50/1h"
)]
pub struct BudgetError;

impl FromStr for Budget {
    type Err = BudgetError;

    /// Reads `600000/60s`: so much in so many seconds (`s`), minutes (`m`) or hours (`h`).
    fn from_str(text: &str) -> Result<Self, BudgetError> {
        let read = || {
            let (amount, window) = text.split_once('/')?;
            let (number, unit) = window.split_at_checked(window.len().checked_sub(1)?)?;
            let seconds = match unit {
                "s" => 1,
                "m" => 60,
                "h" => 3_600,
                _ => return None,
            };
            let window = whole(number)?.checked_mul(NonZeroU32::new(seconds)?)?;
            Some(Self::new(whole(amount)?, window))
        };
        read().ok_or(BudgetError)
    }
}

/// Digits alone: a sign would be read as well.
fn whole(text: &str) -> Option<NonZeroU32> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

impl fmt::Display for Budget {
    /// As it is read, with the time in seconds.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { amount, window_seconds } = self;
        write!(f, "{amount}/{window_seconds}s")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_is_read_in_its_units_and_printed_as_it_can_be_read() {
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
    fn what_is_no_budget_is_refused() {
        let wrong = ["", "/", "5", "5/", "5/s", "/5s", "0/5s", "5/0s", "+5/5s", "5/+5s", "5/5"];
        let beyond = ["-5/5s", "5 / 5s", "5/5d", "5/5ß", "4294967296/1s", "1/4294967295m"];
        for text in wrong.into_iter().chain(beyond) {
            assert_eq!(text.parse::<Budget>(), Err(BudgetError), "{text}");
        }
    }
}
