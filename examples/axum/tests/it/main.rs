//! The example as a program, with the real service.
#![expect(clippy::unwrap_used, reason = "a test may end at the first surprise")]

#[path = "../../../gateway/tests/it/service.rs"]
mod service;

use std::process::Stdio;
use std::time::Duration;

use auditrail_core::{Actor, Outcome};
use auditrail_testkit::eventually;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::process::Command;

use service::{KEY, Service};

/// Longer than any step takes.
const TIMEOUT: Duration = Duration::from_secs(60);

/// The request of the README.
async fn put(address: &str) -> String {
    let mut connection = TcpStream::connect(address).await.unwrap();
    let request = "PUT /projects/apollo HTTP/1.1\r\nHost: x\r\nX-User: ana\r\nContent-Length: 7\r\n\
                   User-Agent: curl/8\r\nConnection: close\r\n\r\nArtemis";
    connection.write_all(request.as_bytes()).await.unwrap();
    let mut response = String::new();
    connection.read_to_string(&mut response).await.unwrap();
    response
}

#[tokio::test]
async fn request_of_the_readme_leaves_its_record() {
    let service = Service::start().await;
    let directory = tempfile::tempdir().unwrap();
    let mut process = Command::new(env!("CARGO_BIN_EXE_example-axum"))
        .arg("127.0.0.1:0")
        .current_dir(directory.path())
        .env("AUDITRAIL_URL", &service.url)
        .env("AUDITRAIL_KEY", KEY)
        .env_remove("AUDITRAIL_KEY_FILE")
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut stdout = BufReader::new(process.stdout.take().unwrap());
    tokio::time::timeout(TIMEOUT, stdout.read_line(&mut line)).await.unwrap().unwrap();
    let address = line.trim().strip_prefix("listening on http://").unwrap();

    let response = tokio::time::timeout(TIMEOUT, put(address)).await.unwrap();
    assert!(response.ends_with("apollo is now Artemis\n"), "{response}");
    eventually("the record is delivered", async || !service.stored().await.is_empty()).await;
    let [record] = service.stored().await.try_into().unwrap();
    assert_eq!(record.actor, Actor::user("ana").unwrap());
    assert_eq!(record.action.as_str(), "project.renamed");
    assert_eq!(record.target.to_string(), "project:apollo");
    assert_eq!(record.outcome, Some(Outcome::Success));
    assert_eq!(record.ip_address.unwrap().to_string(), "127.0.0.1");
    assert_eq!(record.user_agent.unwrap().as_str(), "curl/8");
    let metadata = record.metadata.unwrap().as_str().to_owned();
    assert!(metadata.contains("Artemis"), "{metadata}");
}

#[tokio::test]
async fn missing_key_is_explained() {
    let run = Command::new(env!("CARGO_BIN_EXE_example-axum"))
        .env("AUDITRAIL_URL", "http://127.0.0.1:1")
        .env_remove("AUDITRAIL_KEY")
        .env_remove("AUDITRAIL_KEY_FILE")
        .output();
    let output = tokio::time::timeout(TIMEOUT, run).await.unwrap().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("Error: no API key: pass one, or set AUDITRAIL_KEY"), "{text}");
}
