//! `verify log` and `verify consistency` over HTTP.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use super::server::{Reply, Server};
use super::written::Log;
use crate::sandbox::{Run, Sandbox};

fn verify(sandbox: &Sandbox, url: &str, more: &[&str]) -> Run {
    sandbox.run(&[&["verify", "log", "--policy", "policy", url], more].concat())
}

/// A log behind a server that responds to one path in another way.
fn served(size: u64, odd: &'static str, reply: fn() -> Reply) -> (Sandbox, Server) {
    let sandbox = Log::of_size(size).sandbox();
    let reply = move |path: &str, _| if path == odd { reply() } else { Reply::File };
    let server = Server::start(sandbox.path("log"), reply);
    (sandbox, server)
}

#[test]
fn log_behind_a_url_is_verified() {
    let (sandbox, server) = served(70_000, "", || Reply::File);
    sandbox.file("kept", Log::of_size(65_537).checkpoint());
    let run = verify(&sandbox, &server.url(), &["--since", "kept"]).code(0);
    run.stdout_has("log.example/audit of size 70000").stdout_has("continues kept, of size 65537");
    let url = server.url();
    let args = ["consistency", "--policy", "policy", "kept", "log/checkpoint", "--log", &url];
    sandbox
        .run(&[&["verify"], &args[..]].concat())
        .code(0)
        .stdout_has("log/checkpoint: continues kept");
    let requests = server.requests.lock().unwrap();
    assert!(!requests.iter().any(|line| line.starts_with("authorization")), "no key was given");
}

#[test]
fn api_key_is_sent_and_never_printed() {
    let (sandbox, server) = served(3, "", || Reply::File);
    sandbox.file("key", "adt_secret_of_the_file\n");
    verify(&sandbox, &server.url(), &["--api-key-file", "key"]).code(0);
    let has = |line: &str| server.requests.lock().unwrap().iter().any(|sent| sent == line);
    assert!(has("authorization: bearer adt_secret_of_the_file"));
    let sandbox = sandbox.set("AUDITRAIL_KEY", "adt_secret_of_a_variable");
    verify(&sandbox, &server.url(), &[]).code(0);
    assert!(has("authorization: bearer adt_secret_of_a_variable"));
    let sandbox = sandbox.set("AUDITRAIL_KEY_FILE", "key");
    verify(&sandbox, &server.url(), &[])
        .code(2)
        .stderr_has("both AUDITRAIL_KEY and AUDITRAIL_KEY_FILE");
    sandbox.file("key", "a secret\u{7}");
    let run = verify(&sandbox, &server.url(), &["--api-key-file", "key"]).code(2);
    assert!(!run.stderr_has("the content of key is not an API key").err.contains("secret"));
    let run = verify(&sandbox, &server.url(), &["--api-key-file", "missing"]).code(1);
    run.stderr_has("cannot read missing");
    verify(&sandbox, "log", &["--api-key-file", "key"]).code(2).stderr_has("is for an http(s) URL");
}

#[test]
fn missing_resources_are_named() {
    let (sandbox, server) = served(300, "tile/entries/001.p/44", || Reply::Status("404 Not Found"));
    let sentence = format!("tile/entries/001.p/44 is missing in {}", server.url());
    verify(&sandbox, &server.url(), &[]).code(4).stderr_has(&sentence);
    let (sandbox, server) = served(300, "checkpoint", || Reply::Status("404 Not Found"));
    verify(&sandbox, &server.url(), &[]).code(1).stderr_has("/v1/log has no `checkpoint`");
}

#[test]
fn other_statuses_are_failures() {
    let (sandbox, server) = served(3, "checkpoint", || Reply::Status("401 Unauthorized"));
    let run = verify(&sandbox, &server.url(), &[]).code(1);
    run.stderr_has("/v1/log/checkpoint: the server responds with status 401")
        .stderr_has("--api-key-file");
    let (sandbox, server) = served(3, "tile/0/000.p/3", || {
        Reply::Status("302 Found\r\nlocation: http://elsewhere/\u{9b}2J")
    });
    let run = verify(&sandbox, &server.url(), &[]).code(1);
    let run = run.stderr_has("tile/0/000.p/3 redirects to http://elsewhere/");
    assert!(run.stderr_has("(302), which is not followed").err.is_ascii());
    let (sandbox, server) = served(3, "checkpoint", || Reply::Status("204 No Content"));
    verify(&sandbox, &server.url(), &[]).code(1).stderr_has("the server responds with status 204");
}

#[test]
fn overloaded_server_is_asked_again() {
    let sandbox = Log::of_size(3).sandbox();
    let server = Server::start(sandbox.path("log"), |_, number| match number {
        0 => Reply::Status("503 Service Unavailable"),
        1 => Reply::Status("429 Too Many Requests\r\nretry-after: 0"),
        2 => Reply::Short,
        _ => Reply::File,
    });
    verify(&sandbox, &server.url(), &[]).code(0);
    let (sandbox, server) =
        served(3, "checkpoint", || Reply::Status("503 Service Unavailable\r\nretry-after: 0"));
    verify(&sandbox, &server.url(), &[]).code(1).stderr_has("the server responds with status 503");
    let requests = server.requests.lock().unwrap();
    assert_eq!(requests.iter().filter(|line| line.starts_with("get ")).count(), 5);
}

#[test]
fn endless_and_slow_bodies_end() {
    let (sandbox, server) = served(300, "tile/0/001.p/44", || Reply::Endless);
    let sentence = format!("tile/0/001.p/44 of {} is longer than the 1408 bytes", server.url());
    verify(&sandbox, &server.url(), &[]).code(4).stderr_has(&sentence);
    let (sandbox, server) = served(3, "checkpoint", || Reply::Endless);
    verify(&sandbox, &server.url(), &[]).code(4).stderr_has("is longer than the 262144 bytes");
    let (sandbox, server) = served(3, "tile/entries/000.p/3", || Reply::Drip);
    let started = Instant::now();
    let run = verify(&sandbox, &server.url(), &["--timeout", "1"]).code(1);
    run.stderr_has("/v1/log/tile/entries/000.p/3 was not complete within 1 s");
    assert!(started.elapsed() < Duration::from_secs(30));
}

#[test]
fn invalid_urls_are_usage_errors() {
    let sandbox = Log::of_size(1).sandbox();
    verify(&sandbox, "http://user:secret@127.0.0.1", &[])
        .code(2)
        .stderr_has("neither user nor password");
    verify(&sandbox, "http://127.0.0.1/?a=b", &[]).code(2).stderr_has("must not have a query");
    verify(&sandbox, "log", &["--timeout", "0"]).code(2);
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let run = verify(&sandbox, &format!("http://{closed}/v1/log"), &[]).code(1);
    run.stderr_has(&format!("cannot read http://{closed}/v1/log/checkpoint"));
}
