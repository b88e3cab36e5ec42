//! What a service signs, verified without it.

use std::fs;

use super::files::changes;
use crate::db::Private;
use crate::service::Service;
use crate::signing::{
    ORIGIN, Signing, assert_no_alarm, checkpoint_of, is_secret, mirror, proved, save_policy,
    verify_log, write, write_signed,
};

#[tokio::test]
async fn served_log_and_proofs_verify_after_the_service_has_ended() {
    let signing = Signing::new().await;
    let Signing { sandbox, token, .. } = &signing;
    let service = signing.serve();
    let (_, first) = write_signed(&service, token, 5).await;
    sandbox.file("kept", &first);
    let ids = write(&service, token, 600).await;
    for (place, id) in [&ids[0], &ids[255], &ids[599]].into_iter().enumerate() {
        sandbox.file(&format!("proof.{place}"), proved(&service, token, id).await);
    }
    let run = verify_log(sandbox, &service, &["--since", "kept"]).code(0);
    run.stdout_has(&format!("continues kept, of size {}", checkpoint_of(&first).size()));
    mirror(&service, token, sandbox, "mirror").await;
    let newest = checkpoint_of(&sandbox.text("mirror/checkpoint"));
    let consistency =
        format!("/v1/log/consistency?from={}&to={}", checkpoint_of(&first).size(), newest.size());
    let document = service.get(&consistency).key(token).send().await.body;
    sandbox.file("consistency.json", document);
    assert_no_alarm(&service).await;
    assert_eq!(service.stop().0, Some(0));
    signing.db.as_owner("alter schema control_plane rename to gone").await;

    let proofs = ["proof.0", "proof.1", "proof.2"];
    let run = sandbox.run(&[&["verify", "proof", "--policy", "policy"], &proofs[..]].concat());
    run.code(0);
    let log = ["verify", "log", "--policy", "policy", "mirror", "--since", "kept"];
    sandbox.run(&log).code(0).stdout_has(ORIGIN);
    let args = ["verify", "consistency", "--policy", "policy", "kept", "mirror/checkpoint"];
    sandbox.run(&[&args[..], &["--proof", "consistency.json"]].concat()).code(0);
    // The memory has what was served last.
    assert_eq!(sandbox.text("signing.key.signed"), sandbox.text("mirror/checkpoint"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn private_service_signs_with_a_key_of_its_own() {
    let private = Private::new();
    let sandbox = &private.0;
    let service = Service::start(sandbox, &[]);
    let token = service.ready["first_key"]["key"].as_str().unwrap().to_owned();
    assert!(is_secret(&sandbox.path("data/signing.key")));
    save_policy(sandbox, "policy");
    let (proof, _) = write_signed(&service, &token, 20).await;
    sandbox.file("proof.json", proof);
    mirror(&service, &token, sandbox, "mirror").await;
    assert_eq!(service.stop().0, Some(0));
    sandbox.run(&["verify", "proof", "--policy", "policy", "proof.json"]).code(0);
    sandbox.run(&["verify", "log", "--policy", "policy", "mirror"]).code(0);
    assert_eq!(changes(sandbox).len(), 1);
    // Another start takes the key that is there.
    let before = sandbox.text("data/signing.key");
    assert_eq!(Service::start(sandbox, &[]).stop().0, Some(0));
    assert_eq!(sandbox.text("data/signing.key"), before);
    assert_eq!(changes(sandbox).len(), 1);
}

#[tokio::test]
async fn service_without_a_key_serves_the_log_and_signs_nothing() {
    let signing = Signing::new().await;
    let Signing { sandbox, token, .. } = &signing;
    let service = signing.serve();
    let (_, kept) = write_signed(&service, token, 3).await;
    assert_eq!(service.stop().0, Some(0));
    fs::remove_file(sandbox.path("signing.key.lock")).unwrap();
    let keyless = crate::sandbox::Sandbox::with(&signing.db.url(&signing.db.service()));
    let service = Service::start(&keyless, &[]);
    let ids = write(&service, token, 3).await;
    auditrail_testkit::eventually("the records are sealed", async || {
        let size = checkpoint_of(&kept).size();
        service.get(&format!("/v1/log/tile/0/000.p/{}", size + 3)).key(token).send().await.status
            == 200
    })
    .await;
    let proof = service.get(&format!("/v1/audit-logs/{}/proof", ids[0])).key(token).send().await;
    assert_eq!(proof.problem(), (503, "proof_not_ready".to_owned()));
    let checkpoint = service.get("/v1/log/checkpoint").key(token).send().await;
    assert_eq!(crate::signing::text(&checkpoint), kept);
    let (code, log) = service.stop();
    assert_eq!(code, Some(0));
    assert!(log.contains("AUDITRAIL_SIGNING_KEY_FILE is not set"), "{log}");
}
