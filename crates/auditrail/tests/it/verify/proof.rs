//! `verify proof`, offline: no sandbox here has a database.

use std::path::Path;

use serde_json::{Value, json};

use crate::sandbox::Sandbox;

/// The proofs of `docs/evidence-vectors.json`.
fn vectors() -> Vec<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/evidence-vectors.json");
    let vectors: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    vectors["proofs"].as_array().unwrap().clone()
}

/// A sandbox with the policy and the proof of a vector.
fn with(name: &str) -> Sandbox {
    let vectors = vectors();
    let vector = vectors.iter().find(|vector| vector["name"] == name).unwrap();
    let sandbox = Sandbox::bare();
    sandbox.file("policy", vector["policy"].as_str().unwrap());
    sandbox.file("proof.json", vector["document"].as_str().unwrap());
    sandbox
}

const VERIFY: [&str; 4] = ["verify", "proof", "--policy", "policy"];

#[test]
fn valid_proof_shows_the_record() {
    let sandbox = with("erased fields");
    let run = sandbox.run(&[&VERIFY[..], &["proof.json"]].concat()).code(0);
    assert_eq!(
        run.out,
        "proof.json: valid
  record 327fbcaf-c916-4187-91dd-45414a6137ea is entry 300 of log.example/audit, in the tree of size 308 with 2 cosignatures
  created_at   2026-11-30T19:00:00.123456Z
  actor_type   user
  actor_id     (erased)
  action       api_key.created
  target_type  api_key
  target_id    k_1
  metadata     (erased)
  ip_address   10.0.0.1/32
  user_agent   curl/8.0
  tenant_id    acme
  request_id   req-1
  outcome      success
  actor_name   (erased)
  target_name  deploy
  recorded_by  key:01a2
"
    );
    let json = sandbox.run(&[&VERIFY[..], &["proof.json", "--json"]].concat()).code(0).json();
    assert_eq!(json["valid"], true);
    assert_eq!((&json["seq"], &json["size"]), (&json!(300), &json!(308)));
    assert_eq!(json["fields"]["action"], "api_key.created");
    assert_eq!(json["erased"], json!(["actor_id", "metadata", "actor_name"]));
    assert_eq!(json["cosignatures"][0]["witness"], "w0");
    let text = sandbox.text("proof.json");
    let piped = sandbox.run_with_input(&[&VERIFY[..], &["-"]].concat(), text.as_bytes()).code(0);
    assert!(piped.out.starts_with("-: valid\n"), "{piped:?}");
}

#[test]
fn invalid_proof_is_named_and_the_others_are_verified() {
    let sandbox = with("value changed");
    let good = with("withheld fields").text("proof.json");
    sandbox.file("good.json", good);
    let files = ["proof.json", "good.json"];
    let run = sandbox.run(&[&VERIFY[..], &files].concat()).code(4);
    assert!(run.out.starts_with("good.json: valid\n"), "{run:?}");
    let run = run.stderr_has(
        "proof.json: not valid: record 327fbcaf-c916-4187-91dd-45414a6137ea is not entry 300 of the log as the \
         proof shows it: its fields, its time, its id or the proof were changed",
    );
    run.stderr_has("1 of 2 proofs not valid");
    let lines = sandbox.run(&[&VERIFY[..], &files, &["--json"]].concat()).code(4).rows();
    assert_eq!((&lines[0]["valid"], &lines[1]["valid"]), (&json!(false), &json!(true)));
}

#[test]
fn every_vector_is_judged() {
    for vector in vectors() {
        let sandbox = Sandbox::bare();
        sandbox.file("policy", vector["policy"].as_str().unwrap());
        sandbox.file("proof.json", vector["document"].as_str().unwrap());
        let expected = if vector["valid"] == true { 0 } else { 4 };
        let run = sandbox.run(&[&VERIFY[..], &["proof.json", "--quiet"]].concat());
        assert_eq!(run.code, Some(expected), "{}: {run:?}", vector["name"]);
    }
}

#[test]
fn missing_files_and_hostile_ones_are_errors() {
    let sandbox = with("value changed");
    sandbox.run(&[&VERIFY[..], &["missing.json"]].concat()).code(1).stderr_has("missing.json");
    sandbox.run(&["verify", "proof", "proof.json"]).code(2).stderr_has("--policy");
    sandbox.file("large.json", vec![b'['; 20_000_000]);
    let run = sandbox.run(&[&VERIFY[..], &["large.json"]].concat()).code(4);
    run.stderr_has("the document is longer than");
    sandbox.file("large.policy", vec![b'#'; 20_000_000]);
    let run = sandbox.run(&["verify", "proof", "--policy", "large.policy", "proof.json"]).code(4);
    run.stderr_has("the policy is longer than");
    // Control characters of a proof do not reach the terminal.
    let text = sandbox.text("proof.json").replace("auditrail/proof/v1", "\\u001b[2J");
    sandbox.file("proof.json", text);
    let run = sandbox.run(&[&VERIFY[..], &["proof.json"]].concat()).code(4);
    assert!(!run.err.contains('\u{1b}'), "{run:?}");
}
