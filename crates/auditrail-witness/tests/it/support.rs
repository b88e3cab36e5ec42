//! Logs in memory, a running witness, and requests as bytes.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use auditrail_witness::{ConsistencySource, Limits, Witness, WitnessClient, serve};
use tempfile::TempDir;
use tlog::witness::AddCheckpoint;
use tlog::{
    Algorithm, Checkpoint, Edge, Hash, NoteSignature, SignedNote, SigningKey, Span, Tiles,
    consistency, leaf_hash,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

pub(crate) const ORIGIN: &str = "log.example/one";
/// Longer than any test takes, so that a hang fails it.
pub(crate) const LONG: Duration = Duration::from_secs(30);

pub(crate) fn log_key(seed: u8) -> SigningKey {
    SigningKey::from_seed(ORIGIN.parse().unwrap(), Algorithm::Ed25519, &[seed; 32])
}

pub(crate) fn witness_key(seed: u8) -> SigningKey {
    let name = "witness.example".parse().unwrap();
    SigningKey::from_seed(name, Algorithm::Cosignature, &[seed; 32])
}

/// A log whose tree fits into memory.
#[derive(Debug)]
pub(crate) struct Log {
    key: SigningKey,
    size: u64,
    tiles: Tiles,
}

impl Log {
    /// With entries that begin with `prefix`: logs with other prefixes have other roots of each size.
    pub(crate) fn new(prefix: &str, size: u64) -> Self {
        let (mut tiles, mut edge) = (Tiles::default(), Edge::default());
        for number in 0..size {
            let leaf = leaf_hash(format!("{prefix} {number}").as_bytes());
            edge.push(leaf, &mut |level, index, hashes: &[Hash]| {
                tiles.insert(level, index, hashes.to_vec());
            });
        }
        for level in 0..edge.levels() {
            let index = size >> (8 * (level + 1));
            tiles.insert(u8::try_from(level).unwrap(), index, edge.level(level).to_vec());
        }
        Self { key: log_key(1), size, tiles }
    }

    pub(crate) fn root(&self, size: u64) -> Hash {
        assert!(size <= self.size);
        self.tiles.span(Span::tree(size)).unwrap()
    }

    /// Signed by the log.
    pub(crate) fn checkpoint(&self, size: u64) -> SignedNote {
        let checkpoint = Checkpoint::new(ORIGIN, size, self.root(size)).unwrap();
        let mut note = checkpoint.to_note().unwrap();
        note.sign(&self.key, 0);
        note
    }

    pub(crate) fn consistency(&self, from: u64, to: u64) -> Vec<Hash> {
        self.tiles.proof(&consistency::spans(from, to).unwrap()).unwrap()
    }

    pub(crate) fn request(&self, from: u64, to: u64) -> AddCheckpoint {
        AddCheckpoint {
            old_size: from,
            proof: self.consistency(from, to),
            checkpoint: self.checkpoint(to),
        }
    }
}

impl ConsistencySource for Log {
    type Error = Infallible;

    async fn proof(&self, from: u64, to: u64) -> Result<Vec<Hash>, Infallible> {
        assert!(0 < from && from < to);
        Ok(self.consistency(from, to))
    }
}

/// A witness on a free port. Dropping it does no work that a crash would not do.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<bool>,
}

impl Running {
    pub(crate) async fn start(directory: &Path) -> Self {
        Self::with_limits(directory, &Limits::default()).await
    }

    pub(crate) async fn with_limits(directory: &Path, limits: &Limits) -> Self {
        Self::serving(open(directory, 1), limits).await
    }

    pub(crate) async fn serving(witness: Witness, limits: &Limits) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let limits = limits.clone();
        let task = tokio::spawn(async move {
            let shutdown = async { drop(stopped.await) };
            serve(listener, Arc::new(witness), &limits, shutdown).await
        });
        Self { address, stop: Some(stop), task }
    }

    /// Shuts down, and returns whether all requests ended.
    pub(crate) async fn stop(mut self) -> bool {
        drop(self.stop.take());
        self.task.await.unwrap()
    }

    pub(crate) async fn add(&self, request: &AddCheckpoint) -> Reply {
        self.post(request.to_string().as_bytes()).await
    }

    pub(crate) async fn post(&self, body: &[u8]) -> Reply {
        let head = format!(
            "POST /add-checkpoint HTTP/1.1\r\nhost: w\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        self.send(&[head.as_bytes(), body].concat()).await.unwrap()
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        let head = format!("GET {path} HTTP/1.1\r\nhost: w\r\nconnection: close\r\n\r\n");
        self.send(head.as_bytes()).await.unwrap()
    }

    /// Sends bytes, and reads the response until the connection is closed.
    pub(crate) async fn send(&self, bytes: &[u8]) -> io::Result<Reply> {
        let mut stream = TcpStream::connect(self.address).await?;
        // The witness may respond, and close the connection, before it has read everything.
        let sent = stream.write_all(bytes).await;
        let mut response = Vec::new();
        match stream.read_to_end(&mut response).await {
            Err(error) if response.is_empty() => return Err(error),
            _ => {}
        }
        if response.is_empty() {
            sent?;
        }
        Ok(Reply::parse(&String::from_utf8(response).unwrap()))
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn client(&self) -> WitnessClient {
        WitnessClient::new(&self.url(), vec![witness_key(9).verifier()], LONG).unwrap()
    }
}

/// A witness with the key 9 of the log with this key.
pub(crate) fn open(directory: &Path, log: u8) -> Witness {
    Witness::open(witness_key(9), vec![log_key(log).verifier()], directory).unwrap()
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Reply {
    fn parse(response: &str) -> Self {
        let (head, body) = response.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Self { status, head: head.to_owned(), body: body.to_owned() }
    }

    /// Asserts that it is a cosignature of a checkpoint by the key 9, and returns its time.
    #[track_caller]
    pub(crate) fn assert_cosigns(&self, checkpoint: &SignedNote) -> u64 {
        assert_eq!(self.status, 200, "{self:?}");
        let mut note = checkpoint.clone();
        NoteSignature::parse_lines(&self.body)
            .unwrap()
            .into_iter()
            .for_each(|line| note.push(line));
        note.verify(&witness_key(9).verifier()).unwrap().time.unwrap()
    }
}

/// A new directory that only its owner can change.
pub(crate) fn directory() -> TempDir {
    TempDir::new().unwrap()
}

/// The lines that were logged, from the first call of this function on, by all tests of the process.
pub(crate) fn logged() -> String {
    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            io::Write::write(&mut *self.0.lock().unwrap(), bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    static LINES: OnceLock<Lines> = OnceLock::new();
    let lines = LINES.get_or_init(|| {
        let lines = Lines::default();
        let writer = lines.clone();
        let log = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone());
        log.init();
        lines
    });
    String::from_utf8(lines.0.lock().unwrap().clone()).unwrap()
}
