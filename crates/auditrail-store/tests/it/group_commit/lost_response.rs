//! The connection is lost between the commit and its acknowledgement.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use auditrail_store::{GroupWriter, OnConflict, WriterLimits};
use auditrail_testkit::{TestDb, through};
use sqlx::postgres::PgConnectOptions;
use tokio::task::JoinSet;

use super::support::{conflicts_of, count, many, one, outcome, soon};
use crate::support::record;

/// Forwards bytes between the writer and the server until the server acknowledges a commit; then it closes
/// the connection instead of forwarding that.
struct Proxy {
    port: u16,
    /// How many more acknowledgements it drops.
    drops: Arc<AtomicU32>,
}

impl Proxy {
    fn start(server: PgConnectOptions) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let drops = Arc::new(AtomicU32::new(0));
        let left = Arc::clone(&drops);
        thread::spawn(move || {
            for client in listener.incoming() {
                serve(client.unwrap(), &server, &left);
            }
        });
        Self { port, drops }
    }

    /// The role of an application, through the proxy.
    fn app(&self, db: &TestDb) -> PgConnectOptions {
        through(&db.app(), (Ipv4Addr::LOCALHOST, self.port).into())
    }
}

fn serve(client: TcpStream, server: &PgConnectOptions, drops: &Arc<AtomicU32>) {
    client.set_nodelay(true).unwrap();
    let (from_server, to_server): (Box<dyn Read + Send>, Box<dyn Write + Send>) =
        match server.get_socket() {
            Some(folder) => {
                let path = folder.join(format!(".s.PGSQL.{}", server.get_port()));
                let stream = UnixStream::connect(path).unwrap();
                (Box::new(stream.try_clone().unwrap()), Box::new(stream))
            }
            None => {
                let stream = TcpStream::connect((server.get_host(), server.get_port())).unwrap();
                stream.set_nodelay(true).unwrap();
                (Box::new(stream.try_clone().unwrap()), Box::new(stream))
            }
        };
    let (from_client, to_client) = (client.try_clone().unwrap(), client.try_clone().unwrap());
    thread::spawn(move || pass(from_client, to_server, |_| true));
    let drops = Arc::clone(drops);
    thread::spawn(move || {
        pass(from_server, to_client, |bytes| {
            let is_dropped = acknowledges_a_commit(bytes)
                && drops
                    .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1))
                    .is_ok();
            !is_dropped
        });
        drop(client.shutdown(Shutdown::Both));
    });
}

/// Forwards bytes until an end is closed or `may_pass` returns false.
fn pass(mut from: impl Read, mut to: impl Write, mut may_pass: impl FnMut(&[u8]) -> bool) {
    let mut buffer = vec![0; 64 * 1_024];
    while let Ok(read @ 1..) = from.read(&mut buffer) {
        if !may_pass(&buffer[..read]) || to.write_all(&buffer[..read]).is_err() {
            return;
        }
    }
}

/// A COPY of at least one record, an INSERT of a record outside a transaction block (with the status `I`,
/// idle), or a COMMIT.
fn acknowledges_a_commit(bytes: &[u8]) -> bool {
    let holds = |text: &[u8]| bytes.windows(text.len()).any(|window| window == text);
    (holds(b"COPY ") && !holds(b"COPY 0\0"))
        || (holds(b"INSERT 0 1\0") && holds(b"Z\0\0\0\x05I"))
        || holds(b"COMMIT\0")
}

fn start_through(proxy: &Proxy, db: &TestDb) -> GroupWriter {
    let limits = WriterLimits { writers: 1, group_records: 20, ..WriterLimits::default() };
    GroupWriter::start(proxy.app(db), limits)
}

#[tokio::test]
async fn unacknowledged_commit_is_reported_as_created() {
    let db = TestDb::migrated().await;
    let mut owner = db.connect(db.owner()).await;
    let proxy = Proxy::start(db.app());
    let writer = start_through(&proxy, &db);
    writer.write(one(0), soon()).await.unwrap();
    // The response to the INSERT is lost. The retry finds the record, and has nothing to commit.
    proxy.drops.store(1, Ordering::Relaxed);
    assert_eq!(writer.write(one(1), soon()).await.unwrap(), outcome(&[0], &[], &[]));
    assert_eq!(proxy.drops.load(Ordering::Relaxed), 0);
    assert_eq!(count(&mut owner).await, 2);
    let stats = writer.stats();
    assert_eq!((stats.created, stats.duplicates, stats.failures), (2, 0, 1));
    // A later request is a duplicate.
    assert_eq!(writer.write(one(1), soon()).await.unwrap(), outcome(&[], &[0], &[]));
}

#[tokio::test]
async fn unacknowledged_group_is_reported_per_request() {
    let db = TestDb::migrated().await;
    let mut owner = db.connect(db.owner()).await;
    let proxy = Proxy::start(db.app());
    let writer = start_through(&proxy, &db);
    writer.write(one(0), soon()).await.unwrap();
    proxy.drops.store(5, Ordering::Relaxed);
    let mut tasks = JoinSet::new();
    for n in 1..=200 {
        let writer = writer.clone();
        tasks.spawn(async move { writer.write(one(n), soon()).await.unwrap() });
    }
    let conflicting = tokio::spawn({
        let writer = writer.clone();
        let records = vec![record(300, 1), record(0, 99)];
        async move { writer.write(many(records, OnConflict::Refuse), soon()).await }
    });
    for answer in tasks.join_all().await {
        assert_eq!(answer, outcome(&[0], &[], &[]));
    }
    assert_eq!(conflicts_of(conflicting.await.unwrap()), [1]);
    assert_eq!(proxy.drops.load(Ordering::Relaxed), 0);
    assert_eq!(count(&mut owner).await, 201);
}
