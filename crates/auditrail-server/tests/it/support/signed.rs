//! Checkpoints that are signed, as the signer of a service does it.

use auditrail_store::tree::SignerSession;
use auditrail_testkit::TestDb;
use tlog::{Algorithm, Checkpoint, Policy, SignedNote, SigningKey};

/// The name of the log.
pub(crate) const ORIGIN: &str = "log.example/audit";

/// The key that signs; the same for each log.
pub(crate) fn key() -> SigningKey {
    SigningKey::from_seed(ORIGIN.parse().unwrap(), Algorithm::Ed25519, &[7; 32])
}

/// A policy that trusts the key.
pub(crate) fn policy() -> Policy {
    Policy::parse(format!("log {}\nquorum none\n", key().verifier()).as_bytes()).unwrap()
}

/// Signs the log as it is now, and stores the checkpoint.
pub(crate) async fn sign(db: &TestDb) -> Checkpoint {
    let key = key();
    let mut session = SignerSession::new(&db.service());
    let heads = session.heads(0).await.unwrap();
    let checkpoint = Checkpoint::new(ORIGIN, heads.size, heads.root).unwrap();
    let mut note = checkpoint.to_note().unwrap();
    note.sign(&key, 0);
    let verifiers = [key.verifier().to_string()];
    session.add(&checkpoint, &note.to_string(), &verifiers).await.unwrap();
    session.close().await;
    checkpoint
}

/// The checkpoint that the policy accepts.
pub(crate) fn accepted(note: &[u8]) -> Checkpoint {
    let note = SignedNote::parse(note).unwrap();
    policy().verify(&note).unwrap().checkpoint
}
