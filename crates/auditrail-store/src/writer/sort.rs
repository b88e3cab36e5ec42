//! Which records of a group are new, as if its requests came one after the other.

use std::collections::{HashMap, HashSet};

use auditrail_core::{Record, RecordId};

use super::request::{OnConflict, WriteOutcome, WriteRequest};

#[cfg(test)]
mod tests;

/// A request in a group.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked<'a> {
    pub(super) request: &'a WriteRequest,
    /// Whether it was sent before on a connection that was lost, so that it may have been written.
    pub(super) sent: bool,
}

/// What became of a request: its outcome, or the places of the conflicts for which all of it was
/// left out.
pub(super) type Verdict = Result<WriteOutcome, Vec<usize>>;

/// What to write, and what to answer once it is written.
#[derive(Debug, Default)]
pub(super) struct Sorted {
    /// One for each request.
    pub(super) verdicts: Vec<Verdict>,
    /// The places of the records to write, counted through the group.
    pub(super) new: Vec<usize>,
}

/// Sorts a group. `stored` says for each of its records whether its id is in the table, and if so
/// whether with the same content.
pub(super) fn sort(group: &[Asked<'_>], stored: &[Option<bool>]) -> Sorted {
    let mut sorted = Sorted::default();
    let mut seen = Seen::default();
    let mut start = 0;
    for asked in group {
        let end = start + asked.request.records.len();
        let (verdict, new) = seen.add(*asked, &stored[start..end]);
        sorted.verdicts.push(verdict);
        sorted.new.extend(new.into_iter().map(|place| start + place));
        start = end;
    }
    sorted
}

/// What the requests before have put in the table, or will.
#[derive(Default)]
struct Seen<'a> {
    new: HashMap<RecordId, &'a Record>,
    /// Stored records that a request before has found to be its own.
    claimed: HashSet<RecordId>,
}

enum Standing {
    New,
    /// Written by this very request, before its connection was lost.
    Own,
    Duplicate,
    Conflict,
}

impl<'a> Seen<'a> {
    /// Sorts one request, and returns the places of its new records.
    fn add(&mut self, asked: Asked<'a>, stored: &[Option<bool>]) -> (Verdict, Vec<usize>) {
        let WriteRequest { records, time_given, on_conflict, key: _, bytes: _ } = asked.request;
        let mut outcome = WriteOutcome::default();
        let mut new = Vec::new();
        let mut own = Vec::new();
        for (place, record) in records.iter().enumerate() {
            match self.standing(record, time_given[place], stored[place], asked.sent) {
                Standing::New => {
                    self.new.insert(record.id, record);
                    new.push(place);
                    outcome.created.push(place);
                }
                Standing::Own => {
                    self.claimed.insert(record.id);
                    own.push(place);
                    outcome.created.push(place);
                }
                Standing::Duplicate => outcome.duplicates.push(place),
                Standing::Conflict => outcome.conflicts.push(place),
            }
        }
        if outcome.conflicts.is_empty() || *on_conflict == OnConflict::Skip {
            return (Ok(outcome), new);
        }
        for place in new {
            self.new.remove(&records[place].id);
        }
        for place in own {
            self.claimed.remove(&records[place].id);
        }
        (Err(outcome.conflicts), Vec::new())
    }

    fn standing(
        &self,
        record: &Record,
        time_given: bool,
        stored: Option<bool>,
        sent: bool,
    ) -> Standing {
        match (stored, self.new.get(&record.id)) {
            (Some(true), _) if sent && !self.claimed.contains(&record.id) => Standing::Own,
            (Some(true), _) => Standing::Duplicate,
            (Some(false), _) => Standing::Conflict,
            (None, None) => Standing::New,
            (None, Some(earlier)) if same(record, time_given, earlier) => Standing::Duplicate,
            (None, Some(_)) => Standing::Conflict,
        }
    }
}

/// Compares two records with the same id as the table would.
fn same(record: &Record, time_given: bool, earlier: &Record) -> bool {
    let Record {
        id,
        actor,
        action,
        target,
        metadata,
        ip_address,
        user_agent,
        created_at,
        tenant_id,
        request_id,
    } = record;
    let same_metadata = match (metadata, &earlier.metadata) {
        (None, None) => true,
        (Some(one), Some(other)) => one.same_content(other),
        (None, Some(_)) | (Some(_), None) => false,
    };
    *id == earlier.id
        && *actor == earlier.actor
        && *action == earlier.action
        && *target == earlier.target
        && same_metadata
        && *ip_address == earlier.ip_address
        && *user_agent == earlier.user_agent
        && (!time_given || *created_at == earlier.created_at)
        && *tenant_id == earlier.tenant_id
        && *request_id == earlier.request_id
}
