//! The gateway as a program, between raw connections and an upstream that normalizes paths.

use std::collections::BTreeMap;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use auditrail_core::Record;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, Uri};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};

use crate::service::{KEY, Service};

/// Longer than any step takes.
const TIMEOUT: Duration = Duration::from_secs(60);

/// By the request id: method and path as the upstream understood them.
type Handled = Arc<Mutex<BTreeMap<String, (Method, String)>>>;

pub(crate) struct Gateway {
    listen: String,
    admin: String,
    service: Service,
    handled: Handled,
    _directory: tempfile::TempDir,
    _process: Child,
}

impl Gateway {
    pub(crate) async fn start(policy: &str) -> Self {
        let service = Service::start().await;
        let handled = Handled::default();
        let upstream = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let target = format!("/=http://{}", upstream.local_addr().unwrap());
        let app = Router::new().fallback(handle).with_state(Arc::clone(&handled));
        tokio::spawn(async move { axum::serve(upstream, app).await });

        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("policy.toml");
        std::fs::write(&file, policy).unwrap();
        let mut process = Command::new(env!("CARGO_BIN_EXE_gateway"))
            .args([
                "--listen",
                "127.0.0.1:0",
                "--admin-listen",
                "127.0.0.1:0",
                "--upstream",
                &target,
            ])
            .arg("--policy")
            .arg(&file)
            .arg("--callers")
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/callers.toml"))
            .arg("--spool")
            .arg(directory.path().join("spool"))
            .env("AUDITRAIL_URL", &service.url)
            .env("AUDITRAIL_KEY", KEY)
            .env_remove("AUDITRAIL_KEY_FILE")
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut stdout = BufReader::new(process.stdout.take().unwrap());
        let reading = tokio::time::timeout(TIMEOUT, stdout.read_line(&mut line));
        reading.await.unwrap().unwrap();
        let addresses: Value = serde_json::from_str(&line).unwrap();
        let address =
            |name: &str| addresses[name].as_str().unwrap().trim_start_matches("http://").to_owned();
        let (listen, admin) = (address("listen"), address("admin"));
        Self { listen, admin, service, handled, _directory: directory, _process: process }
    }

    /// Sends a request as it is, and returns the status.
    pub(crate) async fn send(
        &self,
        id: &str,
        method: &str,
        target: &str,
        fields: &str,
        body: &[u8],
    ) -> u16 {
        let head = format!(
            "{method} {target} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ana-token\r\nX-Request-Id: {id}\r\n\
             Content-Length: {}\r\n{fields}Connection: close\r\n\r\n",
            body.len()
        );
        let response = exchange(&self.listen, &[head.as_bytes(), body].concat()).await;
        response.split(' ').nth(1).unwrap().parse().unwrap()
    }

    /// What the upstream did for a request, if it got it.
    pub(crate) fn handled(&self, id: &str) -> Option<(Method, String)> {
        self.handled.lock().unwrap().get(id).cloned()
    }

    pub(crate) async fn report(&self) -> Value {
        let request = "GET /report HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
        let response = exchange(&self.admin, request.as_bytes()).await;
        serde_json::from_str(response.split_once("\r\n\r\n").unwrap().1).unwrap()
    }

    /// The records by request id, once all are delivered.
    pub(crate) async fn records(&self) -> BTreeMap<String, Record> {
        let delivered = async { while self.report().await["recorder"]["pending"] != 0 {} };
        tokio::time::timeout(TIMEOUT, delivered).await.unwrap();
        let records = self.service.stored().await.into_iter();
        let with_id =
            records.filter_map(|record| Some((record.request_id.as_ref()?.to_string(), record)));
        with_id.collect()
    }
}

/// Sends bytes on a connection of their own, and returns all that comes back.
async fn exchange(address: &str, request: &[u8]) -> String {
    let exchange = async {
        let mut connection = TcpStream::connect(address).await.unwrap();
        connection.write_all(request).await.unwrap();
        let mut response = Vec::new();
        connection.read_to_end(&mut response).await.unwrap();
        String::from_utf8_lossy(&response).into_owned()
    };
    tokio::time::timeout(TIMEOUT, exchange).await.unwrap()
}

/// Understands a path as servers do that decode and then resolve it.
async fn handle(
    State(handled): State<Handled>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    _body: Bytes,
) -> &'static str {
    let id = headers["x-request-id"].to_str().unwrap().to_owned();
    let path = percent_decoded(uri.path());
    let mut segments: Vec<&str> = Vec::new();
    for segment in path.split(['/', '\\']) {
        match segment.split(';').next().unwrap_or_default() {
            "" | "." => {}
            ".." => drop(segments.pop()),
            segment => segments.push(segment),
        }
    }
    let path = format!("/{}", segments.join("/"));
    handled.lock().unwrap().insert(id, (method, path));
    "done"
}

fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [byte, after @ ..] = rest {
        let escaped = (*byte == b'%').then(|| {
            let digits = after.get(..2).and_then(|digits| str::from_utf8(digits).ok())?;
            u8::from_str_radix(digits, 16).ok()
        });
        match escaped.flatten() {
            Some(value) => {
                bytes.push(value);
                rest = &after[2..];
            }
            None => {
                bytes.push(*byte);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
