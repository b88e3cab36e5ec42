//! `verify db`.

use auditrail_testkit::TestDb;
use sqlx::Executor as _;

use crate::sandbox::Sandbox;

async fn sandbox() -> (TestDb, Sandbox) {
    let db = TestDb::migrated().await;
    let sandbox = Sandbox::with(&db.url(&db.service()));
    db.as_owner(
        "insert into control_plane.audit_logs (id, actor_id, actor_type, action, target_type, target_id)
         select lpad(to_hex(n), 32, '0')::uuid, 'u' || n, 'user', 'project.created', 'project', 'p1'
           from generate_series(1, 700) n",
    )
    .await;
    sandbox
        .run(&["sequence", "--once"])
        .code(0)
        .stdout_has("700 records added to the transparency log");
    (db, sandbox)
}

/// As a superuser, with the guards off.
async fn edit(db: &TestDb, statement: &'static str) {
    let mut admin = db.connect(db.admin()).await;
    for statement in ["alter table control_plane.audit_logs disable trigger user", statement] {
        admin.execute(statement).await.unwrap();
    }
}

#[tokio::test]
async fn database_that_nothing_was_done_to_is_valid() {
    let (_db, sandbox) = sandbox().await;
    sandbox
        .run(&["verify", "db"])
        .code(0)
        .stdout_has("700 entries compared with their records")
        .stderr_has("without a checkpoint that was kept elsewhere");
    let document = sandbox.run(&["verify", "db", "--json"]).code(0).json();
    assert_eq!((&document["valid"], &document["entries"]), (&true.into(), &700.into()));
}

#[tokio::test]
async fn changed_and_removed_records_are_named() {
    let (db, sandbox) = sandbox().await;
    edit(
        &db,
        "update control_plane.audit_logs set actor_id = 'x' where id = lpad('a', 32, '0')::uuid",
    )
    .await;
    edit(&db, "delete from control_plane.audit_logs where id = lpad('b', 32, '0')::uuid").await;
    sandbox
        .run(&["verify", "db"])
        .code(4)
        .stdout_has("record 00000000-0000-0000-0000-00000000000a is not the one of entry 9")
        .stdout_has("which has entry 10, was removed by other means than retention")
        .stderr_has("2 differences");
    let document = sandbox.run(&["verify", "db", "--json"]).code(4).json();
    assert_eq!(document["differences"], 2);
}

#[tokio::test]
async fn log_that_was_made_again_contradicts_a_kept_checkpoint() {
    let (db, sandbox) = sandbox().await;
    let key = ["--signing-key-file", "signing.key"];
    sandbox
        .run(&[&["log-key", "create", "--origin", "example.com/log"][..], &key].concat())
        .code(0);
    let policy = sandbox.run(&[&["log-key", "show", "--policy"][..], &key].concat()).code(0).out;
    sandbox.file("trusted.policy", policy);
    let checkpoint = signed(&db, &sandbox).await;
    sandbox.file("kept.checkpoint", checkpoint);
    let verify = ["verify", "db", "--policy", "trusted.policy", "--checkpoint", "kept.checkpoint"];
    sandbox.run(&verify).code(0).stdout_has("the first 700 entries are those of kept.checkpoint");
    sandbox.run(&verify[..2]).code(0);
    sandbox
        .run(&["verify", "db", "--checkpoint", "kept.checkpoint"])
        .code(2)
        .stderr_has("--policy");
    for statement in [
        "alter table control_plane.audit_log_bundles disable trigger user",
        "alter table control_plane.audit_log_tiles disable trigger user",
        "alter table control_plane.audit_log_record_keys disable trigger user",
        "update control_plane.audit_logs set actor_id = 'x' where id = lpad('a', 32, '0')::uuid",
        "truncate control_plane.audit_log_bundles, control_plane.audit_log_tiles,
                  control_plane.audit_log_record_keys",
        "update control_plane.audit_log_tree set size = 0",
    ] {
        edit(&db, statement).await;
    }
    sandbox.run(&["sequence", "--once"]).code(0);
    sandbox.run(&["verify", "db"]).code(0);
    sandbox
        .run(&verify)
        .code(4)
        .stdout_has("the first 700 entries do not have the root of the checkpoint of this size");
}

/// Signs the log as it is, without a service.
async fn signed(db: &TestDb, sandbox: &Sandbox) -> String {
    let signer = auditrail_signer::Signer::new(&sandbox.path("signing.key"));
    let mut session = auditrail_store::tree::SignerSession::new(&db.service());
    let mut signing = signer.lock().unwrap();
    let heads = session.heads(0).await.unwrap();
    signing.sign(heads.earlier, heads.size, heads.root).unwrap();
    session.close().await;
    signing.note().to_string()
}
