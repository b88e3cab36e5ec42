//! A load of clients that write, read and export, and record which requests were acknowledged.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use auditrail_testkit::eventually;
use auditrail_testkit::http::{Answer, Call, SendError};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::kill::victim::Stage;

const ONE: &str = "/v1/audit-logs";
const ATOMIC: &str = "/v1/audit-logs/batch";
const SKIP: &str = "/v1/audit-logs/batch?on_invalid=skip";
/// Clients that write, two of each kind of request.
const WRITERS: u64 = 12;
/// Records in a batch.
const BATCH: u64 = 40;
/// Kill times are spread over this many acknowledgements, to hit cold and warm connections, and small and
/// large groups.
const ACKNOWLEDGED_MAX: u64 = 300;
/// And over this much time after the last of them, which is several commits.
const THEN_MAX_MICROS: u64 = 20_000;

/// A kill time.
pub(super) struct Moment {
    /// Kill after this many acknowledgements,
    pub(super) acknowledged: u64,
    /// and this delay.
    pub(super) then: Duration,
}

impl Moment {
    pub(super) fn of(seed: u64) -> Self {
        let acknowledged = 1 + mixed(seed, 1) % ACKNOWLEDGED_MAX;
        let then = Duration::from_micros(mixed(seed, 2) % THEN_MAX_MICROS);
        Self { acknowledged, then }
    }
}

/// A deterministic pseudo-random number (the finalizer of splitmix64).
pub(super) fn mixed(seed: u64, of: u64) -> u64 {
    let mut z = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(of << 32 | of);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The actor of all records of a round.
pub(super) fn actor(seed: u64) -> String {
    format!("round-{seed}")
}

/// A request that was sent.
#[derive(Clone, Debug)]
pub(super) struct Write {
    path: &'static str,
    body: Value,
    idempotency_key: Option<String>,
    has_ids: bool,
    /// The targets of its valid records, unique to this request.
    pub(super) targets: Vec<String>,
    acknowledged: bool,
}

impl Write {
    pub(super) fn is_acknowledged(&self) -> bool {
        self.acknowledged
    }

    /// Whether the request is idempotent.
    pub(super) fn is_repeatable(&self) -> bool {
        self.has_ids || self.idempotency_key.is_some()
    }

    /// Whether the batch is atomic, which `on_invalid=skip` does not guarantee.
    pub(super) fn is_atomic(&self) -> bool {
        self.path != SKIP
    }

    /// Sends it again until it is acknowledged.
    pub(super) async fn repeat(&self, stage: &Stage) {
        while !acknowledges(&self.send(stage.address(), stage.key()).await, self) {}
    }

    async fn send(&self, to: SocketAddr, key: &str) -> Result<Answer, SendError> {
        let call = Call::new(to, "POST", self.path).key(key).json(&self.body);
        match &self.idempotency_key {
            Some(key) => call.header("idempotency-key", key).try_send().await,
            None => call.try_send().await,
        }
    }

    /// The `n`th request of a client.
    fn new(seed: u64, client: u64, n: u64) -> Self {
        let path = [ONE, ONE, ONE, ATOMIC, ATOMIC, SKIP][usize::try_from(client % 6).unwrap()];
        let has_ids = matches!(client % 6, 0 | 3 | 5);
        let idempotency_key = (client % 6 == 1).then(|| format!("{seed}-{client}-{n}"));
        let size = if path == ONE { 1 } else { BATCH };
        let targets: Vec<_> = (0..size).map(|i| format!("{seed}-{client}-{n}-{i}")).collect();
        let record = |(i, target): (u64, &String)| {
            let mut record = json!({
                "actor_type": "user", "actor_id": actor(seed), "action": "project.deleted",
                "target_type": "project", "target_id": target,
                "metadata": {"client": client, "note": "n".repeat(200)},
            });
            if has_ids {
                let id = format!("{seed:08x}-{client:04x}-7{i:03x}-8000-{n:012x}");
                record["id"] = json!(id);
            }
            record
        };
        let mut records: Vec<_> = (0..).zip(&targets).map(record).collect();
        let body = match path {
            ONE => records.remove(0),
            SKIP => {
                records.insert(3, json!({"actor_type": "invalid"}));
                Value::Array(records)
            }
            _ => Value::Array(records),
        };
        Self { path, body, idempotency_key, has_ids, targets, acknowledged: false }
    }
}

/// Whether the response acknowledges all records. Fails on anything else but a broken connection or a
/// well-formed 503.
fn acknowledges(answer: &Result<Answer, SendError>, write: &Write) -> bool {
    let Ok(answer) = answer else { return false };
    match answer.status.as_u16() {
        200 | 201 if write.path == ONE => {
            assert_eq!(answer.json()["target_id"], json!(write.targets[0]));
            true
        }
        200 => {
            let body = answer.json();
            let number = |name: &str| body[name].as_u64().unwrap();
            let expected = (write.targets.len() as u64, u64::from(write.path == SKIP));
            let stored = number("created") + number("duplicates");
            assert_eq!((stored, number("rejected")), expected, "{body}");
            true
        }
        _ => {
            unavailable(answer);
            false
        }
    }
}

fn unavailable(answer: &Answer) {
    let (status, code) = answer.problem();
    assert_eq!(status, 503, "{code}: {answer:?}");
    assert!(!answer.header("retry-after").is_empty(), "{answer:?}");
}

/// The running clients.
pub(super) struct Load {
    clients: JoinSet<Vec<Write>>,
    ends: Arc<AtomicBool>,
    acknowledged: Arc<AtomicU64>,
}

impl Load {
    pub(super) fn start(address: SocketAddr, key: &str, seed: u64) -> Self {
        let ends = Arc::default();
        let acknowledged = Arc::default();
        let mut load = Self { clients: JoinSet::new(), ends, acknowledged };
        for client in 0..WRITERS {
            let ends = Arc::clone(&load.ends);
            let acknowledged = Arc::clone(&load.acknowledged);
            let key = key.to_owned();
            load.clients.spawn(async move {
                let mut sent = Vec::new();
                for n in 0.. {
                    if ends.load(Ordering::Relaxed) {
                        break;
                    }
                    let mut write = Write::new(seed, client, n);
                    write.acknowledged = acknowledges(&write.send(address, &key).await, &write);
                    acknowledged.fetch_add(u64::from(write.acknowledged), Ordering::Relaxed);
                    sent.push(write);
                }
                sent
            });
        }
        let actor = actor(seed);
        for path in [
            format!("/v1/audit-logs?actor_id={actor}&limit=10"),
            format!("/v1/audit-logs/export?format=ndjson&actor_id={actor}"),
        ] {
            let ends = Arc::clone(&load.ends);
            let key = key.to_owned();
            load.clients.spawn(async move {
                while !ends.load(Ordering::Relaxed) {
                    match Call::new(address, "GET", &path).key(&key).try_send().await {
                        Ok(answer) if answer.status.is_success() => {}
                        Ok(answer) => unavailable(&answer),
                        Err(_) => tokio::task::yield_now().await,
                    }
                }
                Vec::new()
            });
        }
        load
    }

    /// Waits for this many acknowledgements.
    pub(super) async fn acknowledged(&self, enough: u64) {
        eventually("enough is acknowledged", async || {
            self.acknowledged.load(Ordering::Relaxed) >= enough
        })
        .await;
    }

    /// Waits for the requests in flight, and returns all write requests.
    pub(super) async fn stop(self) -> Vec<Write> {
        self.ends.store(true, Ordering::Relaxed);
        self.clients.join_all().await.into_iter().flatten().collect()
    }
}
