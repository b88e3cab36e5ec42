//! When partitions are closed and merged.

/// The sizes at which partitions are closed and merged. The defaults suit every installation; tests use
/// smaller ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The hot partition is closed when it has about this number of records. Into a partition of up to
    /// 150,000 to 200,000 records, records are inserted at 0.9 of the rate into an empty table or more, with
    /// all indexes and 128 MB of shared buffers; at 600,000 records at 0.6.
    pub hot_rows: i64,
    /// The number of adjacent partitions of about the same size that are merged within a month.
    pub fan_in: usize,
    /// Most records of a merged partition.
    pub merged_rows: i64,
    /// Most closed partitions that are attached; above, adjacent ones are merged across months. Every search
    /// descends into each attached partition: with 60, about a millisecond is added.
    pub attached: usize,
}

impl Limits {
    /// Closed partitions above which merges make no pauses and other work waits for them: twice as many as are
    /// [attached](Self::attached) at most.
    #[must_use]
    pub const fn far_too_many(&self) -> usize {
        self.attached * 2
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self { hot_rows: 180_000, fan_in: 10, merged_rows: 20_000_000, attached: 24 }
    }
}
