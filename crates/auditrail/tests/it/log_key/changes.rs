//! Keys that are replaced, and a start under another name.

use serde_json::json;

use super::files::changes;
use crate::signing::{Signing, checkpoint_of, save_policy, write_signed};

#[tokio::test]
async fn old_and_new_policy_accept_checkpoints_during_a_rotation() {
    let signing = Signing::new().await;
    let Signing { sandbox, token, .. } = &signing;
    let service = signing.serve();
    let (old_proof, _) = write_signed(&service, token, 3).await;
    // The service is not restarted.
    let rotated = sandbox.run(&["log-key", "rotate", "--json"]).code(0).json();
    save_policy(sandbox, "both");
    let key = rotated["verifier_key"].as_str().unwrap();
    sandbox.file("new", format!("log {key}\nquorum none\n"));
    let (proof, checkpoint) = write_signed(&service, token, 3).await;
    assert_eq!(checkpoint.lines().filter(|line| line.starts_with('—')).count(), 2);
    sandbox.file("proof.json", &proof);
    sandbox.file("old.json", &old_proof);
    let verify = |policy: &str, proof: &str, code| {
        sandbox.run(&["verify", "proof", "--policy", policy, proof]).code(code);
    };
    ["policy", "both", "new"].iter().for_each(|policy| verify(policy, "proof.json", 0));
    verify("policy", "old.json", 0);
    verify("new", "old.json", 4);

    let retired = sandbox.run(&["log-key", "retire", "--json"]).code(0).json();
    let old = sandbox.text("policy");
    let old = old.lines().next().unwrap().strip_prefix("log ").unwrap();
    assert_eq!(retired, json!({"retired": [old]}));
    let (proof, checkpoint) = write_signed(&service, token, 3).await;
    assert_eq!(checkpoint.lines().filter(|line| line.starts_with('—')).count(), 1);
    sandbox.file("proof.json", &proof);
    verify("new", "proof.json", 0);
    verify("policy", "proof.json", 4);
    verify("policy", "old.json", 0);
    sandbox.run(&["log-key", "retire"]).code(0).stdout_has("there is one key only");

    // Both stay published for ever, oldest first.
    let keys = service.get("/v1/log/keys").key(token).send().await.json();
    assert_eq!(keys, json!({"data": [old, key]}));
    let changes = changes(sandbox);
    let recorded: Vec<_> = changes
        .iter()
        .map(|row| (row["action"].as_str().unwrap(), row["metadata"]["verifier_key"].clone()))
        .collect();
    assert_eq!(
        recorded,
        [
            ("audit_log.signing_key_created", old.into()),
            ("audit_log.signing_key_rotated", key.into()),
            ("audit_log.signing_key_retired", old.into()),
        ]
    );
}

#[tokio::test]
async fn recovery_needs_another_name_and_keeps_the_old_key() {
    let signing = Signing::new().await;
    let sandbox = &signing.sandbox;
    let service = signing.serve();
    write_signed(&service, &signing.token, 3).await;
    assert_eq!(service.stop().0, Some(0));
    let before = [sandbox.text("signing.key"), sandbox.text("signing.key.signed")];
    let recover = |origin: &str| {
        sandbox.run(&["log-key", "recover", "--new-origin", origin, "--actor", "user:ana"])
    };
    recover("log.example/audit").code(1).stderr_has("the log needs another name than log.example");
    recover("no name").code(2).stderr_has("the name of the log is not valid");
    assert_eq!([sandbox.text("signing.key"), sandbox.text("signing.key.signed")], before);
    let run = recover("log.example/2").code(0).stderr_has("the old key is now signing.key.old-1");
    assert_eq!(
        [sandbox.text("signing.key.old-1"), sandbox.text("signing.key.old-1.signed")],
        before
    );
    let shown = sandbox.run(&["log-key", "show"]).code(0).out;
    assert_eq!(shown, format!("log.example/2: no checkpoint was signed\n{}", run.out));
    recover("log.example/3").code(0).stderr_has("signing.key.old-2");

    let changes = changes(sandbox);
    let recovered = &changes[1];
    assert_eq!(recovered["action"], "audit_log.signing_key_recovered");
    assert_eq!(
        (&recovered["actor_id"], &recovered["target_id"]),
        (&"ana".into(), &"log.example/2".into())
    );
    let expected = json!({"verifier_key": run.out.trim_end(), "last_checkpoint": before[1]});
    assert_eq!(recovered["metadata"], expected);
    // Under the second name nothing was signed.
    let last = changes[2]["metadata"]["last_checkpoint"].as_str().unwrap();
    assert_eq!(checkpoint_of(last).size(), 0);
}
