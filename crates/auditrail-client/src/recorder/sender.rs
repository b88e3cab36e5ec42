//! Sends one batch and determines the outcome of each of its records.

use std::iter;
use std::ops::Range;
use std::time::Duration;

use auditrail_api::BatchResponse;
use bytes::Bytes;

use super::backoff::{Verdict, verdict};
use super::error::RecordError;
use crate::client::Client;
use crate::error::ClientError;

/// The outcome of a batch, by indices into it. Every index is in exactly one of the lists.
#[derive(Debug, Default)]
pub(super) struct BatchResult {
    /// Stored by the service.
    pub(super) acknowledged: Vec<usize>,
    /// How many of these were stored by an earlier attempt.
    pub(super) duplicates: u64,
    /// Permanently rejected by the service.
    pub(super) refused: Vec<(usize, RecordError)>,
    /// Outcome unknown; to be sent again.
    pub(super) unsent: Vec<usize>,
    /// The error that left records in `unsent`.
    pub(super) error: Option<ClientError>,
}

/// Sends a batch such that no record holds up the others: the service skips invalid records, and a
/// batch that it rejects as a whole is bisected until the invalid record is isolated.
pub(super) async fn send_batch(client: &Client, texts: &[Bytes], timeout: Duration) -> BatchResult {
    let mut result = BatchResult::default();
    let mut parts: Vec<_> = iter::once(0..texts.len()).collect();
    while let Some(part) = parts.pop() {
        let error = match client.batch(&texts[part.clone()], timeout).await {
            Ok(response) => {
                result.add(&part, response);
                continue;
            }
            Err(error) => error,
        };
        if verdict(&error) != Verdict::Refused {
            result.unsent.extend(part.chain(parts.into_iter().rev().flatten()));
            result.error = Some(error);
            break;
        }
        if part.len() == 1 {
            result.refused.push((part.start, refusal(&error)));
        } else {
            let middle = part.start + part.len().div_ceil(2);
            parts.push(middle..part.end);
            parts.push(part.start..middle);
        }
    }
    result
}

impl BatchResult {
    fn add(&mut self, part: &Range<usize>, response: BatchResponse) {
        self.duplicates += response.duplicates;
        let mut errors = response.errors;
        errors.sort_unstable_by_key(|error| error.index);
        let mut errors = errors.into_iter().peekable();
        for (index_in_part, index) in part.clone().enumerate() {
            if let Some(error) = errors.next_if(|error| error.index == index_in_part) {
                let refusal = RecordError::Refused {
                    code: error.code,
                    detail: error.detail,
                    errors: Vec::new(),
                };
                self.refused.push((index, refusal));
            } else {
                self.acknowledged.push(index);
            }
        }
    }
}

fn refusal(error: &ClientError) -> RecordError {
    RecordError::Refused {
        code: error.code().to_owned(),
        detail: error.problem().map_or_else(|| error.to_string(), |problem| problem.detail.clone()),
        errors: error.errors().to_vec(),
    }
}
