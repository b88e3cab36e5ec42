//! Sends one batch and determines the outcome of each of its records.

use std::iter;
use std::ops::Range;
use std::time::Duration;

use auditrail_api::BatchResponse;
use bytes::Bytes;

use super::backoff::{Verdict, verdict};
use super::error::RecordError;
use crate::client::Client;
use crate::entry::Entry;
use crate::error::ClientError;

/// The codes of refusals that may be due to the time of the record.
const TIME_CODES: [&str; 2] = ["in_future", "id_conflict"];

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

/// Sends a batch such that neither a record nor a wrong clock holds up or costs another record.
///
/// A record that is refused because of the time that the recorder assigned is sent again without a time: the
/// service assigns one, and does not compare a time that is not provided. That is a time in the future of the
/// service, or one that differs from the stored one, because an earlier attempt without a time, or an earlier
/// call with the same id, was stored.
pub(super) async fn send_batch(
    client: &Client,
    entries: &[Entry],
    timeout: Duration,
) -> BatchResult {
    let texts: Vec<Bytes> = entries.iter().map(|entry| entry.text.clone()).collect();
    let mut result = send_texts(client, &texts, timeout).await;
    let (indices, untimed) = result.take_refused_times(entries);
    if result.error.is_some() {
        // Refused again with the rest of the batch.
        result.unsent.extend(indices);
        result.unsent.sort_unstable();
    } else if !indices.is_empty() {
        result.merge(&indices, send_texts(client, &untimed, timeout).await);
    }
    result
}

/// Sends records. The service skips invalid records, and a batch that it rejects as a whole is bisected until
/// the invalid record is isolated.
async fn send_texts(client: &Client, texts: &[Bytes], timeout: Duration) -> BatchResult {
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
    /// Removes the refusals that a time of the recorder may have caused. Returns their indices, and their
    /// texts without the time.
    fn take_refused_times(&mut self, entries: &[Entry]) -> (Vec<usize>, Vec<Bytes>) {
        let mut untimed = Vec::new();
        self.refused.retain(|(index, error)| {
            let entry = &entries[*index];
            let may_be_time = entry.is_stamped && TIME_CODES.contains(&error.code());
            let text = if may_be_time { entry.text_without_time() } else { None };
            let is_kept = text.is_none();
            untimed.extend(text.map(|text| (*index, text)));
            is_kept
        });
        untimed.into_iter().unzip()
    }

    /// Adds the outcome of the records at these indices.
    fn merge(&mut self, indices: &[usize], other: Self) {
        let Self { acknowledged, duplicates, refused, unsent, error } = other;
        self.acknowledged.extend(acknowledged.into_iter().map(|index| indices[index]));
        self.duplicates += duplicates;
        self.refused.extend(refused.into_iter().map(|(index, error)| (indices[index], error)));
        self.unsent.extend(unsent.into_iter().map(|index| indices[index]));
        self.error = error;
    }

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
