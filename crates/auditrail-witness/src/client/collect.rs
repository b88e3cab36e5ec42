//! Asking several witnesses at once.

use std::time::Duration;

use futures_util::future::join_all;
use tlog::SignedNote;

use super::error::WitnessError;
use super::{ConsistencySource, Cosigned, WitnessClient};

/// What came of asking a witness.
#[derive(Debug)]
pub struct Outcome<'a> {
    /// The witness.
    pub witness: &'a WitnessClient,
    /// Its cosignatures, verified, or why there are none.
    pub result: Result<Vec<Cosigned>, WitnessError>,
}

/// Asks all witnesses at once for cosignatures of a checkpoint.
///
/// Returns when each has answered, and not later than after `deadline`. The outcomes are in the order of the witnesses;
/// a witness that has not answered by then has [`WitnessError::Timeout`].
///
/// # Panics
/// Outside a Tokio runtime.
pub async fn collect<'a>(
    witnesses: impl IntoIterator<Item = &'a WitnessClient>,
    checkpoint: &SignedNote,
    source: &impl ConsistencySource,
    deadline: Duration,
) -> Vec<Outcome<'a>> {
    let until = tokio::time::Instant::now() + deadline;
    let ask = async |witness: &'a WitnessClient| {
        let result = tokio::time::timeout_at(until, witness.cosign(checkpoint, source)).await;
        let result = result.unwrap_or(Err(WitnessError::Timeout { after: deadline }));
        Outcome { witness, result }
    };
    join_all(witnesses.into_iter().map(ask)).await
}
