//! Two servers of one database under load, one of which is stopped: every acknowledged record is stored
//! (`t_load.py`).

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use auditrail_testkit::http::Call;
use auditrail_testkit::{TestDb, eventually};
use rustix::process::Signal;
use serde_json::json;
use tokio::task::JoinSet;

use crate::sandbox::Sandbox;
use crate::service::{Service, key};

const PATH: &str = "/v1/audit-logs";
const CLIENTS: usize = 8;

/// State that the clients share.
#[derive(Default)]
struct Load {
    acknowledged: AtomicUsize,
    is_over: AtomicBool,
}

/// Writes records to either server, each until it is acknowledged. Returns their targets.
async fn client(
    number: usize,
    servers: [SocketAddr; 2],
    key: String,
    load: Arc<Load>,
) -> Vec<String> {
    let mut targets = Vec::new();
    for n in 0_usize.. {
        if load.is_over.load(Ordering::Relaxed) {
            break;
        }
        let target = format!("{number}-{n}");
        let record = json!({"actor_type": "user", "actor_id": "load", "action": "a.b",
                            "target_type": "t", "target_id": target});
        for attempt in n.. {
            let call = Call::new(servers[attempt % 2], "POST", PATH);
            let call = call.key(&key).header("idempotency-key", &target).json(&record);
            // A stopped server refuses the connection, or closes it.
            let answer = call.try_send().await;
            if answer.is_ok_and(|answer| answer.status.is_success()) {
                break;
            }
        }
        load.acknowledged.fetch_add(1, Ordering::Relaxed);
        targets.push(target);
    }
    targets
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stopped_server_loses_no_record_of_the_other() {
    let db = TestDb::migrated().await;
    let key = key(&db).await;
    let sandbox = Sandbox::with(&db.url(&db.service()));
    let (stays, stops) = (Service::start(&sandbox, &[]), Service::start(&sandbox, &[]));
    let load = Arc::new(Load::default());
    let mut clients = JoinSet::new();
    for number in 0..CLIENTS {
        let servers = [stays.address, stops.address];
        clients.spawn(client(number, servers, key.clone(), Arc::clone(&load)));
    }
    let reach = async |count: usize| {
        eventually("records are acknowledged", async || {
            load.acknowledged.load(Ordering::Relaxed) >= count
        })
        .await;
    };
    reach(50).await;
    stops.signal(Signal::TERM);
    assert_eq!(stops.end().0, Some(0));
    let so_far = load.acknowledged.load(Ordering::Relaxed);
    reach(so_far + 50).await;
    load.is_over.store(true, Ordering::Relaxed);
    let acknowledged: Vec<String> = clients.join_all().await.into_iter().flatten().collect();

    let path = format!("{PATH}/export?format=ndjson&actor_id=load");
    let export = stays.get(&path).key(&key).send().await;
    let text = String::from_utf8(export.body.to_vec()).unwrap();
    let stored: Vec<String> = text
        .lines()
        .filter_map(|line| {
            serde_json::from_str::<serde_json::Value>(line).unwrap()["target_id"]
                .as_str()
                .map(str::to_owned)
        })
        .collect();
    assert_eq!(stored.len(), acknowledged.len(), "each record once");
    assert_eq!(BTreeSet::from_iter(stored), BTreeSet::from_iter(acknowledged));
}
