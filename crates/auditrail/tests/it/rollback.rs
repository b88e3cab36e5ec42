//! A database that was restored to an earlier state, while checkpoints of the lost state exist.

use auditrail_testkit::{OwnServer, eventually};
use serde_json::Value;

use crate::sandbox::Sandbox;
use crate::service::{Service, key_in};
use crate::signing::{
    assert_no_alarm, checkpoint, checkpoint_of, metric, save_policy, verify_log, with_key, write,
    write_signed,
};

const CONTRADICTED: &str = "auditrail_signer_contradicted";

async fn is_contradicted(service: &Service) -> bool {
    metric(service, CONTRADICTED).await == 1.0
}

async fn contradicted(service: &Service) {
    let alarm = async || is_contradicted(service).await;
    eventually("the contradiction is reported", alarm).await;
}

/// Stops the service, and asserts that it has logged this.
fn stopped(service: Service, sentence: &str) {
    let (code, log) = service.stop();
    assert_eq!(code, Some(0), "{log}");
    let mut lines = log.lines().filter(|line| line.contains("checkpoints are not signed"));
    let line = lines.find(|line| line.contains(sentence)).unwrap_or_else(|| panic!("{log}"));
    let line: Value = serde_json::from_str(line).unwrap();
    assert_eq!(line["level"], "ERROR", "{line}");
}

/// A server that has lost 50 records of which a checkpoint was handed out.
struct RolledBack {
    _server: OwnServer,
    sandbox: Sandbox,
    token: String,
    /// The checkpoint before the copy.
    kept: String,
    /// The checkpoint that the log contradicts.
    lost: String,
}

impl RolledBack {
    async fn new() -> Self {
        let mut server = OwnServer::start().await;
        let token = key_in(server.service()).await;
        let sandbox = with_key(&server.url(&server.service()), &token);
        let service = Service::start(&sandbox, &[]);
        let (proof, kept) = write_signed(&service, &token, 300).await;
        sandbox.file("proof.json", proof);
        assert_eq!(service.stop().0, Some(0));
        let saved = server.save();

        let service = Service::start(&sandbox, &[]);
        let (proof, lost) = write_signed(&service, &token, 50).await;
        assert_eq!(service.stop().0, Some(0));
        sandbox.file("lost.json", proof);
        sandbox.file("kept", &kept);
        sandbox.file("lost", &lost);
        server.go_back_to(&saved);
        assert_eq!(checkpoint_of(&kept).size() + 50, checkpoint_of(&lost).size());
        Self { _server: server, sandbox, token, kept, lost }
    }

    fn serve(&self) -> Service {
        Service::start(&self.sandbox, &[])
    }

    /// Nothing was signed since the database was restored.
    async fn assert_unsigned(&self, service: &Service) {
        assert_eq!(checkpoint(service, &self.token).await.as_ref(), Some(&self.kept));
        assert_eq!(self.sandbox.text("signing.key.signed"), self.lost);
    }

    /// Waits until the log has more entries than the lost state.
    async fn grow(&self, service: &Service) {
        let size = checkpoint_of(&self.lost).size();
        let seal = || metric(service, "auditrail_sealer_tree_size");
        write(service, &self.token, 100).await;
        eventually("the log has grown", async || seal().await > size as f64).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_signed_after_a_restore_to_an_earlier_state() {
    let restored = RolledBack::new().await;
    let service = restored.serve();
    contradicted(&service).await;
    restored.assert_unsigned(&service).await;
    let (size, lost) = (checkpoint_of(&restored.kept).size(), checkpoint_of(&restored.lost).size());
    // Also while it grows beyond the lost state, in the same process and in another one.
    restored.grow(&service).await;
    assert!(is_contradicted(&service).await);
    restored.assert_unsigned(&service).await;
    stopped(service, &format!("the log has {size} entries, but a checkpoint of {lost} was signed"));
    let service = restored.serve();
    contradicted(&service).await;
    restored.assert_unsigned(&service).await;
    let sandbox = &restored.sandbox;
    let run = verify_log(sandbox, &service, &["--since", "lost"]).code(4);
    run.stderr_has(&format!(
        "the log was cut short: its checkpoint has size {size}, but lost has size {lost}"
    ));
    verify_log(sandbox, &service, &["--since", "kept"]).code(0);
    stopped(
        service,
        &format!("the log contradicts the checkpoint of {lost} entries that was signed"),
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn restored_log_goes_on_under_another_name() {
    let restored = RolledBack::new().await;
    let RolledBack { sandbox, token, .. } = &restored;
    let service = restored.serve();
    contradicted(&service).await;
    let recover = ["log-key", "recover", "--new-origin", "log.example/2"];
    sandbox.run(&recover).code(0);
    save_policy(sandbox, "policy.2");
    assert_eq!(service.stop().0, Some(0));

    let service = restored.serve();
    let (proof, newest) = write_signed(&service, token, 60).await;
    sandbox.file("proof.2.json", proof);
    sandbox.file("newest", &newest);
    assert_eq!(checkpoint_of(&newest).origin(), "log.example/2");
    assert_no_alarm(&service).await;
    let url = format!("http://{}/v1/log", service.address);
    sandbox.run(&["verify", "log", "--policy", "policy.2", &url]).code(0);
    // Under the old name the old proofs stay valid, those of lost records too, and the new ones are not.
    let proof = |policy: &str, file: &str, code| {
        sandbox.run(&["verify", "proof", "--policy", policy, file]).code(code);
    };
    proof("policy", "proof.json", 0);
    proof("policy", "lost.json", 0);
    proof("policy.2", "proof.2.json", 0);
    proof("policy", "proof.2.json", 4);
    proof("policy.2", "proof.json", 4);

    let query = ["query", "--json", "--action", "audit_log.signing_key_recovered"];
    let rows = sandbox.run(&query).code(0).rows();
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0]["metadata"]["last_checkpoint"], restored.lost.as_str());
    assert_eq!(rows[0]["target_id"], "log.example/2");
    assert_eq!(sandbox.text("signing.key.old-1.signed"), restored.lost);
}

/// The database goes back under a running service that has signed the lost state itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn restore_under_a_running_service_stays_reported() {
    let mut server = OwnServer::start().await;
    let token = key_in(server.service()).await;
    let sandbox = with_key(&server.url(&server.service()), &token);
    let service = Service::start(&sandbox, &[]);
    let (_, kept) = write_signed(&service, &token, 30).await;
    let saved = server.save();
    eventually("the service is ready", async || {
        auditrail_testkit::http::Call::new(service.admin, "GET", "/readyz").send().await.status
            == 200
    })
    .await;
    let (_, lost) = write_signed(&service, &token, 20).await;
    server.go_back_to(&saved);
    contradicted(&service).await;
    // To exactly the size of the checkpoint that the service has signed last.
    write(&service, &token, 20).await;
    let size = checkpoint_of(&lost).size();
    eventually("the log has the size of the lost one", async || {
        metric(&service, "auditrail_sealer_tree_size").await == size as f64
    })
    .await;
    let failures = metric(&service, "auditrail_signer_failures_total").await;
    eventually("the service tries again", async || {
        metric(&service, "auditrail_signer_failures_total").await > failures
    })
    .await;
    assert!(is_contradicted(&service).await);
    assert_eq!(checkpoint(&service, &token).await, Some(kept));
    stopped(service, "the database was restored to an earlier state");
}
