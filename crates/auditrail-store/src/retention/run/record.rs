//! The audit record of a run.

use std::collections::BTreeMap;

use auditrail_core::limits::METADATA_MAX_BYTES;
use auditrail_core::{Action, Actor, CreateInput, Metadata, Record, Target, TargetId, TargetType};
use serde_json::{Value, json};

use super::ledger::{Removal, UnrecordedRun};
use crate::clock;
use crate::error::StoreError;

/// Bytes of metadata for the groups and for the archives, so that the rest fits into the limit as well.
const GROUPS_MAX_BYTES: usize = METADATA_MAX_BYTES / 2;
const ARCHIVES_MAX_BYTES: usize = METADATA_MAX_BYTES / 4;

/// The record of a run. The largest groups and the first archives are listed, as many as fit; the table
/// `audit_log_retention_removals` has all.
pub(super) fn of_run(
    run: &UnrecordedRun,
    removals: &[Removal],
    is_interrupted: bool,
) -> Result<Record, StoreError> {
    let (removed, unlisted) = within(removals.iter().map(group), GROUPS_MAX_BYTES);
    let (archives, unlisted_archives) = within(archives(removals), ARCHIVES_MAX_BYTES);
    let records: u64 = removals.iter().map(|removal| removal.group.records).sum();
    let listed: u64 = removed.iter().filter_map(|group| group["records"].as_u64()).sum();
    let metadata = json!({
        "run_id": run.id,
        "kept_at": run.kept_at,
        "interrupted": is_interrupted,
        "records": records,
        "removed": removed,
        "unlisted": {"groups": unlisted, "records": records - listed},
        "archives": archives,
        "unlisted_archives": unlisted_archives,
    });
    let metadata: Metadata = metadata.to_string().parse().unwrap_or_default();
    let actor: Actor = run.started_by.parse().unwrap_or(Actor::System);
    let target = Target::new(TargetType::from_stored("audit_log"), TargetId::from_stored("all"));
    let now = clock::now();
    let input = CreateInput::new(actor, Action::from_stored("audit_log.retention_run"), target)
        .with_metadata(metadata);
    Ok(input.into_record(clock::new_id(now)?, now))
}

fn group(removal: &Removal) -> Value {
    let Removal { partition, group, archive } = removal;
    let mut value = json!(group);
    value["partition"] = json!(partition);
    if !archive.name.is_empty() {
        value["archive"] = json!(archive.name);
    }
    value
}

fn archives(removals: &[Removal]) -> impl Iterator<Item = Value> {
    let mut records: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    for Removal { group, archive, .. } in removals {
        if !archive.name.is_empty() {
            *records.entry((&archive.name, &archive.sha256)).or_default() += group.records;
        }
    }
    records
        .into_iter()
        .map(|((name, sha256), records)| json!({"name": name, "manifest_sha256": sha256, "records": records}))
}

/// The first values that fit, and the number of the others.
fn within(values: impl Iterator<Item = Value>, max_bytes: usize) -> (Vec<Value>, usize) {
    let (mut listed, mut bytes, mut unlisted) = (Vec::new(), 0, 0);
    for value in values {
        bytes += value.to_string().len() + 1;
        if bytes <= max_bytes {
            listed.push(value);
        } else {
            unlisted += 1;
        }
    }
    (listed, unlisted)
}
