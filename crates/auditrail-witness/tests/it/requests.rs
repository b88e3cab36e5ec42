//! Requests to a witness, and their responses.

use tlog::witness::AddCheckpoint;
use tlog::{NoteSignature, SignedNote};

use crate::support::{Log, Running, directory, log_key, logged, open, witness_key};

#[tokio::test]
async fn growing_log_is_cosigned() {
    let directory = directory();
    let witness = Running::start(directory.path()).await;
    let log = Log::new("entry", 600);
    for (from, to) in [(0, 1), (1, 2), (2, 300), (300, 300), (300, 600)] {
        let request = log.request(from, to);
        let reply = witness.add(&request).await;
        let time = reply.assert_cosigns(&request.checkpoint);
        assert!(time > 1_700_000_000, "{time}");
        assert_eq!(reply.body.lines().count(), 1);
    }
    let status = witness.get("/").await;
    let key = witness_key(9).verifier();
    let expected = format!("witness {key}\nlog.example/one 600 {}\n", log.root(600));
    assert_eq!((status.status, status.body), (200, expected));
    assert!(witness.stop().await);
}

#[tokio::test]
async fn empty_tree_is_cosigned_and_grows() {
    let directory = directory();
    let witness = Running::start(directory.path()).await;
    assert!(witness.get("/status").await.body.ends_with("\nlog.example/one new\n"));
    let log = Log::new("entry", 3);
    for (from, to) in [(0, 0), (0, 0), (0, 3)] {
        let request = log.request(from, to);
        witness.add(&request).await.assert_cosigns(&request.checkpoint);
    }
}

#[tokio::test]
async fn repeated_request_is_answered_with_the_size() {
    let directory = directory();
    let witness = Running::start(directory.path()).await;
    let log = Log::new("entry", 10);
    let request = log.request(0, 7);
    witness.add(&request).await.assert_cosigns(&request.checkpoint);
    let reply = witness.add(&request).await;
    assert_eq!((reply.status, reply.body.as_str()), (409, "7\n"));
    assert!(reply.head.contains("content-type: text/x.tlog.size\r\n"), "{reply:?}");
    // From that size on it is cosigned again.
    let again = log.request(7, 7);
    witness.add(&again).await.assert_cosigns(&again.checkpoint);
    assert_eq!(witness.add(&log.request(3, 10)).await.body, "7\n");
}

#[tokio::test]
async fn two_trees_of_one_log_are_never_both_cosigned() {
    logged();
    let directory = directory();
    let witness = Running::start(directory.path()).await;
    let (log, fork) = (Log::new("entry", 20), Log::new("other", 20));
    witness.add(&log.request(0, 7)).await.assert_cosigns(&log.checkpoint(7));
    // Another root of the same size.
    let reply = witness.add(&fork.request(7, 7)).await;
    assert_eq!(reply.status, 409, "{reply:?}");
    assert!(reply.head.contains("content-type: text/plain"), "{reply:?}");
    // A larger tree, with the proof of the fork, a proof of the log, and as a first checkpoint.
    assert_eq!(witness.add(&fork.request(7, 20)).await.status, 422);
    let mixed = AddCheckpoint { proof: log.consistency(7, 20), ..fork.request(7, 20) };
    assert_eq!(witness.add(&mixed).await.status, 422);
    assert_eq!(witness.add(&fork.request(0, 20)).await.status, 409);
    assert_eq!(witness.add(&fork.request(0, 7)).await.status, 409);
    // The log goes on.
    witness.add(&log.request(7, 20)).await.assert_cosigns(&log.checkpoint(20));
    let metrics = witness.get("/metrics").await.body;
    for (outcome, count) in [("fork", 3), ("stale", 2), ("cosigned", 2), ("bad_proof", 0)] {
        let line = format!("auditrail_witness_requests_total{{outcome=\"{outcome}\"}} {count}\n");
        assert!(metrics.contains(&line), "no {line} in {metrics}");
    }
    let errors = logged();
    for (size, root, is_proven) in [(7, fork.root(7), true), (20, fork.root(20), false)] {
        let fields = format!(
            "cosigned_size=7 cosigned_root={} size={size} root={root} is_proven={is_proven}",
            log.root(7)
        );
        // Once, although two requests had the larger tree.
        let lines = errors.lines().filter(|line| line.contains(&fields));
        let lines: Vec<&str> = lines.collect();
        assert!(matches!(lines[..], [line] if line.contains("ERROR")), "{errors}");
    }
}

