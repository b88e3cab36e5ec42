//! The interface of a delivery path for records, and its failure policies.

use std::fmt;
use std::future::Future;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::error::ValueError;
use crate::input::CreateInput;

/// What a sink guarantees when it accepts a record, and what happens when the audit log is unreachable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailurePolicy {
    /// Accepted once the audit log acknowledged the record; otherwise the caller gets an error.
    Must,
    /// Accepted once the record is durable on the local disk; delivered later.
    Spool,
    /// Always accepted; lost records are counted.
    BestEffort,
}

impl FailurePolicy {
    /// Every policy, strictest first.
    pub const ALL: [Self; 3] = [Self::Must, Self::Spool, Self::BestEffort];

    /// The name used in policy files.
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

/// How far an accepted record got by the time [`RecordSink::submit`] returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DeliveryStatus {
    /// The audit log stored it.
    Acknowledged,
    /// Durable in the local spool; delivery is pending.
    Spooled,
    /// Queued in memory. Only with [`FailurePolicy::BestEffort`].
    Queued,
    /// Lost and counted. Only with [`FailurePolicy::BestEffort`].
    Dropped,
}

/// Accepts records and delivers them to the audit log under a [`FailurePolicy`].
///
/// Decouples the producers of records (the gateway layer) from their delivery (the client): neither
/// depends on the other.
pub trait RecordSink: Send + Sync {
    /// Why a record was not accepted.
    type Error: std::error::Error + Send + Sync + 'static;

    /// Submits one record. The call itself submits it, before the future is first polled, so it also
    /// works where nothing can wait, such as in a destructor. Dropping the future does not cancel it.
    ///
    /// A missing id or time is filled in here once, so retries send the same record. Without a policy,
    /// the one configured for the record's action applies.
    ///
    /// # Errors
    /// With [`FailurePolicy::Must`] when the record was not acknowledged in time, with
    /// [`FailurePolicy::Spool`] when it is neither on disk nor acknowledged, and with both when it was
    /// rejected. Never with [`FailurePolicy::BestEffort`].
    fn submit(
        &self,
        input: CreateInput,
        policy: Option<FailurePolicy>,
    ) -> impl Future<Output = Result<DeliveryStatus, Self::Error>> + Send + 'static;

    /// Whether the sink has a spool on disk. Without one, [`FailurePolicy::Spool`] always fails.
    fn spools(&self) -> bool;
}

impl<S: RecordSink> RecordSink for Arc<S> {
    type Error = S::Error;

    fn submit(
        &self,
        input: CreateInput,
        policy: Option<FailurePolicy>,
    ) -> impl Future<Output = Result<DeliveryStatus, Self::Error>> + Send + 'static {
        S::submit(self, input, policy)
    }

    fn spools(&self) -> bool {
        S::spools(self)
    }
}

#[cfg(test)]
mod tests {
    use super::FailurePolicy;

    #[test]
    fn policy_names_are_equal_in_text_and_json() -> Result<(), Box<dyn std::error::Error>> {
        for policy in FailurePolicy::ALL {
            assert_eq!(policy.as_str().parse(), Ok(policy));
            assert_eq!(serde_json::to_value(policy)?, policy.as_str());
        }
        Ok(())
    }

    #[test]
    fn parse_error_lists_the_known_policies() {
        let refused = "maybe".parse::<FailurePolicy>().map_err(|error| error.to_string());
        assert_eq!(refused, Err("must be one of must, spool or best_effort".to_owned()));
    }
}
