//! A thousand clients that follow the log, of which a hundred never read.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use auditrail_server::{ServerConfig, router};
use auditrail_store::WriterLimits;
use auditrail_store::sequencer::{Reconciler, Sequencer};
use auditrail_testkit::{TestDb, eventually, raise_limit_of_files};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::Barrier;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use crate::support::events::Events;
use crate::support::service::{Running, Service, app_with};

const READERS: usize = 900;
const NON_READERS: usize = 100;
/// Batches that are written meanwhile, each with a small record, which most clients follow.
const BATCHES: usize = 20;
/// Large records of a batch, for those that never read: together more than the kernel buffers for a connection.
const BATCH_LARGE: usize = 10;
const LARGE: usize = BATCHES * BATCH_LARGE;
const LARGE_BYTES: usize = 40_000;
/// More memory than the service may use for all of them: the ring, a step and a write buffer for each of those that
/// never read, and what the clients, which run in this process too, use.
const MEMORY_MAX_KIB: u64 = 300 * 1_024;

fn config() -> ServerConfig {
    ServerConfig {
        connections_max: 2_500,
        unauthenticated_max: 2_500,
        tails_max: 2_200,
        stall_timeout: Duration::from_secs(3),
        ..ServerConfig::default()
    }
}

/// Two servers of one log, of which the first sequences its records.
async fn servers() -> (Service, Running) {
    let db = TestDb::migrated().await;
    let service = Service::start_in(db, config(), WriterLimits::default()).await;
    let sequencer = Sequencer::new(&service.db.service());
    let reconciler = Reconciler::new(&service.db.service());
    let commits = Some(service.writer.commits());
    service.app.sequencing().start(service.app.background(), sequencer, reconciler, commits);
    let other = router(app_with(config(), service.log.clone()));
    (service, Running::start(other, config()).await)
}

/// Memory of this process in KiB, with all clients.
fn memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().strip_suffix(" kB").unwrap().parse().unwrap()
}

fn record(action: &str, bytes: usize) -> Value {
    json!({
        "actor_type": "user", "actor_id": "ana", "action": action, "target_type": "project",
        "target_id": "p1", "metadata": {"text": "x".repeat(bytes)},
    })
}

/// The median time of some small writes.
async fn write_time(service: &Service) -> Duration {
    let mut times = Vec::new();
    for _ in 0..20 {
        let started = Instant::now();
        let write = service.post("/v1/audit-logs").key("write");
        let answer = write.json(&record("probe.written", 0)).send().await;
        assert_eq!(answer.status, 201);
        times.push(started.elapsed());
    }
    times.sort_unstable();
    times[times.len() / 2]
}

/// Writes all batches; returns the peak of the memory.
async fn write_all(service: &Service) -> u64 {
    let mut peak = 0;
    for _ in 0..BATCHES {
        let mut batch = vec![record("small.written", 0)];
        batch.extend((0..BATCH_LARGE).map(|_| record("large.written", LARGE_BYTES)));
        let write = service.post("/v1/audit-logs/batch").key("write");
        assert_eq!(write.json(&batch.into()).send().await.status, 200);
        peak = peak.max(memory());
    }
    peak
}

/// A client that never reads, with a small receive buffer.
async fn non_reader(to: SocketAddr, query: &str) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4_096).unwrap();
    let mut stream = socket.connect(to).await.unwrap();
    let request = format!(
        "GET /v1/audit-logs/tail?{query} HTTP/1.1\r\nhost: a\r\nauthorization: Bearer read\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    // The response begins when its position is known.
    stream.readable().await.unwrap();
    stream
}

/// Reads the seqs of small records, which are written when all clients have started. Every fifth client continues at
/// the other server after every five records.
async fn read(
    servers: [SocketAddr; 2],
    number: usize,
    started: Arc<Barrier>,
) -> (Vec<i64>, Events) {
    let query = "?action=small.*";
    let mut seqs: Vec<i64> = Vec::new();
    let mut events = Events::open(servers[number % 2], query, "all").await;
    started.wait().await;
    while seqs.len() < BATCHES {
        seqs.extend(events.seqs(1).await);
        if seqs.len().is_multiple_of(5) && seqs.len() < BATCHES && number.is_multiple_of(5) {
            let other = servers[(number + seqs.len() / 5) % 2];
            events = reopen(other, query, seqs.last().copied()).await;
        }
    }
    (seqs, events)
}