#[tokio::test]
async fn concurrent_forks_get_one_cosignature() {
    let directory = directory();
    let witness = Running::start(directory.path()).await;
    let logs: Vec<Log> = (0..8).map(|number| Log::new(&format!("entry {number}"), 9)).collect();
    let requests: Vec<AddCheckpoint> = logs.iter().map(|log| log.request(0, 9)).collect();
    let replies = requests.iter().map(|request| witness.add(request));
    let replies = futures_util::future::join_all(replies).await;
    assert_eq!(replies.iter().filter(|reply| reply.status == 200).count(), 1);
    assert_eq!(replies.iter().filter(|reply| reply.body == "9\n").count(), 7);
}

#[tokio::test]
async fn wrong_proof_is_refused() {
    let directory = directory();
    let witness = Running::start(directory.path()).await;
    let log = Log::new("entry", 20);
    witness.add(&log.request(0, 7)).await;
    let mut short = log.request(7, 20);
    short.proof.pop();
    assert_eq!(witness.add(&short).await.status, 422);
    let mut long = log.request(7, 20);
    long.proof.push(log.root(3));
    assert_eq!(witness.add(&long).await.status, 422);
    let mut changed = log.request(7, 20);
    changed.proof[0] = log.root(3);
    assert_eq!(witness.add(&changed).await.status, 422);
    let mut larger = log.request(0, 5);
    larger.old_size = 7;
    assert_eq!(witness.add(&larger).await.status, 400);
    witness.add(&log.request(7, 20)).await.assert_cosigns(&log.checkpoint(20));
}

#[tokio::test]
async fn only_known_logs_and_their_keys_are_cosigned() {
    let directory = directory();
    let witness = Running::start(directory.path()).await;
    let log = Log::new("entry", 7);
    let signed = |text: &str, seed: u8| {
        let mut note = SignedNote::new(text.to_owned()).unwrap();
        note.sign(&log_key(seed), 0);
        AddCheckpoint { checkpoint: note, ..log.request(0, 7) }
    };
    let text = log.checkpoint(7).text().to_owned();
    let unknown = witness.add(&signed(&text.replace("/one", "/two"), 1)).await;
    assert_eq!(unknown.status, 404, "{unknown:?}");
    let wrong_key = witness.add(&signed(&text, 2)).await;
    assert_eq!(wrong_key.status, 403, "{wrong_key:?}");
    let mut forged = log.request(0, 7);
    forged.checkpoint = SignedNote::new(text.clone()).unwrap();
    forged.checkpoint.push(NoteSignature::new(&log_key(1), "another text\n", 0));
    assert_eq!(witness.add(&forged).await.status, 403);
    // Signatures of unknown keys are ignored, beside that of the log.
    let mut more = log.request(0, 7);
    more.checkpoint.sign(&log_key(2), 0);
    more.checkpoint.sign(&witness_key(3), 5);
    witness.add(&more).await.assert_cosigns(&more.checkpoint);
}

#[tokio::test]
async fn each_of_several_keys_of_a_log_may_sign() {
    let directory = directory();
    let keys = vec![log_key(2).verifier(), log_key(1).verifier(), log_key(2).verifier()];
    let witness = auditrail_witness::Witness::open(witness_key(9), keys, directory.path()).unwrap();
    let witness = Running::serving(witness, &Default::default()).await;
    let log = Log::new("entry", 7);
    witness.add(&log.request(0, 7)).await.assert_cosigns(&log.checkpoint(7));
    let text = log.checkpoint(7).text().to_owned();
    let mut checkpoint = SignedNote::new(text).unwrap();
    checkpoint.sign(&log_key(2), 0);
    let request = AddCheckpoint { checkpoint, ..log.request(7, 7) };
    witness.add(&request).await.assert_cosigns(&request.checkpoint);
}

#[tokio::test]
async fn keys_of_the_other_kind_are_refused() {
    use auditrail_witness::{OpenError, Witness};
    let directory = directory();
    let error = Witness::open(log_key(1), vec![log_key(1).verifier()], directory.path());
    assert!(matches!(error, Err(OpenError::NotAWitness(_))), "{error:?}");
    let error = Witness::open(witness_key(9), vec![witness_key(1).verifier()], directory.path());
    assert!(matches!(error, Err(OpenError::NotALog(_))), "{error:?}");
    let error = Witness::open(witness_key(9), Vec::new(), directory.path());
    assert!(matches!(error, Err(OpenError::NoLogs)), "{error:?}");
    drop(open(directory.path(), 1));
}
