//! Callers that send anything but a request.

use std::time::Duration;

use auditrail_witness::Limits;
use tlog::witness::REQUEST_MAX;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::{LONG, Log, Running, directory};

/// Limits that a test can wait for.
fn short() -> Limits {
    let mut limits = Limits::default();
    limits.request_timeout = Duration::from_millis(200);
    limits.header_timeout = Duration::from_millis(200);
    limits
}

#[tokio::test]
async fn malformed_body_is_refused() {
    let directory = directory();
    let witness = Running::start(directory.path()).await;
    let log = Log::new("entry", 7);
    let good = log.request(0, 7).to_string();
    let bad_size = good.replace("old 0", "old 00");
    let not_a_checkpoint = good.replace("log.example/one\n7\n", "log.example/one\nseven\n");
    for body in ["", "old 0\n", "old 0\n\n", &bad_size, &not_a_checkpoint, &good[..good.len() - 1]]
    {
        let reply = witness.post(body.as_bytes()).await;
        assert_eq!(reply.status, 400, "{body:?}: {reply:?}");
        assert!(reply.body.ends_with('\n') && reply.body.len() < 300, "{reply:?}");
    }
    assert_eq!(witness.post(&[0xff; 100]).await.status, 400);
    for bytes in [b"nonsense\r\n\r\n".as_slice(), b"POST /add-checkpoint HTTP/9\r\n\r\n"] {
        assert_eq!(witness.send(bytes).await.unwrap().status, 400);
    }
    let reply = witness.get("/add-checkpoint").await;
    assert_eq!(reply.status, 405);
    assert_eq!(witness.get("/other").await.status, 404);
    witness.add(&log.request(0, 7)).await.assert_cosigns(&log.checkpoint(7));
}

#[tokio::test]
async fn oversized_body_is_refused() {
    let directory = directory();
    let witness = Running::start(directory.path()).await;
    assert_eq!(witness.post(&vec![b'x'; REQUEST_MAX]).await.status, 400);
    assert_eq!(witness.post(&vec![b'x'; REQUEST_MAX + 1]).await.status, 413);
    // A length alone is no reason to reserve memory.
    let head =
        b"POST /add-checkpoint HTTP/1.1\r\nhost: w\r\ncontent-length: 99999999999999\r\n\r\nold 0";
    assert_eq!(witness.send(head).await.unwrap().status, 413);
    let chunk = format!("{:x}\r\n{}\r\n", 65_536, "x".repeat(65_536));
    let head = "POST /add-checkpoint HTTP/1.1\r\nhost: w\r\ntransfer-encoding: chunked\r\n\r\n";
    let reply = witness.send(format!("{head}{}", chunk.repeat(5)).as_bytes()).await;
    assert_eq!(reply.unwrap().status, 413);
    let head = format!("GET / HTTP/1.1\r\nx: {}\r\n\r\n", "x".repeat(100_000));
    let reply = witness.send(head.as_bytes()).await;
    assert!(reply.is_err() || reply.as_ref().unwrap().status == 431, "{reply:?}");
}

#[tokio::test]
async fn dripping_body_is_cut_off() {
    let directory = directory();
    let witness = Running::with_limits(directory.path(), &short()).await;
    let mut stream = TcpStream::connect(witness.address).await.unwrap();
    let head = b"POST /add-checkpoint HTTP/1.1\r\nhost: w\r\ncontent-length: 100000\r\n\r\n";
    stream.write_all(head).await.unwrap();
    let (mut reader, mut writer) = stream.into_split();
    let dripping = tokio::spawn(async move {
        let mut ticks = tokio::time::interval(Duration::from_millis(5));
        while writer.write_all(b"x").await.is_ok() {
            ticks.tick().await;
        }
    });
    let mut response = [0; 12];
    let read = tokio::time::timeout(LONG, reader.read_exact(&mut response)).await;
    read.expect("the witness waits for the body").unwrap();
    assert_eq!(&response, b"HTTP/1.1 408");
    tokio::time::timeout(LONG, dripping).await.expect("the connection stays open").unwrap();
}

#[tokio::test]
async fn silent_connections_end_and_make_place() {
    let directory = directory();
    let mut limits = short();
    limits.connections_max = 2;
    let witness = Running::with_limits(directory.path(), &limits).await;
    let silent = [
        TcpStream::connect(witness.address).await.unwrap(),
        TcpStream::connect(witness.address).await.unwrap(),
    ];
    let log = Log::new("entry", 7);
    let reply = tokio::time::timeout(LONG, witness.add(&log.request(0, 7))).await;
    reply.expect("no connection ends").assert_cosigns(&log.checkpoint(7));
    drop(silent);
}

#[tokio::test]
async fn idle_and_old_connections_are_closed() {
    let directory = directory();
    let witness = Running::with_limits(directory.path(), &short()).await;
    let mut stream = TcpStream::connect(witness.address).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nhost: w\r\n\r\n").await.unwrap();
    let read = tokio::time::timeout(LONG, stream.read_to_end(&mut Vec::new())).await;
    read.expect("an idle connection stays open").unwrap();

    let mut limits = Limits::default();
    limits.connection_timeout = Duration::from_millis(200);
    let other = crate::support::directory();
    let witness = Running::with_limits(other.path(), &limits).await;
    let mut stream = TcpStream::connect(witness.address).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nhost: w\r\n\r\n").await.unwrap();
    let read = tokio::time::timeout(LONG, stream.read_to_end(&mut Vec::new())).await;
    read.expect("a connection has no maximum age").unwrap();
}

#[tokio::test]
async fn connection_is_kept_for_the_next_request() {
    let directory = directory();
    let witness = Running::start(directory.path()).await;
    let mut stream = TcpStream::connect(witness.address).await.unwrap();
    for _ in 0..2 {
        stream.write_all(b"GET /status HTTP/1.1\r\nhost: w\r\n\r\n").await.unwrap();
        let mut response = [0; 15];
        stream.read_exact(&mut response).await.unwrap();
        assert_eq!(&response, b"HTTP/1.1 200 OK");
        let mut rest = vec![0; 4_096];
        assert!(stream.read(&mut rest).await.unwrap() > 0);
    }
    assert!(witness.stop().await, "an idle connection delays the shutdown");
}
