//! The actors: people, API keys and the system, with their habits.

use super::names::{DEVICES, KEYS, PEOPLE, TENANTS};
use super::random::{letters, mix};

/// Half hours of a week, the resolution of habits.
pub(crate) const HALF_HOURS: usize = 7 * 48;

/// Activity of a person by hour of a working day in their time zone.
const WORKDAY: [u64; 24] =
    [0, 0, 0, 0, 0, 0, 1, 4, 14, 30, 38, 36, 22, 28, 34, 32, 28, 20, 10, 5, 4, 3, 2, 1];

/// Activity on a working day by that on a Saturday or Sunday.
const WEEKEND_PART: u64 = 9;

/// The activity of the n-th busiest is this over n + 1; a common multiple keeps the values distinct.
const BUSIEST: u64 = 840;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Person,
    Key,
    System,
}

/// A person, an API key or the system.
#[derive(Debug)]
pub(crate) struct Actor {
    pub(crate) kind: Kind,
    pub(crate) id: String,
    /// Index in [`TENANTS`].
    pub(crate) tenant: usize,
    /// Minutes east of UTC.
    zone: i32,
    /// Rank among its kind, 0 for the busiest.
    rank: u64,
    /// The address of a person at home, or of a key's program.
    home: String,
}

/// All actors in a fixed order: people, keys, then the system.
pub(crate) fn all_actors() -> Vec<Actor> {
    let people = (0_u64..).zip(PEOPLE).map(|(rank, (id, tenant, zone))| Actor {
        kind: Kind::Person,
        id: id.to_owned(),
        tenant,
        zone,
        rank,
        home: home_of(rank),
    });
    let keys = (0_u64..).zip(KEYS).map(|(rank, (_, tenant))| Actor {
        kind: Kind::Key,
        id: key_id(rank),
        tenant,
        zone: 0,
        rank,
        home: format!("10.20.{}.{}", rank + 4, 11 + mix(rank) % 200),
    });
    let system = Actor {
        kind: Kind::System,
        id: "system".to_owned(),
        tenant: 0,
        zone: 0,
        rank: 0,
        home: String::new(),
    };
    people.chain(keys).chain([system]).collect()
}

/// The id of the n-th API key; the first few are actors.
pub(crate) fn key_id(n: u64) -> String {
    format!("key_{}", letters(mix(n ^ 0x006b_6579), 12).to_lowercase())
}

/// One person in four has an IPv6 address at home.
fn home_of(rank: u64) -> String {
    if rank % 4 == 3 {
        format!("2001:db8:{:x}::{:x}", 0x100 + rank, mix(rank) % 0xfff0 + 1)
    } else {
        format!("198.51.100.{}", 10 + 6 * rank)
    }
}

impl Actor {
    /// Its activity in a half hour of the week, counted from Monday 00:00 UTC.
    pub(crate) fn activity(&self, half_hour: usize) -> u64 {
        let share = BUSIEST / (self.rank + 1);
        let minutes = i32::try_from(half_hour * 30).unwrap_or(0) + self.zone;
        let local = usize::try_from(minutes.rem_euclid(7 * 24 * 60)).unwrap_or(0);
        let (weekend, hour) = (local / (24 * 60) >= 5, local / 60 % 24);
        let (half, utc_hour) = (half_hour % 2, half_hour / 2 % 24);
        match self.kind {
            Kind::Person if weekend => share * WORKDAY[hour] / WEEKEND_PART,
            Kind::Person => share * WORKDAY[hour],
            // Programs run all day, and more when people push changes.
            Kind::Key => share * (5 + WORKDAY[hour] / if weekend { WEEKEND_PART } else { 1 }) / 3,
            // Auto-suspend runs at 02:00 and rotation at 03:00, each for half an hour.
            Kind::System if half == 0 && (utc_hour == 2 || utc_hour == 3) => BUSIEST * 24,
            Kind::System => 0,
        }
    }

    /// Its address on `day`: in the office or at home, the same all day.
    pub(crate) fn address(&self, day: u64) -> Option<String> {
        let in_office = mix(day * 97 + self.rank) % 100 < 55;
        match self.kind {
            Kind::System => None,
            Kind::Person if in_office => Some(TENANTS[self.tenant].2.to_owned()),
            Kind::Person | Kind::Key => Some(self.home.clone()),
        }
    }

    /// Its user agent; people have a browser and a command line.
    pub(crate) fn agent(&self, by_command_line: bool) -> Option<String> {
        let place = usize::try_from(mix(self.rank + 7) % 4).unwrap_or(0);
        match self.kind {
            Kind::System => None,
            Kind::Person if by_command_line => Some(DEVICES[place].1.to_owned()),
            Kind::Person => Some(DEVICES[place].0.to_owned()),
            Kind::Key => {
                let purpose = KEYS[usize::try_from(self.rank).unwrap_or(0)].0;
                Some(format!("plane-sdk-go/1.{}.0 ({purpose})", 8 + self.rank % 4))
            }
        }
    }

    pub(crate) fn actor_type(&self) -> &'static str {
        match self.kind {
            Kind::Person => "user",
            Kind::Key => "api_key",
            Kind::System => "system",
        }
    }
}
