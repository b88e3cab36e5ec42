//! The names of the tables and of their indexes.

use super::bound::Bound;
pub(super) use crate::identifier::{quoted, table};

/// The schema of the log.
pub(super) const SCHEMA: &str = "control_plane";
/// The table of the log, and the start of the name of each of its partitions.
pub(super) const LOG: &str = "audit_logs";
/// The partition in which records with the newest ids arrive.
pub(super) const HOT: &str = "audit_logs_hot";
/// The default partition.
pub(super) const REST: &str = "audit_logs_rest";
/// The constraint of [`REST`] that excludes the ranges of the other partitions.
pub(super) const REST_IDS: &str = "audit_logs_rest_ids";

/// As [`REST_IDS`], for the time of an adoption: it binds no other session, see `adopt::lenient`.
pub(super) const ADOPTION: &str = "audit_logs_adoption";
/// The next hot partition, until it is attached.
pub(super) const NEXT: &str = "audit_logs_next";

/// Most bytes of an identifier.
const NAME_MAX_BYTES: usize = 63;

/// The name of a closed partition that starts at `lower`.
pub(super) fn closed(lower: Bound) -> String {
    format!("{LOG}_t{:012x}", lower.unix_ms())
}

/// The name in a partition of an object that is named `name` in the log.
pub(super) fn in_partition(name: &str, partition: &str) -> String {
    let mut own = if name.contains(LOG) {
        name.replacen(LOG, partition, 1)
    } else {
        format!("{partition}_{name}")
    };
    while own.len() > NAME_MAX_BYTES {
        own.pop();
    }
    own
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_of_a_partition_have_its_name() {
        assert_eq!(in_partition("audit_logs_pkey", HOT), "audit_logs_hot_pkey");
        assert_eq!(in_partition("idx_audit_logs_action", REST), "idx_audit_logs_rest_action");
        assert_eq!(in_partition("mine", HOT), "audit_logs_hot_mine");
        assert_eq!(in_partition(&"ä".repeat(40), HOT).len(), 63);
    }

    #[test]
    fn closed_partitions_are_named_by_their_lower_bound() {
        assert_eq!(closed(Bound::from_unix_ms(0x190_a1b2_c3d4)), "audit_logs_t0190a1b2c3d4");
    }
}
