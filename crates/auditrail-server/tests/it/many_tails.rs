//! A thousand clients that follow the log, of which a hundred never read.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use auditrail_server::ServerConfig;
use auditrail_store::WriterLimits;
use auditrail_store::sequencer::{Reconciler, Sequencer};
use auditrail_testkit::{TestDb, eventually};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use crate::support::events::Events;
use crate::support::service::{Running, Service, app_with};

const READERS: usize = 900;
const NON_READERS: usize = 100;
/// Records of 20 kB for those that never read: more than the kernel buffers for a connection.
const LARGE: usize = 500;
/// Records for all others.
const SMALL: usize = 40;
/// More memory than the service may use for all of them: the ring, a step and a write buffer for each of those that
/// never read, and what the clients of this process use.
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

/// Memory of this process in KiB, with all clients.
fn memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().strip_suffix(" kB").unwrap().parse().unwrap()
}

async fn write(service: &Service, action: &str, bytes: usize) -> Duration {
    let record = json!({
        "actor_type": "user", "actor_id": "ana", "action": action, "target_type": "project",
        "target_id": "p1", "metadata": {"text": "x".repeat(bytes)},
    });
    let started = Instant::now();
    let answer = service.post("/v1/audit-logs").key("write").json(&record).send().await;
    assert_eq!(answer.status, 201);
    started.elapsed()
}

/// The median time of some small writes.
async fn write_time(service: &Service) -> Duration {
    let mut times = Vec::new();
    for _ in 0..20 {
        times.push(write(service, "probe.written", 0).await);
    }
    times.sort_unstable();
    times[times.len() / 2]
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
    stream
}

/// Reads the seqs of small records, and opens the tail again at the other server every ten records.
async fn read(servers: [SocketAddr; 2], number: usize, count: usize) -> (Vec<i64>, Events) {
    let mut seqs: Vec<i64> = Vec::new();
    let mut events = Events::open(servers[number % 2], "?action=small.*", "all").await;
    let mut position = events.next().await.unwrap().id.unwrap_or(-1);
    while seqs.len() < count {
        let event = events.named("record").await;
        seqs.extend(event.id);
        position = event.id.unwrap_or(position);
        if seqs.len().is_multiple_of(10) && seqs.len() < count && number.is_multiple_of(5) {
            let other = servers[(number + seqs.len() / 10) % 2];
            events = Events::open_after(other, "?action=small.*", "all", Some(position)).await;
        }
    }
    (seqs, events)
}

/// The seqs of complete events in the bytes of a response.
fn received(bytes: &[u8]) -> Vec<i64> {
    let text = String::from_utf8_lossy(bytes);
    // Chunks of the transfer coding may begin within an event, so only its id is read.
    let ids = text.lines().filter_map(|line| line.strip_prefix("id: "));
    ids.filter_map(|id| id.trim().parse().ok()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_that_never_read_harm_none_of_the_others() {
    let db = TestDb::migrated().await;
    let service = Service::start_in(db, config(), WriterLimits::default()).await;
    let sequencer = Sequencer::new(&service.db.service());
    let reconciler = Reconciler::new(&service.db.service());
    let commits = Some(service.writer.commits());
    service.app.sequencing().start(service.app.background(), sequencer, reconciler, commits);
    let other = app_with(config(), service.log.clone());
    let other = Running::start(auditrail_server::router(other), config()).await;
    let servers = [service.address, other.address];
    let (idle, before) = (write_time(&service).await, memory());

    let mut silent = Vec::new();
    for _ in 0..NON_READERS {
        silent.push(non_reader(service.address, "action=large.*").await);
    }
    let mut readers = JoinSet::new();
    for number in 0..READERS {
        readers.spawn(read(servers, number, SMALL));
    }
    let expected = NON_READERS + READERS / 2;
    eventually("all clients follow the log", async || service.tails().await == expected).await;
    let (mut slowest, mut peak) = (Duration::ZERO, 0);
    for number in 0..LARGE {
        slowest = slowest.max(write(&service, "large.written", 20_000).await);
        if number % (LARGE / SMALL) == 0 && number / (LARGE / SMALL) < SMALL {
            write(&service, "small.written", 0).await;
        }
        peak = peak.max(memory());
    }
    let busy = write_time(&service).await;
    let mut open = Vec::new();
    let mut all: BTreeSet<Vec<i64>> = BTreeSet::new();
    while let Some(read) = readers.join_next().await {
        let (seqs, events) = read.unwrap();
        all.insert(seqs);
        open.push(events);
    }
    println!(
        "write: idle {idle:?}, busy {busy:?}, slowest {slowest:?}; {before} KiB, peak {peak} KiB"
    );
    // Every client got every record, once and in order.
    assert_eq!(all.len(), 1, "{all:?}");
    assert!(all.iter().all(|seqs| seqs.len() == SMALL && seqs.is_sorted()));
    assert!(peak - before < MEMORY_MAX_KIB, "{before} {peak}");
    assert!(busy < idle * 10 + Duration::from_millis(200), "{idle:?} {busy:?}");

    // Those that never read were disconnected, and can continue after what they find in their buffers.
    eventually("the silent clients are gone", async || service.tails().await <= READERS).await;
    let mut bytes = Vec::new();
    drop(timeout(Duration::from_secs(10), silent[0].read_to_end(&mut bytes)).await);
    let seqs = received(&bytes);
    let last = *seqs.last().unwrap();
    assert!(seqs.len() < LARGE, "{}", seqs.len());
    // The last event may be incomplete: a client continues after the one before.
    let complete = seqs.get(seqs.len() - 2).copied().unwrap_or(last);
    let mut rest =
        Events::open_after(other.address, "?action=large.*", "read", Some(complete)).await;
    let received = seqs.iter().filter(|seq| **seq <= complete).count() - 1;
    let rest = rest.seqs(LARGE - received).await;
    assert_eq!(rest[0], last);

    // Clients that never read do not hold up the shutdown either.
    let mut stuck = Vec::new();
    for _ in 0..5 {
        stuck.push(non_reader(service.address, "after=-1").await);
    }
    let started = Instant::now();
    service.app.shutting_down().begin();
    let mut ending = JoinSet::new();
    for mut events in open {
        ending.spawn(async move {
            let end = events.named("end").await;
            (end.data["reason"].clone(), events.next().await)
        });
    }
    let mut ended = 0;
    while let Some(end) = timeout(Duration::from_secs(5), ending.join_next()).await.unwrap_or(None)
    {
        let (reason, rest) = end.unwrap();
        assert_eq!((reason, rest), (json!("shutdown"), None));
        ended += 1;
        if ended == READERS / 2 - 10 {
            break;
        }
    }
    eventually("no tail is left", async || service.tails().await == 0).await;
    println!("{ended} tails ended after {:?}", started.elapsed());
    assert!(started.elapsed() < Duration::from_secs(3));
}
