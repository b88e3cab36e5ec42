//! A TCP proxy on the loopback address that delays every chunk of bytes, for measurements of what a
//! round trip to the database costs.
//!
//! Each direction of a connection has a thread that reads and a thread that writes. A chunk is
//! written `--micros` after it was read, in the order it was read; chunks are in transit at the same
//! time, so the rate is not limited. Both sides have `TCP_NODELAY`. When one side has sent its
//! last byte, the other is shut down for writing after the same delay.
//!
//! Prints the address it listens on as its first line, and ends when its standard input does, so
//! that it does not outlive the program that started it.
//!
//! ```sh
//! delay --to 127.0.0.1:5432 --micros 1000
//! ```

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use clap::Parser;

/// Largest chunk, in bytes.
const CHUNK: usize = 64 << 10;
/// Chunks of one direction that are in transit at most: 64 MiB in a millisecond, far above what
/// PostgreSQL sends.
const IN_TRANSIT: usize = 1_024;
/// By how much the kernel may delay a wake-up of a sleeping thread; it is 50 µs unless set.
#[cfg(target_os = "linux")]
const TIMER_SLACK_NANOS: std::num::NonZeroU64 = std::num::NonZeroU64::MIN;

/// Forwards TCP connections, each chunk after a delay.
#[derive(Debug, Parser)]
struct Args {
    /// Where connections are forwarded to.
    #[arg(long)]
    to: SocketAddr,
    /// Delay of each chunk, in microseconds; a round trip takes twice as much more.
    #[arg(long, default_value_t = 1_000)]
    micros: u64,
}

fn main() -> io::Result<()> {
    let args = Args::parse();
    // Threads inherit it from the thread that starts them.
    #[cfg(target_os = "linux")]
    rustix::thread::set_current_timer_slack(Some(TIMER_SLACK_NANOS))?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    writeln!(io::stdout(), "{}", listener.local_addr()?)?;
    thread::spawn(move || accept(&listener, args.to, Duration::from_micros(args.micros)));
    io::copy(&mut io::stdin(), &mut io::sink()).map(drop)
}

fn accept(listener: &TcpListener, to: SocketAddr, delay: Duration) {
    for client in listener.incoming().flatten() {
        // Where the server cannot be reached, the client's connection is closed.
        if let Ok(server) = TcpStream::connect(to) {
            drop(connect(&client, &server, delay));
        }
    }
}

/// Starts both directions; they end with their connections.
fn connect(client: &TcpStream, server: &TcpStream, delay: Duration) -> io::Result<()> {
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    for (from, to) in [(client, server), (server, client)] {
        let (sender, receiver) = sync_channel(IN_TRANSIT);
        let (from, to) = (from.try_clone()?, to.try_clone()?);
        thread::spawn(move || read(from, &sender, delay));
        thread::spawn(move || write(to, &receiver));
    }
    Ok(())
}

/// Some bytes, and when they are to be written.
struct Chunk {
    due: Instant,
    bytes: Vec<u8>,
}

fn read(mut from: TcpStream, to: &SyncSender<Chunk>, delay: Duration) {
    let mut buffer = vec![0; CHUNK];
    // A connection that broke has no more bytes, as one that was closed.
    while let Ok(read @ 1..) = from.read(&mut buffer) {
        let chunk = Chunk { due: Instant::now() + delay, bytes: buffer[..read].to_vec() };
        if to.send(chunk).is_err() {
            return;
        }
    }
}

fn write(mut to: TcpStream, from: &Receiver<Chunk>) {
    for Chunk { due, bytes } in from {
        #[expect(clippy::disallowed_methods, reason = "the delay is what it is for")]
        thread::sleep(due.saturating_duration_since(Instant::now()));
        if to.write_all(&bytes).is_err() {
            break;
        }
    }
    drop(to.shutdown(Shutdown::Write));
}
