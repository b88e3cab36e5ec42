//! An HTTP server on the loopback interface that is as wrong as a test needs it.

use std::io::{BufRead as _, BufReader, Read as _, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// What the server responds with.
pub(super) enum Reply {
    /// The file of the path, or 404.
    File,
    /// A status line, with further headers.
    Status(&'static str),
    /// A body that never ends.
    Endless,
    /// A byte at a time, for as long as the client reads.
    Drip,
    /// Less than the length that it names.
    Short,
}

type Behaviour = dyn Fn(&str, usize) -> Reply + Send + Sync;

/// A server that runs until the test process ends.
pub(super) struct Server {
    address: SocketAddr,
    /// The lines of all requests, in lower case.
    pub(super) requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// Serves a directory under `/v1/log/`. `reply` chooses by the path, and the number of requests before.
    pub(super) fn start(
        dir: PathBuf,
        reply: impl Fn(&str, usize) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (seen, reply, number) = (Arc::clone(&requests), Arc::new(reply), AtomicUsize::new(0));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (dir, reply, seen) = (dir.clone(), Arc::clone(&reply), Arc::clone(&seen));
                let number = number.fetch_add(1, Ordering::Relaxed);
                thread::spawn(move || serve(&stream, &dir, &*reply, number, &seen));
            }
        });
        Self { address, requests }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}/v1/log", self.address)
    }
}

/// One request of one connection. The client may close it at any time.
fn serve(
    stream: &TcpStream,
    dir: &std::path::Path,
    reply: &Behaviour,
    number: usize,
    seen: &Mutex<Vec<String>>,
) -> Option<()> {
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    let first = lines.next()?;
    let head: Vec<String> = lines.by_ref().take_while(|line| !line.is_empty()).collect();
    let path = first.split(' ').nth(1)?.strip_prefix("/v1/log/")?.to_owned();
    let lower = std::iter::once(&first).chain(&head).map(|line| line.to_lowercase());
    seen.lock().unwrap().extend(lower);
    let mut stream = stream;
    let status = |stream: &mut &TcpStream, status: &str, length: usize| {
        let head =
            format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n");
        stream.write_all(head.as_bytes()).ok()
    };
    match reply(&path, number) {
        Reply::File => match std::fs::read(dir.join(&path)) {
            Ok(bytes) => {
                status(&mut stream, "200 OK", bytes.len())?;
                stream.write_all(&bytes).ok()
            }
            Err(_) => status(&mut stream, "404 Not Found", 0),
        },
        Reply::Status(line) => status(&mut stream, line, 0),
        Reply::Short => {
            status(&mut stream, "200 OK", 100)?;
            stream.write_all(b"less").ok()
        }
        Reply::Endless => {
            stream.write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n").ok()?;
            loop {
                stream.write_all(&[0; 4096]).ok()?;
            }
        }
        Reply::Drip => {
            status(&mut stream, "200 OK", 1_000_000)?;
            stream.set_read_timeout(Some(Duration::from_millis(100))).ok()?;
            // Reading ends with a byte count of zero once the client has closed the connection.
            while !matches!(stream.read(&mut [0]), Ok(0)) {
                stream.write_all(b"x").ok()?;
            }
            None
        }
    }
}
