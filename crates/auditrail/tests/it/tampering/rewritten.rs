//! A log that was rewritten as a whole, so that its rows fit together.

use auditrail_testkit::eventually;

use super::attacker::{Attacker, Row};
use crate::service::Service;
use crate::signing::{
    Signing, assert_no_alarm, checkpoint, checkpoint_of, metric, verify_log, write, write_signed,
};

type Edit = fn(&mut Vec<Row>);

/// What is done to the entries of a log of 302 records.
const EDITS: [(&str, Edit); 5] = [
    ("changed", |rows| rows[100].entry[40] ^= 1),
    ("removed", |rows| drop(rows.remove(100))),
    ("put into the past", |rows| {
        let row = rows.pop().unwrap();
        rows.insert(50, row);
    }),
    ("swapped", |rows| rows.swap(10, 200)),
    ("cut short", |rows| rows.truncate(280)),
];

/// A stopped service whose log was rewritten, and the checkpoint of before.
async fn rewritten(edit: Edit) -> (Signing, Attacker, String) {
    let signing = Signing::new().await;
    let service = signing.serve();
    let (_, kept) = write_signed(&service, &signing.token, 300).await;
    assert_eq!(service.stop().0, Some(0));
    signing.sandbox.file("kept", &kept);
    let mut attacker = Attacker::new(&signing.db).await;
    let mut rows = attacker.rows().await;
    assert_eq!(rows.len() as u64, checkpoint_of(&kept).size());
    edit(&mut rows);
    attacker.rewrite(&rows).await;
    (signing, attacker, kept)
}

async fn contradicted(service: &Service) {
    eventually("the contradiction is reported", async || {
        metric(service, "auditrail_signer_contradicted").await == 1.0
    })
    .await;
}

#[tokio::test]
async fn rewritten_log_is_not_signed_and_contradicts_its_checkpoint() {
    for (name, edit) in EDITS {
        let (signing, _, kept) = rewritten(edit).await;
        let Signing { sandbox, token, .. } = &signing;
        let service = signing.serve();
        contradicted(&service).await;
        // Also when it has more entries than before.
        let size = checkpoint_of(&kept).size() as f64;
        write(&service, token, 40).await;
        eventually("the log has grown", async || {
            metric(&service, "auditrail_sealer_tree_size").await > size
        })
        .await;
        assert_eq!(checkpoint(&service, token).await.as_ref(), Some(&kept), "{name}");
        let run = verify_log(sandbox, &service, &[]).code(4);
        assert!(run.err.contains("do not have the root of the checkpoint"), "{name}: {run:?}");
        assert_eq!(service.stop().0, Some(0));
        let service = signing.serve();
        contradicted(&service).await;
        let (_, log) = service.stop();
        let sentence =
            format!("the log contradicts the checkpoint of {size} entries that was signed");
        assert!(log.contains(&sentence), "{name}: {log}");
        assert_eq!(sandbox.text("signing.key.signed"), kept, "{name}");
    }
}

/// Only a checkpoint that was kept elsewhere shows it: the log and its signatures are flawless.
#[tokio::test]
async fn log_that_was_rewritten_with_the_signing_key_contradicts_kept_checkpoints() {
    for (name, edit) in EDITS {
        let (signing, mut attacker, kept) = rewritten(edit).await;
        let Signing { sandbox, token, .. } = &signing;
        let forged = attacker.sign(&signing.db, sandbox).await;
        sandbox.file("forged", &forged);
        let service = signing.serve();
        let (_, newest) = write_signed(&service, token, 40).await;
        sandbox.file("newest", newest);
        assert_no_alarm(&service).await;
        verify_log(sandbox, &service, &[]).code(0);
        let size = checkpoint_of(&kept).size();
        let run = verify_log(sandbox, &service, &["--since", "kept"]).code(4);
        let fork =
            format!("does not continue kept, which has another root for its first {size} entries");
        assert!(
            run.err.contains("fork: the log of size ") && run.err.contains(&fork),
            "{name}: {run:?}"
        );
        let url = format!("http://{}/v1/log", service.address);
        let consistency = |new: &str| {
            let args = ["verify", "consistency", "--policy", "policy", "kept", new, "--log", &url];
            sandbox.run(&args).code(4)
        };
        let run = consistency("newest");
        let sentence = format!(
            "does not begin with the leaves of the tree of size {size}: the roots contradict"
        );
        assert!(run.err.contains(&sentence), "{name}: {run:?}");
        // Two roots for one size.
        let run = consistency("forged");
        if checkpoint_of(&forged).size() == size {
            let same = format!("fork: kept and forged have the same size, {size}, and two roots");
            assert!(run.err.contains(&same), "{name}: {run:?}");
        }
    }
}

#[tokio::test]
async fn damaged_rows_stop_the_log() {
    let (signing, mut attacker, kept) = rewritten(|_| ()).await;
    attacker.run("delete from control_plane.audit_log_tiles").await;
    let service = signing.serve();
    write(&service, &signing.token, 3).await;
    eventually("the damage is reported", async || {
        metric(&service, "auditrail_sealer_tree_damaged").await == 1.0
    })
    .await;
    assert_eq!(checkpoint(&service, &signing.token).await, Some(kept));
    verify_log(&signing.sandbox, &service, &[]).code(4);
    let (_, log) = service.stop();
    assert!(log.contains("level 1 of a tree of size 302"), "{log}");
}
