//! A log over HTTP, for those who have a token.

use std::fs;
use std::io::{self, BufRead as _, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::thread;

/// The API key that the server requires.
pub(super) const TOKEN: &str = "adt_go_verify";

/// Serves a directory on the loopback interface until this process ends; returns its URL.
pub(super) fn start(dir: PathBuf) -> io::Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let url = format!("http://{}", listener.local_addr()?);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // A client that has closed the connection has its own error.
            drop(serve(&stream, &dir));
        }
    });
    Ok(url)
}

/// One request of one connection.
fn serve(stream: &TcpStream, dir: &Path) -> io::Result<()> {
    let mut head = Vec::new();
    for line in BufReader::new(stream).lines() {
        match line? {
            line if line.is_empty() => break,
            line => head.push(line),
        }
    }
    let path = head.first().and_then(|line| line.split(' ').nth(1)).unwrap_or("/");
    let is_authorized = head.iter().any(|line| *line == format!("Authorization: Bearer {TOKEN}"));
    let (status, body) = match fs::read(dir.join(&path[1..])) {
        _ if !is_authorized => ("401 Unauthorized", Vec::new()),
        Ok(bytes) => ("200 OK", bytes),
        Err(_) => ("404 Not Found", Vec::new()),
    };
    let length = body.len();
    let mut stream = stream;
    write!(stream, "HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n")?;
    stream.write_all(&body)
}
