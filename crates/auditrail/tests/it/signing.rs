//! A service that signs checkpoints, and what it serves.

use std::path::Path;

use auditrail_testkit::http::Answer;
use auditrail_testkit::{TestDb, eventually};
use serde_json::{Value, json};
use tlog::{Checkpoint, Resource, SignedNote, TilePath};

use crate::sandbox::{Run, Sandbox};
use crate::service::{Service, key};

pub(crate) const ORIGIN: &str = "log.example/audit";
/// The file of the signing key in the sandbox.
pub(crate) const FILE: &str = "signing.key";

/// A database, an API key for it, and a sandbox with a signing key and the policy that trusts it.
pub(crate) struct Signing {
    pub(crate) db: TestDb,
    pub(crate) sandbox: Sandbox,
    pub(crate) token: String,
}

impl Signing {
    pub(crate) async fn new() -> Self {
        let db = TestDb::migrated().await;
        let token = key(&db).await;
        let sandbox = with_key(&db.url(&db.service()), &token);
        Self { db, sandbox, token }
    }

    pub(crate) fn serve(&self) -> Service {
        Service::start(&self.sandbox, &[])
    }
}

/// A sandbox for this database, with a signing key, its policy, and an API key for `verify`.
pub(crate) fn with_key(url: &str, token: &str) -> Sandbox {
    let sandbox =
        Sandbox::with(url).set("AUDITRAIL_SIGNING_KEY_FILE", FILE).set("AUDITRAIL_KEY", token);
    sandbox.run(&["log-key", "create", "--origin", ORIGIN]).code(0);
    save_policy(&sandbox, "policy");
    sandbox
}

/// Writes the policy of the signing key into a file.
pub(crate) fn save_policy(sandbox: &Sandbox, name: &str) {
    let policy = sandbox.run(&["log-key", "show", "--policy"]).code(0).out;
    sandbox.file(name, policy);
}

pub(crate) fn record(target: &str) -> Value {
    json!({
        "actor_type": "user", "actor_id": "u1", "action": "project.deleted",
        "target_type": "project", "target_id": target, "metadata": {"plan": "pro"},
    })
}

/// Writes records in one batch, and returns their ids.
pub(crate) async fn write(service: &Service, token: &str, records: usize) -> Vec<String> {
    let batch: Value = (0..records).map(|number| record(&format!("p{number}"))).collect();
    let call = service.post("/v1/audit-logs/batch?return=full").key(token).json(&batch);
    let answer = call.send().await.json();
    let rows = answer["records"].as_array().unwrap_or_else(|| panic!("{answer}"));
    rows.iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect()
}

/// The checkpoint of a note.
pub(crate) fn checkpoint_of(note: &str) -> Checkpoint {
    Checkpoint::parse(SignedNote::parse(note.as_bytes()).unwrap().text()).unwrap()
}

pub(crate) fn text(answer: &Answer) -> String {
    String::from_utf8(answer.body.to_vec()).unwrap()
}

/// The newest checkpoint that is served; none before the first one.
pub(crate) async fn checkpoint(service: &Service, token: &str) -> Option<String> {
    let answer = service.get("/v1/log/checkpoint").key(token).send().await;
    (answer.status.as_u16() == 200).then(|| text(&answer))
}

/// Waits until the proof of a record is there, so that a checkpoint has it.
pub(crate) async fn proved(service: &Service, token: &str, id: &str) -> String {
    let path = format!("/v1/audit-logs/{id}/proof");
    let mut proof = None;
    eventually("the record is in a checkpoint", async || {
        let answer = service.get(&path).key(token).send().await;
        match answer.status.as_u16() {
            200 => proof = Some(text(&answer)),
            _ => assert_eq!(answer.problem(), (503, "proof_not_ready".to_owned())),
        }
        proof.is_some()
    })
    .await;
    proof.unwrap()
}

/// Writes records, waits until they are signed, and returns the proof of the last one and the checkpoint.
pub(crate) async fn write_signed(
    service: &Service,
    token: &str,
    records: usize,
) -> (String, String) {
    let ids = write(service, token, records).await;
    let proof = proved(service, token, ids.last().unwrap()).await;
    (proof, checkpoint(service, token).await.unwrap())
}

/// The value of a metric without labels.
pub(crate) async fn metric(service: &Service, name: &str) -> f64 {
    let metrics = service.metrics().await;
    let mut values = metrics.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    values.next().unwrap_or_else(|| panic!("no {name}")).parse().unwrap()
}

/// Asserts that no metric of the log is an alarm.
pub(crate) async fn assert_no_alarm(service: &Service) {
    for name in ["signer_contradicted", "sealer_tree_damaged", "sealer_missing_records_total"] {
        let value = metric(service, &format!("auditrail_{name}")).await;
        assert!(value == 0.0, "{name} is {value}");
    }
}

/// Copies what is served into a directory of the sandbox, under the paths of tlog-tiles.
pub(crate) async fn mirror(service: &Service, token: &str, sandbox: &Sandbox, dir: &str) {
    let note = checkpoint(service, token).await.unwrap();
    let size = checkpoint_of(&note).size();
    sandbox.file(&format!("{dir}/checkpoint"), note);
    let mut resources = vec![Resource::Entries];
    resources.extend((0..8).map(Resource::Hashes));
    for resource in resources {
        for index in 0.. {
            let Some(path) = TilePath::in_tree(resource, index, size) else { break };
            let answer = service.get(&format!("/v1/log/{path}")).key(token).send().await;
            assert_eq!(answer.status.as_u16(), 200, "{path}: {answer:?}");
            sandbox.file(&format!("{dir}/{path}"), answer.body);
        }
    }
}

/// Runs `verify log` over HTTP.
pub(crate) fn verify_log(sandbox: &Sandbox, service: &Service, more: &[&str]) -> Run {
    let url = format!("http://{}/v1/log", service.address);
    sandbox.run(&[&["verify", "log", "--policy", "policy", &url], more].concat())
}

/// Whether the bits of a file allow its owner alone to read and write it.
pub(crate) fn is_secret(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777 == 0o600
}

/// Sends a GET request with a key.
pub(crate) async fn get(service: &Service, token: &str, path: &str) -> Answer {
    service.get(path).key(token).send().await
}
