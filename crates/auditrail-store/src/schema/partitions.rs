//! Compares the partitions of a table with the table that is expected.
//!
//! The committed descriptions have a plain table; a database may have it partitioned by range of `id`. Then each
//! partition is checked by rule: what the table has, the partition has too, and nothing that rejects or hides
//! records. The partitions of ids in time follow one another without holes, because the default partition
//! refuses ids in that range.

use super::difference::{Difference, Finding, compare_trigger, difference, extra_index, property};
use super::model::{Schema, Table};

/// The only key by which the table may be partitioned: any other refuses the primary key.
const KEY: &str = "RANGE (id)";

/// The constraint of the default partition that excludes the range of the others, so that attaching a partition
/// does not read it.
const REST_IDS: &str = "audit_logs_rest_ids";

/// The bounds of the default partition.
const DEFAULT: &str = "DEFAULT";

/// Compares the partitions of the table `name`, if it is partitioned.
pub(super) fn compare(name: &str, expected: &Table, found: &Schema, out: &mut Vec<Difference>) {
    let Some(parent) = found.tables.get(name) else { return };
    let Some(key) = &parent.partitioned_by else { return };
    property(&format!("table {name}"), "partition key", &KEY.to_owned(), key, out);
    let partitions: Vec<Partition<'_>> = found
        .tables
        .iter()
        .filter_map(|(name, table)| Some((name, table, table.partition.as_ref()?)))
        .filter(|(_, _, place)| place.of == name)
        .map(|(own_name, table, place)| Partition { name: own_name, table, bounds: &place.bounds })
        .collect();
    compare_ranges(name, &partitions, out);
    for partition in &partitions {
        compare_kind(partition, out);
        compare_triggers(name, expected, parent, partition, out);
        compare_constraints(expected, parent, partition, out);
        compare_indexes(expected, parent, partition, out);
    }
}

/// Whether a check of a partitioned table is equivalent to the expected one of a plain table. A partitioned table
/// has no constraint with NO INHERIT; and one that was added for new rows only may be valid for all.
pub(super) fn is_equal_check(expected: &str, found: &str) -> bool {
    let Some((check, validity)) = expected.split_once(" NO INHERIT") else {
        return expected == found;
    };
    found.strip_prefix(check).is_some_and(|rest| rest.is_empty() || rest == validity)
}

struct Partition<'a> {
    name: &'a str,
    table: &'a Table,
    bounds: &'a str,
}

impl<'a> Partition<'a> {
    /// The lower and the upper bound; `None` for the default partition.
    fn range(&self) -> Option<(&'a str, &'a str)> {
        let (lower, upper) = self
            .bounds
            .strip_prefix("FOR VALUES FROM (")?
            .strip_suffix(')')?
            .split_once(") TO (")?;
        Some((lower.trim_matches('\''), upper.trim_matches('\'')))
    }

    fn part(&self, kind: &str, part: &str) -> String {
        format!("{kind} {part} of {}", self.name)
    }
}

