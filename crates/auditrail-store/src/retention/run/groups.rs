//! Records by tenant and action.

use std::collections::{BTreeMap, BTreeSet};

use auditrail_core::RecordTime;
use serde::Serialize;
use uuid::Uuid;

use crate::db::Row;
use crate::value::PgTime;

/// Most groups of a table that are kept apart. All others are one group, without tenant and action.
const GROUPS_MAX: usize = 500;

/// A tenant as it is listed: rows that were written in SQL may have an empty one, which is none.
pub(super) fn tenant(stored: Option<String>) -> Option<String> {
    stored.filter(|tenant| !tenant.is_empty())
}

/// Records of one tenant and one action that have expired.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RemovedRecords {
    /// The tenant; `None` for records without one.
    pub tenant_id: Option<String>,
    /// The action; empty for all groups beyond the number that is listed.
    pub action: String,
    /// The number of records.
    pub records: u64,
    /// The lowest `created_at`.
    pub oldest: RecordTime,
    /// The highest `created_at`.
    pub newest: RecordTime,
    /// The lowest id.
    pub lowest_id: Uuid,
    /// The highest id.
    pub highest_id: Uuid,
}

impl RemovedRecords {
    /// Reads the columns tenant, action, number, oldest, newest, lowest and highest id.
    pub(super) fn read(row: &Row) -> Result<Self, sqlx::Error> {
        Ok(Self {
            tenant_id: tenant(row.get(0)?),
            action: row.get(1)?,
            records: u64::try_from(row.get::<i64>(2)?).unwrap_or_default(),
            oldest: row.get::<PgTime>(3)?.0,
            newest: row.get::<PgTime>(4)?.0,
            lowest_id: row.get(5)?,
            highest_id: row.get(6)?,
        })
    }

    fn add(&mut self, other: &Self) {
        self.records += other.records;
        self.oldest = self.oldest.min(other.oldest);
        self.newest = self.newest.max(other.newest);
        self.lowest_id = self.lowest_id.min(other.lowest_id);
        self.highest_id = self.highest_id.max(other.highest_id);
    }
}

/// The groups of a table, of a bounded number.
#[derive(Clone, Debug, Default)]
pub(super) struct Groups(BTreeMap<(Option<String>, String), RemovedRecords>);

impl Groups {
    /// Adds records to their group.
    pub(super) fn add(&mut self, mut group: RemovedRecords) {
        let key = (group.tenant_id.clone(), group.action.clone());
        if let Some(known) = self.0.get_mut(&key) {
            return known.add(&group);
        }
        if self.0.len() < GROUPS_MAX {
            self.0.insert(key, group);
            return;
        }
        (group.tenant_id, group.action) = (None, String::new());
        match self.0.get_mut(&(None, String::new())) {
            Some(others) => others.add(&group),
            None => drop(self.0.insert((None, String::new()), group)),
        }
    }

    /// Whether there are no records.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The number of records.
    pub(super) fn records(&self) -> u64 {
        self.0.values().map(|group| group.records).sum()
    }

    /// The groups, by tenant and action.
    pub(super) fn into_list(self) -> Vec<RemovedRecords> {
        self.0.into_values().collect()
    }
}

/// The groups that the transactions of a run list for a table or an archive, of a bounded number.
#[derive(Debug, Default)]
pub(super) struct Listed(BTreeSet<(Option<String>, String)>);

impl Listed {
    /// Joins the groups that are not listed, because there are too many, to one.
    pub(super) fn bounded(&mut self, groups: Vec<RemovedRecords>) -> Vec<RemovedRecords> {
        let mut bounded = Groups::default();
        for mut group in groups {
            let key = (group.tenant_id.clone(), group.action.clone());
            if !self.0.contains(&key) {
                if self.0.len() < GROUPS_MAX {
                    self.0.insert(key);
                } else {
                    (group.tenant_id, group.action) = (None, String::new());
                }
            }
            bounded.add(group);
        }
        bounded.into_list()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(action: &str, id: u128) -> RemovedRecords {
        let time = RecordTime::from_stored_micros(i64::try_from(id).unwrap());
        let id = Uuid::from_u128(id);
        RemovedRecords {
            tenant_id: Some("t1".to_owned()),
            action: action.to_owned(),
            records: 1,
            oldest: time,
            newest: time,
            lowest_id: id,
            highest_id: id,
        }
    }

    #[test]
    fn listed_groups_stay_apart_in_later_steps() {
        let mut listed = Listed::default();
        let first = (0..600).map(|number| group(&format!("a.{number}"), number)).collect();
        assert_eq!(listed.bounded(first).len(), GROUPS_MAX + 1);
        let later = vec![group("a.0", 1), group("a.599", 2), group("b.1", 3)];
        let later = listed.bounded(later);
        let actions: Vec<&str> = later.iter().map(|group| group.action.as_str()).collect();
        assert_eq!(actions, ["", "a.0"]);
    }

    #[test]
    fn groups_beyond_the_bound_are_one() {
        let mut groups = Groups::default();
        for number in 0..1_000 {
            groups.add(group(&format!("a.{number}"), number));
            groups.add(group("a.0", number + 1));
        }
        assert_eq!(groups.records(), 2_000);
        let list = groups.into_list();
        assert_eq!(list.len(), GROUPS_MAX + 1);
        let others = list.iter().find(|group| group.action.is_empty()).unwrap();
        assert_eq!((others.records, &others.tenant_id), (500, &None));
        assert_eq!(others.highest_id, Uuid::from_u128(999));
        let first = list.iter().find(|group| group.action == "a.0").unwrap();
        assert_eq!((first.records, first.highest_id), (1_001, Uuid::from_u128(1_000)));
    }
}
