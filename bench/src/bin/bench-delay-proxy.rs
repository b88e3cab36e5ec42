//! A TCP proxy on the loopback address that delays every chunk of bytes, to measure the effect of network
//! latency.
//!
//! Each direction of a connection has a thread that reads and a thread that writes. A chunk is
//! written `--micros` after it was read, in the order it was read; chunks are in transit at the same
//! time, so the rate is not limited. Both sides have `TCP_NODELAY`. When one side has sent its
//! last byte, the other is shut down for writing after the same delay.
//!
//! Prints its address as the first line, and exits at the end of its standard input, so that it does not
//! outlive the program that started it.
//!
//! ```sh
//! bench-delay-proxy --to 127.0.0.1:5432 --micros 1000
//! ```

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use clap::Parser;

/// Largest chunk, in bytes.
const CHUNK: usize = 64 << 10;
/// Maximum number of chunks in transit in one direction: 64 MiB, far more than PostgreSQL sends in a
/// millisecond.
const IN_TRANSIT: usize = 1_024;
/// How much the kernel may delay the wake-up of a sleeping thread; 50 µs by default.
#[cfg(target_os = "linux")]
const TIMER_SLACK_NANOS: std::num::NonZeroU64 = std::num::NonZeroU64::MIN;

/// Forwards TCP connections, each chunk after a delay.
#[derive(Debug, Parser)]
struct Args {
    /// The address that connections are forwarded to.
    #[arg(long)]
    to: SocketAddr,
    /// Delay of each chunk in microseconds; it adds twice as much to a round trip.
    #[arg(long, default_value_t = 1_000)]
    micros: u64,
}

fn main() -> io::Result<()> {
    let args = Args::parse();
    // Inherited by the threads that are started below.
    #[cfg(target_os = "linux")]
    rustix::thread::set_current_timer_slack(Some(TIMER_SLACK_NANOS))?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    writeln!(io::stdout(), "{}", listener.local_addr()?)?;
    thread::spawn(move || accept(&listener, args.to, Duration::from_micros(args.micros)));
    io::copy(&mut io::stdin(), &mut io::sink()).map(drop)
}

fn accept(listener: &TcpListener, to: SocketAddr, delay: Duration) {
    for client in listener.incoming().flatten() {
        // If the server is unreachable, the client's connection is closed.
        if let Ok(server) = TcpStream::connect(to) {
            drop(connect(&client, &server, delay));
        }
    }
}

/// Starts both directions; they end with the connections.
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

/// Bytes, and the time at which to write them.
struct Chunk {
    due: Instant,
    bytes: Vec<u8>,
}

fn read(mut from: TcpStream, to: &SyncSender<Chunk>, delay: Duration) {
    let mut buffer = vec![0; CHUNK];
    // A failed connection is treated like a closed one.
    while let Ok(read @ 1..) = from.read(&mut buffer) {
        let chunk = Chunk { due: Instant::now() + delay, bytes: buffer[..read].to_vec() };
        if to.send(chunk).is_err() {
            return;
        }
    }
}

fn write(mut to: TcpStream, from: &Receiver<Chunk>) {
    for Chunk { due, bytes } in from {
        #[expect(clippy::disallowed_methods, reason = "the delay is intended")]
        thread::sleep(due.saturating_duration_since(Instant::now()));
        if to.write_all(&bytes).is_err() {
            break;
        }
    }
    drop(to.shutdown(Shutdown::Write));
}
