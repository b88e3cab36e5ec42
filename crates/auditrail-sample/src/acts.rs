//! What happens: an act is a request, or a few in a row, by one actor from one place.

mod key;
mod person;
mod system;
mod targets;

pub(crate) use self::targets::Targets;

use jiff::Timestamp;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::SampleRecord;
use super::cast::{Actor, Kind};
use super::dice::Dice;
use super::names::TENANTS;

/// Microseconds in a second and in a day.
pub(crate) const SECOND: u64 = 1_000_000;
pub(crate) const DAY: u64 = 24 * 3600 * SECOND;

/// An act being played. What it needs to say where, when and by whom is set up once.
#[derive(Debug)]
pub(crate) struct Act<'a> {
    dice: &'a mut Dice,
    targets: &'a mut Targets,
    actor: &'a Actor,
    tenant: usize,
    micros: u64,
    by_command_line: bool,
    request: String,
    records: Vec<(u64, SampleRecord)>,
}

impl<'a> Act<'a> {
    /// Lets `actor` do something it usually does, starting at `micros` of the month.
    pub(crate) fn play(
        dice: &'a mut Dice,
        targets: &'a mut Targets,
        actor: &'a Actor,
        micros: u64,
    ) -> Self {
        let request = request_id(dice);
        let by_command_line = dice.chance(350);
        // The system works for everybody, two thirds of the time for the larger organization.
        let tenant = match actor.kind {
            Kind::System => usize::from(dice.chance(330)),
            Kind::Person | Kind::Key => actor.tenant,
        };
        let records = Vec::with_capacity(4);
        let mut act =
            Self { dice, targets, actor, tenant, micros, by_command_line, request, records };
        match actor.kind {
            Kind::Person => act.person(),
            Kind::Key => act.key(),
            Kind::System => act.system(),
        }
        act
    }

    /// What was recorded, each with its microseconds since the month began.
    pub(crate) fn into_records(self) -> Vec<(u64, SampleRecord)> {
        self.records
    }

    /// Records one thing done; the next one of this request comes a few milliseconds later.
    fn did(
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
        self.micros += self.dice.between(2_000, 40_000);
    }

    /// Starts another request of the same act after a pause of up to `seconds`.
    fn pause(&mut self, seconds: u64) {
        self.micros += self.dice.between(SECOND / 2, seconds * SECOND);
        self.request = request_id(self.dice);
    }

    fn project(&mut self) -> String {
        self.targets.project(self.dice, self.tenant)
    }
}

/// A request id as a gateway would hand out.
pub(crate) fn request_id(dice: &mut Dice) -> String {
    format!("req_{}{}", dice.letters(8), dice.letters(8))
}

/// A metadata object of a few members.
pub(crate) fn meta<const N: usize>(members: [(&str, Value); N]) -> Map<String, Value> {
    members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}
