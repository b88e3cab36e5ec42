//! The incident worth finding: a key leaks, is used from a strange place at night, is noticed.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::acts::{SECOND, meta, request_id};
use super::cast::everybody;
use super::dice::Dice;
use super::names::{PROJECTS, SECRETS};
use super::{Sample, SampleRecord};

/// Stream of dice for the incident alone, so that it is the same at every size.
const STREAM: u64 = 4;

const HOUR: u64 = 3600 * SECOND;

/// The night falls between the eleventh and twelfth day: reading goes on from 01:40 to 03:00 UTC.
const NIGHT: u64 = 11 * 24 * HOUR + HOUR + 40 * 60 * SECOND;
const MORNING: u64 = 11 * 24 * HOUR + 7 * HOUR + 25 * 60 * SECOND;

/// Who leaked the key, and who cleans up; both are among the people of the sample.
const DEVELOPER: &str = "dario.conti";
const RESPONDER: &str = "hannah.vogel";
const TENANT: &str = "lumen";

/// What there is to find, so that a test or a demonstration can say whether it found it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Incident {
    /// The API key that leaked; the actor of every record of the thief.
    pub key: &'static str,
    /// The person who made the key and published it.
    pub developer: &'static str,
    /// Who revoked it, rotated the secrets and took the developer's role down.
    pub responder: &'static str,
    /// Where the thief came from. No other record has an address of this network.
    pub address: &'static str,
    /// The thief's program. No other record has it.
    pub user_agent: &'static str,
    /// No record of the thief is earlier.
    pub night_start: Timestamp,
    /// Every record of the thief is earlier.
    pub night_end: Timestamp,
    /// Secrets read that night, each rotated in the morning.
    pub secrets_read: u64,
}

impl Incident {
    pub(crate) fn of(sample: &Sample) -> Self {
        let at = |micros: u64| {
            sample.start() + SignedDuration::from_micros(i64::try_from(micros).unwrap_or(0))
        };
        Self {
            key: "key_q7mzc4rtxw2e",
            developer: DEVELOPER,
            responder: RESPONDER,
            address: "203.0.113.77",
            user_agent: "python-requests/2.31.0",
            night_start: at(NIGHT),
            night_end: at(NIGHT + 80 * 60 * SECOND),
            // A small month has a small incident; the rest of it must stay the most.
            secrets_read: (sample.records() / 25).clamp(8, 40),
        }
    }

    /// Its records with their microseconds since the month began, in order.
    pub(crate) fn records(&self, sample: &Sample) -> Vec<(u64, SampleRecord)> {
        let mut story = Story { dice: Dice::new(sample.seed(), STREAM), records: Vec::new() };
        self.leak(&mut story);
        let read = self.theft(&mut story);
        self.response(&mut story, read);
        story.records
    }

    /// A key made in the afternoon of day nine, published by mistake two days later.
    fn leak(&self, story: &mut Story) {
        let developer = Voice::person(DEVELOPER, 8);
        let made = 8 * 24 * HOUR + 14 * HOUR + 20 * 60 * SECOND;
        let metadata =
            meta([("name", json!("local testing")), ("scopes", json!(["secrets:read"]))]);
        story.tell(&developer, made, "key.created", "api_key", self.key.to_owned(), metadata);
        let developer = Voice::person(DEVELOPER, 10);
        let pushed = 10 * 24 * HOUR + 16 * HOUR + 47 * 60 * SECOND;
        let metadata = meta([
            ("visibility", json!({"from": "private", "to": "public"})),
            ("files", json!([".env", "README.md", "demo.ipynb"])),
        ]);
        let repository = format!("{TENANT}/pricing-demo");
        story.tell(&developer, pushed, "repository.published", "repository", repository, metadata);
    }

    /// Reads project after project, each secret once.
    fn theft(&self, story: &mut Story) -> Vec<String> {
        let thief = Voice {
            actor_id: self.key.to_owned(),
            actor_type: "api_key",
            address: Some(self.address.to_owned()),
            agent: Some(self.user_agent.to_owned()),
        };
        let secrets = PROJECTS
            .iter()
            .flat_map(|project| SECRETS[..5].iter().map(move |secret| (project, secret)));
        let mut read = Vec::new();
        let mut at = NIGHT + 30 * SECOND;
        for ((project, secret), _) in secrets.zip(0..self.secrets_read) {
            let project = format!("{TENANT}/{project}");
            let id = format!("{project}/{secret}");
            let metadata = meta([("project", json!(project))]);
            story.tell(&thief, at, "secret.accessed", "secret", id.clone(), metadata);
            read.push(id);
            at += story.dice.between(8 * SECOND, 100 * SECOND);
        }
        read
    }

    /// An alarm at dawn; by nine the key is dead and every secret it saw is new.
    fn response(&self, story: &mut Story, read: Vec<String>) {
        let metadata = meta([
            ("rule", json!("key used from a new network")),
            ("ip_address", json!(self.address)),
            ("reads", json!(read.len())),
        ]);
        let (key, alarm) = (self.key.to_owned(), MORNING - 95 * 60 * SECOND);
        story.tell(&Voice::system(), alarm, "alert.raised", "api_key", key, metadata);
        let responder = Voice::person(RESPONDER, 11);
        let metadata = meta([("reason", json!("leaked")), ("owner", json!(DEVELOPER))]);
        story.tell(&responder, MORNING, "key.revoked", "api_key", self.key.to_owned(), metadata);
        let mut at = MORNING + 4 * 60 * SECOND;
        for secret in read {
            let metadata = meta([("reason", json!("exposed")), ("exposed_to", json!(self.key))]);
            story.tell(&responder, at, "secret.rotated", "secret", secret, metadata);
            at += story.dice.between(5 * SECOND, 50 * SECOND);
        }
        let metadata = meta([
            ("from", json!("maintainer")),
            ("to", json!("viewer")),
            ("reason", json!("key leak, until reviewed")),
        ]);
        let developer = DEVELOPER.to_owned();
        story.tell(&responder, at, "user.role_changed", "user", developer, metadata);
    }
}

/// Who speaks in the story, from where and with what.
#[derive(Debug)]
struct Voice {
    actor_id: String,
    actor_type: &'static str,
    address: Option<String>,
    agent: Option<String>,
}

impl Voice {
    /// One of the people on a day, with the address and browser they have that day.
    fn person(id: &str, day: u64) -> Self {
        let person = everybody().into_iter().find(|actor| actor.id == id);
        Self {
            actor_id: id.to_owned(),
            actor_type: "user",
            address: person.as_ref().and_then(|person| person.address(day)),
            agent: person.and_then(|person| person.agent(false)),
        }
    }

    fn system() -> Self {
        Self { actor_id: "system".to_owned(), actor_type: "system", address: None, agent: None }
    }
}

#[derive(Debug)]
struct Story {
    dice: Dice,
    records: Vec<(u64, SampleRecord)>,
}

impl Story {
    fn tell(
        &mut self,
        voice: &Voice,
        micros: u64,
        action: &'static str,
        target_type: &'static str,
        target_id: String,
        metadata: Map<String, Value>,
    ) {
        let micros = micros + self.dice.below(SECOND);
        let record = SampleRecord {
            id: Uuid::nil(),
            actor_id: voice.actor_id.clone(),
            actor_type: voice.actor_type,
            action,
            target_type,
            target_id,
            metadata,
            ip_address: voice.address.clone(),
            user_agent: voice.agent.clone(),
            created_at: Timestamp::UNIX_EPOCH,
            tenant_id: TENANT,
            request_id: request_id(&mut self.dice),
        };
        self.records.push((micros, record));
    }
}
