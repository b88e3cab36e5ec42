//! The bounds of partitions.

use std::fmt;

use jiff::Timestamp;
use serde::{Serialize, Serializer};
use uuid::Uuid;

/// A bound of a range of ids: the first id whose time is a given millisecond. The time of a `UUIDv7` is in
/// its first 48 bits, so ids that carry a time are in the order of that time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bound(Uuid);

impl Bound {
    /// The end of the range in which ids count as ids with a time: 2100-01-01T00:00Z. Of random ids about
    /// one in 120 falls between today and this time; a later horizon would only raise that number.
    pub const HORIZON: Self = Self(Uuid::from_u128(0x03bb_2cc3_d800_u128 << 80));

    /// The first id of this millisecond since 1970. Later bits than the 48 of an id are ignored.
    #[must_use]
    pub const fn from_unix_ms(ms: u64) -> Self {
        Self(Uuid::from_u128((ms as u128) << 80))
    }

    /// The bound with this id, if it is the first id of a millisecond.
    #[must_use]
    pub fn from_id(id: Uuid) -> Option<Self> {
        let bound = Self::from_unix_ms(Self(id).unix_ms());
        (bound.0 == id).then_some(bound)
    }

    /// Its milliseconds since 1970.
    #[must_use]
    pub const fn unix_ms(self) -> u64 {
        (self.0.as_u128() >> 80) as u64
    }

    /// Its time; `None` after the year 9999.
    #[must_use]
    pub fn time(self) -> Option<Timestamp> {
        Timestamp::from_millisecond(i64::try_from(self.unix_ms()).ok()?).ok()
    }

    /// The id.
    #[must_use]
    pub const fn id(self) -> Uuid {
        self.0
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.time() {
            Some(time) => time.fmt(f),
            None => self.0.fmt(f),
        }
    }
}

impl Serialize for Bound {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn horizon_is_the_year_2100() {
        assert_eq!(Bound::HORIZON.to_string(), "2100-01-01T00:00:00Z");
        assert_eq!(Bound::from_unix_ms(4_102_444_800_000), Bound::HORIZON);
    }

    #[test]
    fn bound_is_the_first_id_of_its_millisecond() {
        let bound = Bound::from_unix_ms(0x0190_a1b2_c3d4);
        assert_eq!(bound.id().to_string(), "0190a1b2-c3d4-0000-0000-000000000000");
        assert_eq!(Bound::from_id(bound.id()), Some(bound));
        let next = Uuid::from_u128(bound.id().as_u128() + 1);
        assert_eq!(Bound::from_id(next), None);
    }
}
