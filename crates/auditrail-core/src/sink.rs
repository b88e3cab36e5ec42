//! What everything that takes records on, to deliver them, offers.

use std::fmt;
use std::future::Future;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::error::ValueError;
use crate::input::CreateInput;

/// What happens to a record, and to whoever waits for it, when the audit log cannot be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailurePolicy {
    /// Vouched for only once the audit log acknowledged it; else an error.
    Must,
    /// Vouched for once it is durable on the local disk; delivered later.
    Spool,
    /// Never an error; what is lost is counted.
    BestEffort,
}

impl FailurePolicy {
    /// Every policy, the strictest first.
    pub const ALL: [Self; 3] = [Self::Must, Self::Spool, Self::BestEffort];

    /// The name, as policy files have it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Must => "must",
            Self::Spool => "spool",
            Self::BestEffort => "best_effort",
        }
    }
}

impl fmt::Display for FailurePolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for FailurePolicy {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let named = Self::ALL.into_iter().find(|policy| policy.as_str() == text);
        named.ok_or(ValueError::UnknownValue { expected: "must, spool or best_effort" })
    }
}

/// What became of a record that a [`RecordSink`] took on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Taken {
    /// The audit log has it.
    Acknowledged,
    /// It is durable on this disk, and will be delivered.
    Spooled,
    /// It waits in memory. With [`FailurePolicy::BestEffort`] alone.
    Queued,
    /// It is lost, and that is counted. With [`FailurePolicy::BestEffort`] alone.
    Dropped,
}

/// Takes records on and sees to it that they get to the audit log, as far as their policy goes.
///
/// The seam between what makes records (the gateway layer) and what delivers them (the client), so that
/// neither knows the other.
pub trait RecordSink: Send + Sync {
    /// Why a record was not taken on.
    type Error: std::error::Error + Send + Sync + 'static;

    /// Takes one record on: at once, before the future is looked at for the first time, so it can be
    /// called where nothing can wait, a destructor among them. Dropping the future takes nothing back.
    ///
    /// A record without an id or a time is given both here, once, however often it is then sent. With
    /// no policy, that of its action counts as the sink was set up.
    ///
    /// # Errors
    /// With [`FailurePolicy::Must`] that nobody acknowledged it in time, with
    /// [`FailurePolicy::Spool`] that it is neither on disk nor acknowledged, and with both that it was
    /// refused. Never with [`FailurePolicy::BestEffort`].
    fn take(
        &self,
        input: CreateInput,
        policy: Option<FailurePolicy>,
    ) -> impl Future<Output = Result<Taken, Self::Error>> + Send + 'static;

    /// Whether it has a disk to spool to. Without, [`FailurePolicy::Spool`] always fails.
    fn spools(&self) -> bool;
}

/// A sink that is shared.
impl<S: RecordSink> RecordSink for Arc<S> {
    type Error = S::Error;

    fn take(
        &self,
        input: CreateInput,
        policy: Option<FailurePolicy>,
    ) -> impl Future<Output = Result<Taken, Self::Error>> + Send + 'static {
        S::take(self, input, policy)
    }

    fn spools(&self) -> bool {
        S::spools(self)
    }
}

#[cfg(test)]
mod tests {
    use super::FailurePolicy;

    #[test]
    fn a_policy_has_the_same_name_in_text_and_in_json() -> Result<(), Box<dyn std::error::Error>> {
        for policy in FailurePolicy::ALL {
            assert_eq!(policy.as_str().parse(), Ok(policy));
            assert_eq!(serde_json::to_value(policy)?, policy.as_str());
        }
        Ok(())
    }

    #[test]
    fn an_unknown_policy_is_refused_with_the_known_ones() {
        let refused = "maybe".parse::<FailurePolicy>().map_err(|error| error.to_string());
        assert_eq!(refused, Err("must be one of must, spool or best_effort".to_owned()));
    }
}
