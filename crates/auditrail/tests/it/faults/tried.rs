//! A service on trial, and what it was asked to write.

use std::collections::HashMap;
use std::time::Duration;

use auditrail_testkit::http::{Answer, Call};
use serde_json::{Value, json};

use crate::program::Desk;
use crate::running::Running;

const ONE: &str = "/v1/audit-logs";
const BATCH: &str = "/v1/audit-logs/batch";
/// Longer than the slowest recovery on a busy machine.
const PATIENCE: Duration = Duration::from_secs(90);

/// A service that gives up after short times, and what it was asked to write.
pub(super) struct Tried {
    pub(super) service: Running,
    key: String,
    next: u32,
    acknowledged: Vec<String>,
    refused: Vec<String>,
}

impl Tried {
    /// Starts it with this database, and makes sure that all is well.
    pub(super) async fn start(url: &str, key: String) -> Self {
        Self::with(Running::start(&impatient(Desk::with(url)), &[]), key).await
    }

    /// Starts it with a private PostgreSQL in this folder, and makes sure that all is well.
    pub(super) async fn start_private(dir: &str) -> Self {
        let service = Running::start(&impatient(Desk::bare()), &["--data-dir", dir]);
        let key = service.ready["first_key"]["key"].as_str().unwrap().to_owned();
        Self::with(service, key).await
    }

    async fn with(service: Running, key: String) -> Self {
        let mut tried =
            Self { service, key, next: 0, acknowledged: Vec::new(), refused: Vec::new() };
        tried.recovers().await;
        tried
    }

    /// Writes records one by one, and together; gives the code of each problem.
    pub(super) async fn write(&mut self) -> [Option<String>; 2] {
        let one = self.fresh(1);
        let many = self.fresh(5);
        let [first, second] = [(ONE, &one[0]), (BATCH, &Value::Array(many.clone()))]
            .map(|(path, body)| self.service.post(path).key(&self.key).json(body).send());
        let (first, second) = tokio::join!(first, second);
        let told = [self.note(&one, &first), self.note(&many, &second)];
        if told[1].is_none() {
            assert_eq!(second.json()["created"], 5, "{second:?}");
        }
        told
    }

    /// Searches; gives the code of the problem if there is one.
    pub(super) async fn read(&self) -> Option<String> {
        problem(&self.service.get("/v1/audit-logs?limit=3").key(&self.key).send().await)
    }

    /// Exports; gives the code of the problem if there is one.
    pub(super) async fn export(&self) -> Option<String> {
        let path = "/v1/audit-logs/export?format=csv&actor_id=nobody";
        problem(&self.service.get(path).key(&self.key).send().await)
    }

    /// Asks whether the service is ready; gives the code of the problem if it is not.
    pub(super) async fn ready(&self) -> Option<String> {
        problem(&Call::new(self.service.admin, "GET", "/readyz").send().await)
    }

    /// Writes are refused, sooner or later all of them for this reason.
    pub(super) async fn refuses_writes(&mut self, code: &str) {
        eventually(&format!("writes are refused as {code}"), async || {
            self.write().await.iter().all(|told| told.as_deref() == Some(code))
        })
        .await;
    }

    /// Searches and exports are refused, sooner or later for this reason.
    pub(super) async fn refuses_reads(&self, code: &str) {
        eventually(&format!("reads are refused as {code}"), async || {
            let (read, export) = tokio::join!(self.read(), self.export());
            [read, export].iter().all(|told| told.as_deref() == Some(code))
        })
        .await;
    }

    /// Sooner or later it says that it is not ready; what it was told a moment ago it says again.
    pub(super) async fn refuses_to_be_ready(&self) {
        eventually("it is not ready", async || self.ready().await.is_some()).await;
    }

    /// Sooner or later everything works again, in the same process, and every record is there as it
    /// was told.
    pub(super) async fn recovers(&mut self) {
        eventually("writes are taken again", async || self.write().await == [None, None]).await;
        eventually("reads are answered again", async || {
            let (read, export, ready) = tokio::join!(self.read(), self.export(), self.ready());
            [read, export, ready] == [None, None, None]
        })
        .await;
        let mut found = self.stored().await;
        for target in &self.acknowledged {
            assert_eq!(found.remove(target), Some(1), "{target} was acknowledged");
        }
        for target in &self.refused {
            let times = found.remove(target).unwrap_or_default();
            assert!(times <= 1, "{target} is there {times} times");
        }
        assert!(found.is_empty(), "nobody sent {found:?}");
    }

    async fn stored(&self) -> HashMap<String, u32> {
        let path = "/v1/audit-logs/export?format=ndjson&actor_id=tried";
        let export = self.service.get(path).key(&self.key).send().await;
        assert_eq!(export.status.as_u16(), 200, "{export:?}");
        let text = String::from_utf8(export.body.to_vec()).unwrap();
        let mut found = HashMap::new();
        for line in text.lines() {
            let row: Value = serde_json::from_str(line).unwrap();
            // The last line is the manifest.
            let Some(target) = row["target_id"].as_str() else { continue };
            *found.entry(target.to_owned()).or_default() += 1;
        }
        found
    }

    fn fresh(&mut self, records: u32) -> Vec<Value> {
        let from = self.next;
        self.next += records;
        let record = |n| {
            json!({
                "actor_type": "user", "actor_id": "tried", "action": "secret.accessed",
                "target_type": "secret", "target_id": format!("t{n}"),
                "metadata": {"note": "n".repeat(500)},
            })
        };
        (from..self.next).map(record).collect()
    }

    fn note(&mut self, records: &[Value], answer: &Answer) -> Option<String> {
        let targets = records.iter().map(|record| record["target_id"].as_str().unwrap().to_owned());
        let told = problem(answer);
        match told {
            None => self.acknowledged.extend(targets),
            Some(_) => self.refused.extend(targets),
        }
        told
    }
}

/// Asks until the answer is yes. A question may itself take seconds while the database fails, so the
/// time counts, and not how often it was asked.
async fn eventually(what: &str, question: impl AsyncFnMut() -> bool) {
    let asked = auditrail_testkit::eventually(what, question);
    let asked = tokio::time::timeout(PATIENCE, asked).await;
    asked.unwrap_or_else(|_| panic!("not within {} s: {what}", PATIENCE.as_secs()));
}

/// With short times, so that a test need not wait for long.
fn impatient(desk: Desk) -> Desk {
    desk.set("AUDITRAIL_WRITE_TIMEOUT", "1s").set("AUDITRAIL_REQUEST_TIMEOUT", "2s")
}

/// The code of a problem, which must be a clear 503.
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