/// Checks that there is a default partition, and that the others cover the range that it refuses.
fn compare_ranges(name: &str, partitions: &[Partition<'_>], out: &mut Vec<Difference>) {
    let Some(rest) = partitions.iter().find(|partition| partition.bounds == DEFAULT) else {
        out.push(difference(format!("default partition of {name}"), Finding::Missing));
        return;
    };
    let object = rest.part("constraint", REST_IDS);
    let Some(check) = rest.table.constraints.get(REST_IDS) else {
        out.push(difference(object, Finding::Missing));
        return;
    };
    let Some((start, end)) = excluded_range(check) else {
        let expected = "CHECK (((id < 'first'::uuid) OR (id >= 'end'::uuid)))".to_owned();
        property(&object, "definition", &expected, check, out);
        return;
    };
    // The text of two ids compares as the ids do.
    let mut ranges: Vec<_> = partitions.iter().filter_map(Partition::range).collect();
    ranges.sort_unstable();
    let mut covered_to = start;
    for (lower, upper) in ranges.into_iter().chain([(end, end)]) {
        if covered_to < lower {
            let object = format!("partition of {name} for ids from {covered_to} to {lower}");
            out.push(difference(object, Finding::Missing));
        }
        covered_to = covered_to.max(upper);
    }
    let first = partitions.iter().filter_map(Partition::range).map(|(lower, _)| lower).min();
    if let Some(first) = first.filter(|first| *first < start) {
        property(&object, "first excluded id", &first.to_owned(), &start.to_owned(), out);
    }
}

/// The range that a valid check of the default partition excludes.
fn excluded_range(check: &str) -> Option<(&str, &str)> {
    let (start, end) = check
        .strip_prefix("CHECK (((id < '")?
        .strip_suffix("'::uuid)))")?
        .split_once("'::uuid) OR (id >= '")?;
    (start < end).then_some((start, end))
}

fn compare_kind(partition: &Partition<'_>, out: &mut Vec<Difference>) {
    let Some(place) = &partition.table.partition else { return };
    let object = format!("partition {}", partition.name);
    property(&object, "kind", &"table".to_owned(), &place.kind, out);
    property(&object, "attached", &true, &place.attached, out);
}

/// Row triggers are cloned to each partition; triggers for each statement have to be created on it.
fn compare_triggers(
    name: &str,
    expected: &Table,
    parent: &Table,
    partition: &Partition<'_>,
    out: &mut Vec<Difference>,
) {
    let found = &partition.table.triggers;
    for (trigger, expected) in &expected.triggers {
        let object = partition.part("trigger", trigger);
        let Some(live) = found.get(trigger) else {
            out.push(difference(object, Finding::Missing));
            continue;
        };
        let mut live = live.clone();
        let (own, common) = (format!(" ON {} ", partition.name), format!(" ON {name} "));
        live.definition = live.definition.replacen(&own, &common, 1);
        compare_trigger(&object, expected, &live, out);
    }
    for trigger in found.keys().filter(|trigger| !expected.triggers.contains_key(*trigger)) {
        // That of the table is reported there.
        if !parent.triggers.contains_key(trigger) {
            out.push(difference(partition.part("trigger", trigger), Finding::Extra));
        }
    }
}

/// The checks of the table, unless it lacks them itself, and none that refuses a record within the bounds.
fn compare_constraints(
    expected: &Table,
    parent: &Table,
    partition: &Partition<'_>,
    out: &mut Vec<Difference>,
) {
    let found = &partition.table.constraints;
    let in_table = |constraint: &String| parent.constraints.contains_key(constraint);
    let checks = expected.constraints.iter().filter(|(_, text)| is_check(text));
    for (constraint, expected) in checks.filter(|(constraint, _)| in_table(constraint)) {
        let object = partition.part("constraint", constraint);
        match found.get(constraint) {
            Some(live) if is_equal_check(expected, live) => {}
            Some(live) => property(&object, "definition", expected, live, out),
            None => out.push(difference(object, Finding::Missing)),
        }
    }
    for (constraint, live) in found {
        let is_attached =
            partition.table.indexes.get(constraint).is_some_and(|index| index.part_of.is_some());
        let is_known = expected.constraints.contains_key(constraint)
            || in_table(constraint)
            || is_attached
            || constraint == REST_IDS && partition.bounds == DEFAULT
            || is_implied(live, partition.range());
        if !is_known {
            out.push(difference(partition.part("constraint", constraint), Finding::Extra));
        }
    }
}

fn is_check(constraint: &str) -> bool {
    constraint.starts_with("CHECK ")
}

/// Whether a check admits every id within the bounds: one from when the partition was attached, or was part of a
/// partition of a longer range.
fn is_implied(check: &str, range: Option<(&str, &str)>) -> bool {
    let Some((lower, upper)) = range else { return false };
    let admitted = check
        .strip_prefix("CHECK (((id >= '")
        .and_then(|check| check.strip_suffix("'::uuid)))"))
        .and_then(|check| check.split_once("'::uuid) AND (id < '"));
    admitted.is_some_and(|(start, end)| start <= lower && upper <= end)
}

/// Every index of the table is attached and valid, and no other rejects a write.
fn compare_indexes(
    expected: &Table,
    parent: &Table,
    partition: &Partition<'_>,
    out: &mut Vec<Difference>,
) {
    let found = &partition.table.indexes;
    for index in expected.indexes.keys().filter(|index| parent.indexes.contains_key(*index)) {
        let attached = found.iter().find(|(_, live)| live.part_of.as_deref() == Some(index));
        match attached {
            Some((own_name, live)) if !live.valid => {
                out.push(difference(partition.part("index", own_name), Finding::InvalidIndex));
            }
            Some(_) => {}
            None => out.push(difference(partition.part("index", index), Finding::Missing)),
        }
    }
    for (index, live) in found.iter().filter(|(_, live)| live.part_of.is_none()) {
        if !partition.table.constraints.contains_key(index) {
            out.push(difference(partition.part("index", index), extra_index(live)));
        }
    }
}