/// Opens a tail again, as soon as the server has a database connection for it.
async fn reopen(to: SocketAddr, query: &str, after: Option<i64>) -> Events {
    loop {
        match Events::try_open(to, query, "all", after).await {
            Ok(events) => return events,
            Err(answer) => assert_eq!(answer.problem(), (503, "overloaded".to_owned())),
        }
    }
}

/// The seqs of events in the bytes of a response.
fn received(bytes: &[u8]) -> Vec<i64> {
    let text = String::from_utf8_lossy(bytes);
    let ids = text.lines().filter_map(|line| line.strip_prefix("id: "));
    ids.filter_map(|id| id.trim().parse().ok()).collect()
}

/// A client that never read finds the start of the response in its buffers, and continues after it.
async fn continues(mut silent: TcpStream, server: SocketAddr) {
    let mut bytes = Vec::new();
    let reading = timeout(Duration::from_secs(30), silent.read_to_end(&mut bytes)).await;
    // The connection may also be reset, which is as good.
    drop(reading.expect("the connection is closed"));
    let seqs = received(&bytes);
    // The first is that of the position at the start, and the last event may be incomplete.
    let [start, complete @ .., last] = seqs.as_slice() else { panic!("{seqs:?}") };
    assert!(complete.len() + 1 < LARGE, "all records were buffered");
    let after = complete.last().or(Some(start)).copied();
    let mut rest = Events::open_after(server, "?action=large.*", "read", after).await;
    let rest = rest.seqs(LARGE - complete.len()).await;
    assert_eq!(rest[0], *last);
    assert!(rest.is_sorted());
}

/// Waits for the end of the tails of the server that shuts down.
async fn all_end(open: Vec<Events>) {
    let mut ending = JoinSet::new();
    for mut events in open {
        ending.spawn(async move {
            let end = events.named("end").await;
            (end.data["reason"].clone(), events.next().await)
        });
    }
    while let Some(end) = ending.join_next().await {
        assert_eq!(end.unwrap(), (json!("shutdown"), None));
    }
}

#[expect(clippy::print_stdout, reason = "the figures are part of the result")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_that_never_read_harm_none_of_the_others() {
    raise_limit_of_files();
    let (service, other) = servers().await;
    let (idle, before) = (write_time(&service).await, memory());
    let mut silent = Vec::new();
    for _ in 0..NON_READERS {
        silent.push(non_reader(service.address, "action=large.*").await);
    }
    let mut readers = JoinSet::new();
    let started = Arc::new(Barrier::new(READERS + 1));
    for number in 0..READERS {
        readers.spawn(read([service.address, other.address], number, Arc::clone(&started)));
    }
    started.wait().await;
    assert_eq!(service.tails().await, NON_READERS + READERS / 2);
    let peak = write_all(&service).await;
    let busy = write_time(&service).await;
    println!("a write takes {idle:?} and then {busy:?}; memory {before} and then {peak} KiB");
    assert!(peak - before < MEMORY_MAX_KIB, "{before} {peak}");
    // The clients use the same processors as the service.
    assert!(busy < Duration::from_secs(1), "{idle:?} {busy:?}");

    // Every client got every record, once and in order.
    let (mut open, mut all) = (Vec::new(), BTreeSet::new());
    while let Some(read) = readers.join_next().await {
        let (seqs, events) = read.unwrap();
        all.insert(seqs);
        open.push(events);
    }
    assert_eq!(all.len(), 1, "{all:?}");
    assert!(all.iter().all(|seqs| seqs.is_sorted()));
    // Those that never read were disconnected.
    eventually("the silent clients are gone", async || service.tails().await <= READERS / 2).await;
    continues(silent.remove(0), other.address).await;
    open.clear();
    eventually("no tail is open", async || service.tails().await == 0).await;

    // At shutdown all end at once, also those of clients that do not read.
    for _ in 0..20 {
        silent.push(non_reader(service.address, "after=-1").await);
    }
    for _ in 0..400 {
        open.push(Events::open(service.address, "", "all").await);
    }
    eventually("all tails are open", async || service.tails().await == 420).await;
    let started = Instant::now();
    service.app.shutting_down().begin();
    all_end(open).await;
    let ended = started.elapsed();
    eventually("no tail is open", async || service.tails().await == 0).await;
    println!(
        "400 tails ended within {ended:?}, and 20 that were stuck within {:?}",
        started.elapsed()
    );
    // A tenth of that on a machine that does nothing else.
    assert!(started.elapsed() < Duration::from_secs(10));
}
