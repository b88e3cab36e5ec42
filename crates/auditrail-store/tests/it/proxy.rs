//! A proxy that loses a connection at a commit.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use auditrail_testkit::through;
use sqlx::postgres::PgConnectOptions;

/// Which bytes the connection is lost at.
#[derive(Clone, Copy)]
pub(crate) enum Loss {
    /// Bytes of the server, which are not forwarded.
    Response(fn(&[u8]) -> bool),
    /// Bytes of the client, which are forwarded. The server notices the loss only when it responds.
    Request(fn(&[u8]) -> bool),
}

/// Forwards bytes between a client and the server until the bytes that the connection is lost at.
pub(crate) struct Proxy {
    port: u16,
    /// How many more connections it loses.
    pub(crate) losses: Arc<AtomicU32>,
}

impl Proxy {
    pub(crate) fn start(server: PgConnectOptions, loss: Loss) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let losses = Arc::new(AtomicU32::new(0));
        let left = Arc::clone(&losses);
        thread::spawn(move || {
            for client in listener.incoming() {
                serve(client.unwrap(), &server, loss, &left);
            }
        });
        Self { port, losses }
    }

    /// The same role and database, through the proxy.
    pub(crate) fn through(&self, options: &PgConnectOptions) -> PgConnectOptions {
        through(options, (Ipv4Addr::LOCALHOST, self.port).into())
    }
}

fn serve(client: TcpStream, server: &PgConnectOptions, loss: Loss, losses: &Arc<AtomicU32>) {
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
    let (lose_request, lose_response) = match loss {
        Loss::Request(is_lost) => (counted(is_lost, losses), counted(|_| false, losses)),
        Loss::Response(is_lost) => (counted(|_| false, losses), counted(is_lost, losses)),
    };
    let requests = client.try_clone().unwrap();
    thread::spawn(move || {
        if pass(from_client, to_server, lose_request, true) {
            drop(requests.shutdown(Shutdown::Both));
        }
    });
    thread::spawn(move || {
        pass(from_server, to_client, lose_response, false);
        drop(client.shutdown(Shutdown::Both));
    });
}

/// As `is_lost`, as often as there are losses left.
fn counted(
    is_lost: fn(&[u8]) -> bool,
    losses: &Arc<AtomicU32>,
) -> impl FnMut(&[u8]) -> bool + Send + use<> {
    let losses = Arc::clone(losses);
    move |bytes| {
        is_lost(bytes)
            && losses
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1))
                .is_ok()
    }
}

/// Forwards bytes until an end is closed, or the connection is lost. Returns whether it is lost.
fn pass(
    mut from: impl Read,
    mut to: impl Write,
    mut is_lost: impl FnMut(&[u8]) -> bool,
    is_forwarded: bool,
) -> bool {
    let mut buffer = vec![0; 64 * 1_024];
    while let Ok(read @ 1..) = from.read(&mut buffer) {
        let is_lost = is_lost(&buffer[..read]);
        if (!is_lost || is_forwarded) && to.write_all(&buffer[..read]).is_err() {
            return false;
        }
        if is_lost {
            return true;
        }
    }
    false
}

/// Whether bytes have this text.
pub(crate) fn holds(bytes: &[u8], text: &[u8]) -> bool {
    bytes.windows(text.len()).any(|window| window == text)
}
