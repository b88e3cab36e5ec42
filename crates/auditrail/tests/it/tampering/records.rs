//! Records and their order, edited while the log stays as it is.

use uuid::Uuid;

use super::attacker::Attacker;
use crate::signing::{Signing, checkpoint_of, get, proved, verify_log, write, write_signed};

async fn proof_code(service: &crate::service::Service, token: &str, id: &str) -> (u16, String) {
    get(service, token, &format!("/v1/audit-logs/{id}/proof")).await.problem()
}

#[tokio::test]
async fn changed_and_swapped_values_are_not_proved() {
    let signing = Signing::new().await;
    let token = &signing.token;
    let service = signing.serve();
    let ids = write(&service, token, 6).await;
    let kept = proved(&service, token, &ids[0]).await;
    signing.sandbox.file("kept.json", &kept);
    let mut attacker = Attacker::new(&signing.db).await;
    let update = |set: &str, id: &str| {
        format!("update control_plane.audit_logs r set {set} where r.id = '{id}'")
    };
    attacker.run(&update("actor_id = 'mallory'", &ids[0])).await;
    let other = format!("(select target_id from control_plane.audit_logs where id = '{}')", ids[2]);
    attacker.run(&update(&format!("target_id = {other}"), &ids[1])).await;
    attacker.run(&update("created_at = created_at - interval '1 day'", &ids[3])).await;
    for id in [&ids[0], &ids[1], &ids[3]] {
        assert_eq!(proof_code(&service, token, id).await, (500, "altered_record".to_owned()));
    }
    // The proof of before shows the old value.
    let verify = ["verify", "proof", "--policy", "policy", "kept.json"];
    signing.sandbox.run(&verify).code(0).stdout_has("u1");
    let edited = kept.replace("\"u1\"", "\"mallory\"");
    assert_ne!(edited, kept);
    signing.sandbox.file("kept.json", edited);
    signing.sandbox.run(&verify).code(4).stderr_has("kept.json");
}

#[tokio::test]
async fn changed_order_is_found_by_the_proofs_of_both_records() {
    let signing = Signing::new().await;
    let token = &signing.token;
    let service = signing.serve();
    let ids = write(&service, token, 6).await;
    let (_, note) = write_signed(&service, token, 1).await;
    signing.sandbox.file("kept", note);
    let mut attacker = Attacker::new(&signing.db).await;
    let [a, b] = [&ids[1], &ids[4]].map(|id| id.replace('-', ""));
    let swap = format!(
        "update control_plane.audit_log_entries
            set ids = overlay(overlay(ids placing '\\x{b}' from position('\\x{a}'::bytea in ids))
                              placing '\\x{a}' from position('\\x{b}'::bytea in ids))
          where position('\\x{a}'::bytea in ids) > 0"
    );
    attacker.run(&swap).await;
    for (id, code) in [(&ids[0], 200), (&ids[1], 500), (&ids[4], 500), (&ids[5], 200)] {
        let answer = get(&service, token, &format!("/v1/audit-logs/{id}/proof")).await;
        assert_eq!(answer.status.as_u16(), code, "{answer:?}");
    }
    assert_eq!(proof_code(&service, token, &ids[1]).await.1, "altered_record");
    // The log has the old order.
    verify_log(&signing.sandbox, &service, &["--since", "kept"]).code(0);
}

/// It gets a seq at the end, where its proof shows that it came late.
#[tokio::test]
async fn record_put_into_the_past_is_found_and_comes_at_the_end() {
    let signing = Signing::new().await;
    let Signing { sandbox, token, .. } = &signing;
    let service = signing.serve();
    let ids = write(&service, token, 20).await;
    let (_, note) = write_signed(&service, token, 1).await;
    let size = checkpoint_of(&note).size();
    sandbox.file("kept", note);
    let mut attacker = Attacker::new(&signing.db).await;
    let id = Uuid::from_u128(7).to_string();
    attacker
        .run(&format!(
            "insert into control_plane.audit_logs
                 (id, actor_id, actor_type, action, target_type, target_id, created_at, xact_id)
             select '{id}', 'mallory', 'user', 'project.created', 'project', 'p1', created_at, xact_id
               from control_plane.audit_logs where id = '{}'",
            ids[3]
        ))
        .await;
    let found = sandbox.run(&["sequence", "--check", "--json"]).code(4);
    assert_eq!(found.json()["records"][0]["id"], id.as_str());
    assert_eq!(proof_code(&service, token, &id).await, (503, "proof_not_ready".to_owned()));
    sandbox.run(&["sequence", "--once", "--recover"]).code(0);
    sandbox.file("proof.json", proved(&service, token, &id).await);
    let verify = ["verify", "proof", "--policy", "policy", "proof.json", "--json"];
    let proof = sandbox.run(&verify).code(0).json();
    assert!(proof["seq"].as_u64().unwrap() >= size, "{proof}");
    verify_log(sandbox, &service, &["--since", "kept"]).code(0);
}
