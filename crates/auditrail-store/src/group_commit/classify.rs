//! Classifies the records of a group as new, duplicate or conflict, as if its requests were processed one
//! after the other. Pure: the state of the table is an argument.

use std::collections::{HashMap, HashSet};

use auditrail_core::{ProvidedFields, Record, RecordId};

use super::request::{OnConflict, WriteOutcome, WriteRequest};

#[cfg(test)]
mod tests;

/// A request in a group.
#[derive(Clone, Copy, Debug)]
pub(super) struct Attempt<'a> {
    pub(super) request: &'a WriteRequest,
    /// Whether it was sent on a connection that was lost since, so it may have been written.
    pub(super) sent: bool,
}

/// The outcome of a request, or the indexes of the conflicts for which it was refused as a whole.
pub(super) type Verdict = Result<WriteOutcome, Vec<usize>>;

/// The records to write, and the verdicts once they are written.
#[derive(Debug, Default)]
pub(super) struct Classified {
    /// One for each request.
    pub(super) verdicts: Vec<Verdict>,
    /// Indexes of the records to write, counted through the group.
    pub(super) new: Vec<usize>,
}

/// Classifies a group. For each record `stored` is `None` when its id is not in the table, and otherwise
/// whether the stored record has the same content.
pub(super) fn classify(group: &[Attempt<'_>], stored: &[Option<bool>]) -> Classified {
    let mut classified = Classified::default();
    let mut seen = Seen::default();
    let mut start = 0;
    for attempt in group {
        let end = start + attempt.request.records.len();
        let (verdict, new) = seen.add(*attempt, &stored[start..end]);
        classified.verdicts.push(verdict);
        classified.new.extend(new.into_iter().map(|index| start + index));
        start = end;
    }
    classified
}

/// The effect of the earlier requests on the table.
#[derive(Default)]
struct Seen<'a> {
    new: HashMap<RecordId, &'a Record>,
    /// Stored records that an earlier request claimed as written by its lost attempt.
    claimed: HashSet<RecordId>,
}

enum Class {
    New,
    /// Written by an earlier attempt of this request, whose connection was lost.
    Own,
    Duplicate,
    Conflict,
}

impl<'a> Seen<'a> {
    /// Classifies one request, and returns the indexes of its new records.
    fn add(&mut self, attempt: Attempt<'a>, stored: &[Option<bool>]) -> (Verdict, Vec<usize>) {
        let WriteRequest { records, provided, on_conflict, key: _, bytes: _ } = attempt.request;
        let mut outcome = WriteOutcome::default();
        let mut new = Vec::new();
        let mut own = Vec::new();
        for (index, record) in records.iter().enumerate() {
            match self.class_of(record, provided[index], stored[index], attempt.sent) {
                Class::New => {
                    self.new.insert(record.id, record);
                    new.push(index);
                    outcome.created.push(index);
                }
                Class::Own => {
                    self.claimed.insert(record.id);
                    own.push(index);
                    outcome.created.push(index);
                }
                Class::Duplicate => outcome.duplicates.push(index),
                Class::Conflict => outcome.conflicts.push(index),
            }
        }
        if outcome.conflicts.is_empty() || *on_conflict == OnConflict::Skip {
            return (Ok(outcome), new);
        }
        for index in new {
            self.new.remove(&records[index].id);
        }
        for index in own {
            self.claimed.remove(&records[index].id);
        }
        (Err(outcome.conflicts), Vec::new())
    }

    fn class_of(
        &self,
        record: &Record,
        provided: ProvidedFields,
        stored: Option<bool>,
        sent: bool,
    ) -> Class {
        match (stored, self.new.get(&record.id)) {
            (Some(true), _) if sent && !self.claimed.contains(&record.id) => Class::Own,
            (Some(true), _) => Class::Duplicate,
            (Some(false), _) => Class::Conflict,
            (None, None) => Class::New,
            (None, Some(earlier)) if provided.matches_stored(record, earlier) => Class::Duplicate,
            (None, Some(_)) => Class::Conflict,
        }
    }
}
