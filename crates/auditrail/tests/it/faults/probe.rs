//! A service under a database fault, and the records sent to it.

use std::collections::HashMap;
use std::time::Duration;

use auditrail_testkit::http::{Answer, Call};
use serde_json::{Value, json};

use crate::sandbox::Sandbox;
use crate::service::Service;

const ONE: &str = "/v1/audit-logs";
const BATCH: &str = "/v1/audit-logs/batch";
/// Longer than the slowest recovery on a busy machine.
const TIMEOUT: Duration = Duration::from_secs(90);

/// A service with short timeouts, and the records sent to it.
pub(super) struct Probe {
    pub(super) service: Service,
    key: String,
    next: u32,
    acknowledged: Vec<String>,
    refused: Vec<String>,
}

impl Probe {
    /// Starts the service on a database, and checks that it works.
    pub(super) async fn start(url: &str, key: String) -> Self {
        Self::with(Service::start(&with_short_timeouts(Sandbox::with(url)), &[]), key).await
    }

    /// Starts the service on a private PostgreSQL, and checks that it works.
    pub(super) async fn start_private(dir: &str) -> Self {
        let service = Service::start(&with_short_timeouts(Sandbox::bare()), &["--data-dir", dir]);
        let key = service.ready["first_key"]["key"].as_str().unwrap().to_owned();
        Self::with(service, key).await
    }

    async fn with(service: Service, key: String) -> Self {
        let mut probe =
            Self { service, key, next: 0, acknowledged: Vec::new(), refused: Vec::new() };
        probe.recovers().await;
        probe
    }

    /// Writes a single record and a batch. Returns the problem code of each.
    pub(super) async fn write(&mut self) -> [Option<String>; 2] {
        let one = self.fresh(1);
        let many = self.fresh(5);
        let [first, second] = [(ONE, &one[0]), (BATCH, &Value::Array(many.clone()))]
            .map(|(path, body)| self.service.post(path).key(&self.key).json(body).send());
        let (first, second) = tokio::join!(first, second);
        let codes = [self.note(&one, &first), self.note(&many, &second)];
        if codes[1].is_none() {
            assert_eq!(second.json()["created"], 5, "{second:?}");
        }
        codes
    }

    /// Searches. Returns the problem code, if any.
    pub(super) async fn read(&self) -> Option<String> {
        problem(&self.service.get("/v1/audit-logs?limit=3").key(&self.key).send().await)
    }

    /// Exports. Returns the problem code, if any.
    pub(super) async fn export(&self) -> Option<String> {
        let path = "/v1/audit-logs/export?format=csv&actor_id=none";
        problem(&self.service.get(path).key(&self.key).send().await)
    }

    /// Checks readiness. Returns the problem code, if any.
    pub(super) async fn ready(&self) -> Option<String> {
        problem(&Call::new(self.service.admin, "GET", "/readyz").send().await)
    }

    /// Waits until all writes fail with this code.
    pub(super) async fn writes_fail_with(&mut self, code: &str) {
        eventually(&format!("writes are refused as {code}"), async || {
            self.write().await.iter().all(|problem| problem.as_deref() == Some(code))
        })
        .await;
    }

    /// Waits until searches and exports fail with this code.
    pub(super) async fn reads_fail_with(&self, code: &str) {
        eventually(&format!("reads are refused as {code}"), async || {
            let (read, export) = tokio::join!(self.read(), self.export());
            [read, export].iter().all(|problem| problem.as_deref() == Some(code))
        })
        .await;
    }

    /// Waits until the service is not ready; its readiness is cached for a moment.
    pub(super) async fn becomes_unready(&self) {
        eventually("it is not ready", async || self.ready().await.is_some()).await;
    }

    /// Waits until everything works again in the same process, and checks that all acknowledged records are
    /// stored once.
    pub(super) async fn recovers(&mut self) {
        eventually("writes succeed again", async || self.write().await == [None, None]).await;
        eventually("reads succeed again", async || {
            let (read, export, ready) = tokio::join!(self.read(), self.export(), self.ready());
            [read, export, ready] == [None, None, None]
        })
        .await;
        let mut stored = self.stored().await;
        for target in &self.acknowledged {
            assert_eq!(stored.remove(target), Some(1), "{target} was acknowledged");
        }
        for target in &self.refused {
            let times = stored.remove(target).unwrap_or_default();
            assert!(times <= 1, "{target} is stored {times} times");
        }
        assert!(stored.is_empty(), "never sent: {stored:?}");
    }

    async fn stored(&self) -> HashMap<String, u32> {
        let path = "/v1/audit-logs/export?format=ndjson&actor_id=probe";
        let export = self.service.get(path).key(&self.key).send().await;
        assert_eq!(export.status.as_u16(), 200, "{export:?}");
        let text = String::from_utf8(export.body.to_vec()).unwrap();
        let mut counts = HashMap::new();
        for line in text.lines() {
            let row: Value = serde_json::from_str(line).unwrap();
            // The last line is the manifest.
            let Some(target) = row["target_id"].as_str() else { continue };
            *counts.entry(target.to_owned()).or_default() += 1;
        }
        counts
    }

    fn fresh(&mut self, records: u32) -> Vec<Value> {
        let from = self.next;
        self.next += records;
        let record = |n| {
            json!({
                "actor_type": "user", "actor_id": "probe", "action": "secret.accessed",
                "target_type": "secret", "target_id": format!("t{n}"),
                "metadata": {"note": "n".repeat(500)},
            })
        };
        (from..self.next).map(record).collect()
    }

    fn note(&mut self, records: &[Value], answer: &Answer) -> Option<String> {
        let targets = records.iter().map(|record| record["target_id"].as_str().unwrap().to_owned());
        let code = problem(answer);
        match code {
            None => self.acknowledged.extend(targets),
            Some(_) => self.refused.extend(targets),
        }
        code
    }
}

/// Polls until the condition holds. A poll may take seconds while the database fails, so the limit is a
/// time and not a number of polls.
async fn eventually(what: &str, condition: impl AsyncFnMut() -> bool) {
    let poll = auditrail_testkit::eventually(what, condition);
    tokio::time::timeout(TIMEOUT, poll)
        .await
        .unwrap_or_else(|_| panic!("not within {} s: {what}", TIMEOUT.as_secs()));
}

/// Sets short timeouts, to keep the tests fast.
fn with_short_timeouts(sandbox: Sandbox) -> Sandbox {
    sandbox.set("AUDITRAIL_WRITE_TIMEOUT", "1s").set("AUDITRAIL_REQUEST_TIMEOUT", "2s")
}

/// The problem code of an error, which must be a 503 with `Retry-After`.
fn problem(answer: &Answer) -> Option<String> {
    if answer.status.is_success() {
        return None;
    }
    let (status, code) = answer.problem();
    assert_eq!(status, 503, "{answer:?}");
    let again: u32 = answer.header("retry-after").parse().unwrap();
    assert!((1..=60).contains(&again), "{answer:?}");
    Some(code)
}
