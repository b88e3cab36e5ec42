//! The actions: an act is one request or several in a row, by one actor from one address.

mod key;
mod person;
mod system;
mod targets;

pub(crate) use self::targets::Targets;

use jiff::Timestamp;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::SampleRecord;
use super::actors::{Actor, Kind};
use super::names::TENANTS;
use super::random::Random;

/// Microseconds in a second and in a day.
pub(crate) const SECOND: u64 = 1_000_000;
pub(crate) const DAY: u64 = 24 * 3600 * SECOND;

/// An act being generated, with the fields that its records share.
#[derive(Debug)]
pub(crate) struct Act<'a> {
    random: &'a mut Random,
    targets: &'a mut Targets,
    actor: &'a Actor,
    tenant: usize,
    micros: u64,
    by_command_line: bool,
    request: String,
    records: Vec<(u64, SampleRecord)>,
}

impl<'a> Act<'a> {
    /// Generates a typical act of `actor`, starting at `micros` of the month.
    pub(crate) fn play(
        random: &'a mut Random,
        targets: &'a mut Targets,
        actor: &'a Actor,
        micros: u64,
    ) -> Self {
        let request = request_id(random);
        let by_command_line = random.chance(350);
        // Two thirds of the work of the system are for the larger organization.
        let tenant = match actor.kind {
            Kind::System => usize::from(random.chance(330)),
            Kind::Person | Kind::Key => actor.tenant,
        };
        let records = Vec::with_capacity(4);
        let mut act =
            Self { random, targets, actor, tenant, micros, by_command_line, request, records };
        match actor.kind {
            Kind::Person => act.person(),
            Kind::Key => act.key(),
            Kind::System => act.system(),
        }
        act
    }

    /// The records, each with its microseconds since the start of the month.
    pub(crate) fn into_records(self) -> Vec<(u64, SampleRecord)> {
        self.records
    }

    /// Adds a record; the next one of this request is a few milliseconds later.
    fn record(
        &mut self,
        action: &'static str,
        target_type: &'static str,
        target_id: String,
        metadata: Map<String, Value>,
    ) {
        let record = SampleRecord {
            id: Uuid::nil(),
            actor_id: self.actor.id.clone(),
            actor_type: self.actor.actor_type(),
            action,
            target_type,
            target_id,
            metadata,
            ip_address: self.actor.address(self.micros / DAY),
            user_agent: self.actor.agent(self.by_command_line),
            created_at: Timestamp::UNIX_EPOCH,
            tenant_id: TENANTS[self.tenant].0,
            request_id: self.request.clone(),
        };
        self.records.push((self.micros, record));
        self.micros += self.random.between(2_000, 40_000);
    }

    /// Starts another request of the same act after a pause of up to `seconds`.
    fn pause(&mut self, seconds: u64) {
        self.micros += self.random.between(SECOND / 2, seconds * SECOND);
        self.request = request_id(self.random);
    }

    fn project(&mut self) -> String {
        self.targets.project(self.random, self.tenant)
    }
}

/// A request id like those of a gateway.
pub(crate) fn request_id(random: &mut Random) -> String {
    format!("req_{}{}", random.letters(8), random.letters(8))
}

/// A metadata object with these members.
pub(crate) fn meta<const N: usize>(members: [(&str, Value); N]) -> Map<String, Value> {
    members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}
