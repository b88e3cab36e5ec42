//! The client against an honest witness.

use std::io;

use auditrail_witness::{ConsistencySource, InvalidWitness, WitnessClient, WitnessError};
use tlog::Hash;

use crate::support::{LONG, Log, Running, directory, log_key, witness_key};

/// Has no proofs.
struct NoProofs;

impl ConsistencySource for NoProofs {
    type Error = io::Error;

    async fn proof(&self, _: u64, _: u64) -> Result<Vec<Hash>, io::Error> {
        Err(io::Error::other("the tiles are gone"))
    }
}

/// Has too many.
struct LongProofs(Hash);

impl ConsistencySource for LongProofs {
    type Error = io::Error;

    async fn proof(&self, _: u64, _: u64) -> Result<Vec<Hash>, io::Error> {
        Ok(vec![self.0; 64])
    }
}

#[tokio::test]
async fn growing_log_gets_cosignatures() {
    let directory = directory();
    let witness = Running::start(directory.path()).await;
    let client = witness.client();
    let log = Log::new("entry", 600);
    for size in [0, 1, 7, 7, 600] {
        let mut note = log.checkpoint(size);
        let [cosigned] = <[_; 1]>::try_from(client.cosign(&note, &log).await.unwrap()).unwrap();
        note.push(cosigned.signature);
        let verified = note.verify(&witness_key(9).verifier()).unwrap();
        assert_eq!(verified.time, Some(cosigned.time));
    }
    // The client knew the size each time.
    assert!(witness.get("/metrics").await.body.contains("{outcome=\"stale\"} 0\n"));
}

#[tokio::test]
async fn conflict_is_resolved_with_a_proof() {
    let directory = directory();
    let witness = Running::start(directory.path()).await;
    let log = Log::new("entry", 600);
    witness.client().cosign(&log.checkpoint(7), &log).await.unwrap();
    // A new client starts without the size.
    let client = witness.client();
    client.cosign(&log.checkpoint(300), &log).await.unwrap();
    // Another process of the log was faster.
    witness.client().cosign(&log.checkpoint(400), &log).await.unwrap();
    client.cosign(&log.checkpoint(600), &log).await.unwrap();
    witness.client().cosign(&log.checkpoint(600), &log).await.unwrap();
    assert!(witness.get("/metrics").await.body.contains("{outcome=\"stale\"} 4\n"));
}

#[tokio::test]
async fn older_checkpoint_is_not_cosigned() {
    let directory = directory();
    let witness = Running::start(directory.path()).await;
    let log = Log::new("entry", 600);
    let client = witness.client();
    client.cosign(&log.checkpoint(300), &log).await.unwrap();
    for client in [client, witness.client()] {
        let error = client.cosign(&log.checkpoint(7), &log).await.unwrap_err();
        assert!(matches!(error, WitnessError::Ahead { witness: 300, size: 7 }), "{error}");
    }
}

#[tokio::test]
async fn fork_is_refused_and_reported() {
    let directory = directory();
    let witness = Running::start(directory.path()).await;
    let (log, fork) = (Log::new("entry", 20), Log::new("other", 20));
    witness.client().cosign(&log.checkpoint(7), &log).await.unwrap();
    for (size, expected) in [(7, 409), (20, 422)] {
        let error = witness.client().cosign(&fork.checkpoint(size), &fork).await.unwrap_err();
        let is_refused = matches!(&error, WitnessError::Refused { status, detail }
            if *status == expected && detail.contains("contradict"));
        assert!(is_refused, "{error}");
    }
}

#[tokio::test]
async fn missing_proof_is_an_error() {
    let directory = directory();
    let witness = Running::start(directory.path()).await;
    let log = Log::new("entry", 20);
    let client = witness.client();
    client.cosign(&log.checkpoint(7), &NoProofs).await.unwrap();
    let error = client.cosign(&log.checkpoint(20), &NoProofs).await.unwrap_err();
    assert!(matches!(error, WitnessError::Proof { from: 7, to: 20, .. }), "{error}");
    let long = LongProofs(log.root(1));
    let error = client.cosign(&log.checkpoint(20), &long).await.unwrap_err();
    assert!(matches!(error, WitnessError::Proof { from: 7, to: 20, .. }), "{error}");
}

#[test]
fn client_needs_a_url_and_keys_of_a_witness() {
    let client = |url, keys| WitnessClient::new(url, keys, LONG);
    let key = || vec![witness_key(9).verifier()];
    let error = client("w.example", key()).unwrap_err();
    assert!(matches!(error, InvalidWitness::Url { .. }), "{error}");
    let error = client("http://w.example", vec![]).unwrap_err();
    assert!(matches!(error, InvalidWitness::NoKey), "{error}");
    let error = client("http://w.example", vec![log_key(1).verifier()]).unwrap_err();
    assert!(matches!(error, InvalidWitness::Key(_)), "{error}");
    assert_eq!(client("http://w.example/a/", key()).unwrap().url(), "http://w.example/a");
}
