//! Metrics of the sequencer, the sealer and the index of words.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;

use super::{counter, gauge, to_float};
use crate::clock;
use crate::sequencing::{Sequencing, SequencingStatus};

/// Reads the status of the sequencer at each scrape.
#[derive(Debug)]
pub(super) struct SequencerMetrics(pub(super) Sequencing);

impl Collector for SequencerMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let status = self.0.status();
        gauges(&mut encoder, &status)?;
        for (name, help, value) in [
            ("steps", "Committed steps of the sequencer.", status.steps),
            ("records", "Records that got a seq from this server.", status.records),
            ("failures", "Failed attempts to sequence records.", status.failures),
            ("reconciled_records", "Records compared with the sequence.", status.compared),
        ] {
            counter(&mut encoder, &format!("sequencer_{name}"), help, value)?;
        }
        let unindexed = to_float(status.unindexed.unwrap_or_default());
        let help = "Records with a seq whose words are not indexed.";
        gauge(&mut encoder, "text_index_unindexed_records", help, unindexed)?;
        let help = "Records whose words this server has indexed.";
        counter(&mut encoder, "text_index_records", help, status.indexed)?;
        sealer(&mut encoder, &status)
    }
}

fn checker(encoder: &mut DescriptorEncoder<'_>, status: &SequencingStatus) -> fmt::Result {
    let help = "Entries of the transparency log that were compared with their records.";
    counter(encoder, "checker_entries", help, status.checked)?;
    let help = "Differences between records and log that the last whole comparison has found, or the current one.";
    gauge(encoder, "checker_differences", help, to_float(status.differences))?;
    let help = "Seconds since a whole comparison ended; since the start of the service before the first one.";
    let age = clock::monotonic().saturating_duration_since(status.checked_since());
    gauge(encoder, "checker_last_pass_age_seconds", help, age.as_secs_f64())
}

fn signer(encoder: &mut DescriptorEncoder<'_>, status: &SequencingStatus) -> fmt::Result {
    let help = "Entries of the last checkpoint that this server has signed.";
    let signed = to_float(status.signed_size.unwrap_or_default());
    gauge(encoder, "signer_checkpoint_size", help, signed)?;
    let help = "1 while the log contradicts a checkpoint that was signed, and nothing is signed.";
    let is_contradicted = if status.is_contradicted { 1.0 } else { 0.0 };
    gauge(encoder, "signer_contradicted", help, is_contradicted)?;
    let help = "Failed attempts to sign a checkpoint.";
    counter(encoder, "signer_failures", help, status.sign_failures)
}

fn sealer(encoder: &mut DescriptorEncoder<'_>, status: &SequencingStatus) -> fmt::Result {
    let size = status.tree_size.and_then(|size| u64::try_from(size).ok()).unwrap_or_default();
    for (name, help, value) in [
        ("tree_size", "Entries in the transparency log.", to_float(size)),
        (
            "unsealed_records",
            "Records with a seq that have no entry in the transparency log.",
            to_float(status.unsealed.unwrap_or_default()),
        ),
        (
            "lag_seconds",
            "Upper bound of the age of the oldest record with a seq that has no entry.",
            status.seal_lag(clock::monotonic()).as_secs_f64(),
        ),
        (
            "tree_damaged",
            "1 while the rows of the transparency log do not fit together, and nothing is added.",
            if status.is_tree_damaged { 1.0 } else { 0.0 },
        ),
    ] {
        gauge(encoder, &format!("sealer_{name}"), help, value)?;
    }
    signer(encoder, status)?;
    checker(encoder, status)?;
    for (name, help, value) in [
        ("records", "Entries that this server has added to the transparency log.", status.sealed),
        (
            "missing_records",
            "Entries without content: their record was removed before it was sealed.",
            status.sealed_missing,
        ),
        ("failures", "Failed attempts to add entries.", status.seal_failures),
    ] {
        counter(encoder, &format!("sealer_{name}"), help, value)?;
    }
    Ok(())
}

fn gauges(encoder: &mut DescriptorEncoder<'_>, status: &SequencingStatus) -> fmt::Result {
    let flag = |is_set: bool| if is_set { 1.0 } else { 0.0 };
    let next_seq = status.next_seq.and_then(|seq| u64::try_from(seq).ok()).unwrap_or_default();
    for (name, help, value) in [
        ("active", "1 while this server sequences records.", flag(status.is_active)),
        ("next_seq", "The seq of the next record.", to_float(next_seq)),
        (
            "lag_seconds",
            "Upper bound of the age of the oldest committed record without a seq.",
            status.lag(clock::monotonic()).as_secs_f64(),
        ),
        ("recovering", "1 while a recovery is in progress.", flag(status.is_recovering)),
        (
            "unsequenced_records",
            "Records without a seq that no round will find.",
            to_float(status.unsequenced),
        ),
    ] {
        gauge(encoder, &format!("sequencer_{name}"), help, value)?;
    }
    Ok(())
}
