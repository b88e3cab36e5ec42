//! One batch to the service, and what became of each record of it.

use std::iter;
use std::ops::Range;
use std::time::Duration;

use bytes::Bytes;

use super::backoff::{Verdict, verdict};
use super::error::RecordError;
use crate::client::{BatchAnswer, Client};
use crate::error::ClientError;

/// What became of a batch, by places. Every record is in one of the lists.
#[derive(Debug, Default)]
pub(super) struct Sent {
    /// Written now, or there already.
    pub(super) acknowledged: Vec<usize>,
    /// How many of these were there already.
    pub(super) duplicates: u64,
    /// Refused for good.
    pub(super) refused: Vec<(usize, RecordError)>,
    /// Not known to be written; send them again.
    pub(super) unsent: Vec<usize>,
    /// Why some are unsent.
    pub(super) error: Option<ClientError>,
}

/// Sends a batch so that no record can hold up its neighbours: the service skips the wrong ones, and a
/// batch that is refused as a whole is halved until the one is found that it was refused for.
pub(super) async fn send(client: &Client, texts: &[Bytes], timeout: Duration) -> Sent {
    let mut sent = Sent::default();
    let mut parts: Vec<_> = iter::once(0..texts.len()).collect();
    while let Some(part) = parts.pop() {
        let error = match client.batch(&texts[part.clone()], timeout).await {
            Ok(answer) => {
                sent.add(&part, answer);
                continue;
            }
            Err(error) => error,
        };
        if verdict(&error) != Verdict::Refused {
            sent.unsent.extend(part.chain(parts.into_iter().rev().flatten()));
            sent.error = Some(error);
            break;
        }
        if part.len() == 1 {
            sent.refused.push((part.start, refusal(&error)));
        } else {
            let middle = part.start + part.len().div_ceil(2);
            parts.push(middle..part.end);
            parts.push(part.start..middle);
        }
    }
    sent
}

impl Sent {
    fn add(&mut self, part: &Range<usize>, answer: BatchAnswer) {
        self.duplicates += answer.duplicates;
        let mut wrong: Vec<_> = answer.errors;
        wrong.sort_unstable_by_key(|error| error.index);
        let mut wrong = wrong.into_iter().peekable();
        for (index, place) in part.clone().enumerate() {
            match wrong.next_if(|error| error.index == index) {
                None => self.acknowledged.push(place),
                Some(error) => {
                    let (code, detail) = (error.code, error.detail);
                    let refused = RecordError::Refused { code, detail, errors: Vec::new() };
                    self.refused.push((place, refused));
                }
            }
        }
    }
}

fn refusal(error: &ClientError) -> RecordError {
    let (code, errors) = (error.code().to_owned(), error.errors().to_vec());
    let detail = error.problem().map_or_else(|| error.to_string(), |said| said.detail.clone());
    RecordError::Refused { code, detail, errors }
}
