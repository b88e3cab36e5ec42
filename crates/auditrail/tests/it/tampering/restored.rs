//! A database that was dumped and restored into another cluster, where ids of transactions start again.

use auditrail_testkit::OwnServer;

use crate::service::{Service, key_in};
use crate::signing::{
    assert_no_alarm, checkpoint_of, proved, verify_log, with_key, write, write_signed,
};

/// Dumps the database, and restores it in place of that of the other server.
fn dump_and_restore(from: &OwnServer, to: &OwnServer) {
    let dump = tempfile::NamedTempFile::new().unwrap();
    let mut pg_dump = from.tool("pg_dump");
    let dumped = pg_dump.args(["--format=custom", "--file"]).arg(dump.path()).arg("audit").status();
    assert!(dumped.unwrap().success());
    assert!(to.tool("dropdb").args(["--force", "audit"]).status().unwrap().success());
    let mut create = to.tool("createdb");
    assert!(create.args(["--owner=auditrail_owner", "audit"]).status().unwrap().success());
    let mut pg_restore = to.tool("pg_restore");
    let restored = pg_restore.args(["--exit-on-error", "--dbname", "audit"]).arg(dump.path());
    assert!(restored.status().unwrap().success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn restored_log_continues_in_a_new_cluster() {
    let old = OwnServer::start().await;
    let token = key_in(old.service()).await;
    let sandbox = with_key(&old.url(&old.service()), &token);
    let service = Service::start(&sandbox, &[]);
    let ids = write(&service, &token, 300).await;
    let seq = |proof: &str| {
        sandbox.file("proof.json", proof);
        let verify = ["verify", "proof", "--policy", "policy", "proof.json", "--json"];
        sandbox.run(&verify).code(0).json()["seq"].as_u64().unwrap()
    };
    let before = seq(&proved(&service, &token, &ids[299]).await);
    let (_, kept) = write_signed(&service, &token, 20).await;
    sandbox.file("kept", &kept);
    assert_eq!(service.stop().0, Some(0));

    let new = OwnServer::start().await;
    dump_and_restore(&old, &new);
    let sandbox = sandbox.set("DATABASE_URL", &new.url(&new.service()));
    let service = Service::start(&sandbox, &[]);
    let (_, newest) = write_signed(&service, &token, 40).await;
    assert_eq!(checkpoint_of(&newest).size(), checkpoint_of(&kept).size() + 40);
    verify_log(&sandbox, &service, &["--since", "kept"]).code(0);
    assert_no_alarm(&service).await;
    sandbox.file("proof.json", proved(&service, &token, &ids[299]).await);
    let verify = ["verify", "proof", "--policy", "policy", "proof.json", "--json"];
    assert_eq!(sandbox.run(&verify).code(0).json()["seq"], before);
    sandbox.run(&["sequence", "--check"]).code(0);
}
