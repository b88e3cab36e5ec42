//! The incident worth finding: a key leaks, is used from a strange place at night, is noticed.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::actions::{SECOND, meta, request_id};
use super::actors::all_actors;
use super::names::{PROJECTS, SECRETS};
use super::random::Random;
use super::{Sample, SampleRecord};

/// Stream of random for the incident alone, so that it is the same at every size.
const STREAM: u64 = 4;

const HOUR: u64 = 3600 * SECOND;

/// The night between the eleventh and twelfth day: secrets are read from 01:40 to 03:00 UTC.
const NIGHT: u64 = 11 * 24 * HOUR + HOUR + 40 * 60 * SECOND;
const MORNING: u64 = 11 * 24 * HOUR + 7 * HOUR + 25 * 60 * SECOND;

/// The person who leaks the key, and the one who responds; both are actors of the sample.
const DEVELOPER: &str = "dario.conti";
const RESPONDER: &str = "hannah.vogel";
const TENANT: &str = "lumen";

/// The facts of the incident, for tests and demonstrations that search for it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Incident {
    /// The leaked API key: the actor of all records of the thief.
    pub key: &'static str,
    /// The person who created and published the key.
    pub developer: &'static str,
    /// The person who revoked it, rotated the secrets and reduced the developer's role.
    pub responder: &'static str,
    /// The address of the thief; no other record has an address of this network.
    pub address: &'static str,
    /// The user agent of the thief; no other record has it.
    pub user_agent: &'static str,
    /// The earliest time of a record of the thief.
    pub night_start: Timestamp,
    /// All records of the thief are earlier.
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
            // In proportion to the month, of which most records must be ordinary.
            secrets_read: (sample.records() / 25).clamp(8, 40),
        }
    }

    /// Its records with their microseconds since the start of the month, in order.
    pub(crate) fn records(&self, sample: &Sample) -> Vec<(u64, SampleRecord)> {
        let mut recorder =
            Recorder { random: Random::new(sample.seed(), STREAM), records: Vec::new() };
        self.leak(&mut recorder);
        let read = self.theft(&mut recorder);
        self.response(&mut recorder, read);
        recorder.records
    }

    /// A key made in the afternoon of day nine, published by mistake two days later.
    fn leak(&self, recorder: &mut Recorder) {
        let developer = Source::person(DEVELOPER, 8);
        let made = 8 * 24 * HOUR + 14 * HOUR + 20 * 60 * SECOND;
        let metadata =
            meta([("name", json!("local testing")), ("scopes", json!(["secrets:read"]))]);
        recorder.add(&developer, made, "key.created", "api_key", self.key.to_owned(), metadata);
        let developer = Source::person(DEVELOPER, 10);
        let pushed = 10 * 24 * HOUR + 16 * HOUR + 47 * 60 * SECOND;
        let metadata = meta([
            ("visibility", json!({"from": "private", "to": "public"})),
            ("files", json!([".env", "README.md", "demo.ipynb"])),
        ]);
        let repository = format!("{TENANT}/pricing-demo");
        recorder.add(
            &developer,
            pushed,
            "repository.published",
            "repository",
            repository,
            metadata,
        );
    }

    /// Reads project after project, each secret once.
    fn theft(&self, recorder: &mut Recorder) -> Vec<String> {
        let thief = Source {
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
            recorder.add(&thief, at, "secret.accessed", "secret", id.clone(), metadata);
            read.push(id);
            at += recorder.random.between(8 * SECOND, 100 * SECOND);
        }
        read
    }

    /// An alarm at dawn; by nine the key is dead and every secret it saw is new.
    fn response(&self, recorder: &mut Recorder, read: Vec<String>) {
        let metadata = meta([
            ("rule", json!("key used from a new network")),
            ("ip_address", json!(self.address)),
            ("reads", json!(read.len())),
        ]);
        let (key, alarm) = (self.key.to_owned(), MORNING - 95 * 60 * SECOND);
        recorder.add(&Source::system(), alarm, "alert.raised", "api_key", key, metadata);
        let responder = Source::person(RESPONDER, 11);
        let metadata = meta([("reason", json!("leaked")), ("owner", json!(DEVELOPER))]);
        recorder.add(&responder, MORNING, "key.revoked", "api_key", self.key.to_owned(), metadata);
        let mut at = MORNING + 4 * 60 * SECOND;
        for secret in read {
            let metadata = meta([("reason", json!("exposed")), ("exposed_to", json!(self.key))]);
            recorder.add(&responder, at, "secret.rotated", "secret", secret, metadata);
            at += recorder.random.between(5 * SECOND, 50 * SECOND);
        }
        let metadata = meta([
            ("from", json!("maintainer")),
            ("to", json!("viewer")),
            ("reason", json!("key leak, until reviewed")),
        ]);
        let developer = DEVELOPER.to_owned();
        recorder.add(&responder, at, "user.role_changed", "user", developer, metadata);
    }
}

/// The actor of a record, with address and user agent.
#[derive(Debug)]
struct Source {
    actor_id: String,
    actor_type: &'static str,
    address: Option<String>,
    agent: Option<String>,
}

impl Source {
    /// A person with their address and browser on a day.
    fn person(id: &str, day: u64) -> Self {
        let person = all_actors().into_iter().find(|actor| actor.id == id);
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
struct Recorder {
    random: Random,
    records: Vec<(u64, SampleRecord)>,
}

impl Recorder {
    fn add(
        &mut self,
        source: &Source,
        micros: u64,
        action: &'static str,
        target_type: &'static str,
        target_id: String,
        metadata: Map<String, Value>,
    ) {
        let micros = micros + self.random.below(SECOND);
        let record = SampleRecord {
            id: Uuid::nil(),
            actor_id: source.actor_id.clone(),
            actor_type: source.actor_type,
            action,
            target_type,
            target_id,
            metadata,
            ip_address: source.address.clone(),
            user_agent: source.agent.clone(),
            created_at: Timestamp::UNIX_EPOCH,
            tenant_id: TENANT,
            request_id: request_id(&mut self.random),
        };
        self.records.push((micros, record));
    }
}
