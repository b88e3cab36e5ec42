//! A proxy in front of the real service that injects faults.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use auditrail_testkit::eventually;
use auditrail_testkit::http::{Answer, Call};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

/// The fault that a request meets.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// None: the request is forwarded.
    Pass,
    /// The proxy responds itself.
    Respond { status: u16, retry_after: Option<&'static str>, body: &'static str },
    /// The connection is reset before the service receives the request.
    Reset,
    /// The connection is reset after the service has processed the request.
    ResetAfter,
    /// The request is forwarded only after `release`.
    Hold,
    /// The response is held until `release`.
    HoldAfter,
    /// The times of the records are moved ahead of the service's clock, as if the client's clock were wrong.
    ClockAhead,
}

impl Fault {
    pub(crate) fn respond(status: u16, body: &'static str) -> Self {
        Self::Respond { status, retry_after: None, body }
    }

    pub(crate) fn retry_after(status: u16, seconds: &'static str) -> Self {
        Self::Respond { status, retry_after: Some(seconds), body: "" }
    }
}

pub(crate) struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    down: watch::Sender<bool>,
    serving: JoinHandle<()>,
}

struct Shared {
    service: SocketAddr,
    state: Mutex<State>,
    released: watch::Sender<u64>,
}

#[derive(Default)]
struct State {
    next: VecDeque<Fault>,
    default: Option<Fault>,
    times: Vec<Instant>,
    held: usize,
}

impl Proxy {
    pub(crate) async fn start(service: SocketAddr) -> Self {
        let shared = Shared { service, state: Mutex::default(), released: watch::Sender::new(0) };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(shared);
        let down = watch::Sender::new(false);
        let serving = tokio::spawn(serve(listener, Arc::clone(&shared), down.subscribe()));
        Self { address, shared, down, serving }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Queues faults for the next requests, one each.
    pub(crate) fn next(&self, faults: impl IntoIterator<Item = Fault>) {
        self.shared.state().next.extend(faults);
    }

    /// Sets the fault for all other requests.
    pub(crate) fn set_default(&self, fault: Fault) {
        self.shared.state().default = Some(fault);
    }

    /// The arrival times of the requests.
    pub(crate) fn times(&self) -> Vec<Instant> {
        self.shared.state().times.clone()
    }

    /// Waits for that many requests in total.
    pub(crate) async fn seen(&self, requests: usize) {
        eventually("requests have arrived", async || self.times().len() >= requests).await;
    }

    /// Waits until that many requests are held.
    pub(crate) async fn held(&self, requests: usize) {
        eventually("requests are held", async || self.shared.state().held >= requests).await;
    }

    /// Releases all held requests.
    pub(crate) fn release(&self) {
        self.shared.released.send_modify(|releases| *releases += 1);
    }

    /// Resets all connections, including new ones, until `restart`. The address stays reserved.
    pub(crate) fn stop(&self) {
        self.down.send_replace(true);
    }

    /// Ends an outage started by `stop`.
    pub(crate) fn restart(&self) {
        self.down.send_replace(false);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn serve(listener: TcpListener, shared: Arc<Shared>, mut down: watch::Receiver<bool>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let (stream, _) = accepted.unwrap();
                // Closing it in any way sends a reset.
                stream.set_zero_linger().unwrap();
                stream.set_nodelay(true).unwrap();
                if !*down.borrow() {
                    connections.spawn(connection(stream, Arc::clone(&shared)));
                }
            }
            changed = down.changed() => {
                changed.unwrap();
                if *down.borrow() {
                    connections.shutdown().await;
                }
            }
        }
    }
}

async fn connection(stream: TcpStream, shared: Arc<Shared>) {
    let service = service_fn(|request| shared.handle(request));
    // Errors are expected: faults break connections.
    drop(http1::Builder::new().serve_connection(TokioIo::new(stream), service).await);
}

/// Makes hyper reset the connection.
#[derive(Debug, thiserror::Error)]
#[error("injected connection reset")]
struct Break;

/// More than the service allows.
const AHEAD: Duration = Duration::from_secs(400);

/// Adds [`AHEAD`] to the times of the records of a batch.
fn move_times(body: &Bytes) -> Bytes {
    let mut records: Vec<Value> = serde_json::from_slice(body).unwrap();
    for time in records.iter_mut().filter_map(|record| record.get_mut("created_at")) {
        let moved = time.as_str().unwrap().parse::<Timestamp>().unwrap() + AHEAD;
        *time = moved.to_string().into();
    }
    serde_json::to_vec(&records).unwrap().into()
}

impl Shared {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    async fn handle(&self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Break> {
        let (head, body) = request.into_parts();
        let body = body.collect().await.map_err(|_| Break)?.to_bytes();
        let fault = {
            let mut state = self.state();
            state.times.push(Instant::now());
            let next = state.next.pop_front();
            next.or_else(|| state.default.clone()).unwrap_or(Fault::Pass)
        };
        match fault {
            Fault::Respond { status, retry_after, body } => {
                let status = StatusCode::from_u16(status).unwrap();
                let mut answer = Response::builder().status(status);
                if let Some(seconds) = retry_after {
                    answer = answer.header("retry-after", seconds);
                }
                return Ok(answer.body(Full::from(body)).unwrap());
            }
            Fault::Reset => return Err(Break),
            Fault::Hold => self.hold().await,
            Fault::Pass | Fault::ResetAfter | Fault::HoldAfter | Fault::ClockAhead => {}
        }
        let body = if matches!(fault, Fault::ClockAhead) { move_times(&body) } else { body };
        let answer = self.forward(&head, body).await?;
        match fault {
            Fault::ResetAfter => return Err(Break),
            Fault::HoldAfter => self.hold().await,
            _ => {}
        }
        let mut response = Response::new(Full::from(answer.body));
        *response.status_mut() = answer.status;
        *response.headers_mut() = answer.headers;
        Ok(response)
    }

    async fn hold(&self) {
        let mut released = self.released.subscribe();
        self.state().held += 1;
        released.changed().await.unwrap();
        self.state().held -= 1;
    }

    async fn forward(
        &self,
        head: &hyper::http::request::Parts,
        body: Bytes,
    ) -> Result<Answer, Break> {
        let path = head.uri.path_and_query().unwrap().as_str();
        let text = |name| head.headers.get(name).map_or("", |value| value.to_str().unwrap());
        let mut call = Call::new(self.service, head.method.as_str(), path);
        call = call.header("authorization", text(AUTHORIZATION));
        if head.headers.contains_key(CONTENT_TYPE) {
            call = call.body(text(CONTENT_TYPE), body);
        }
        call.try_send().await.map_err(|_| Break)
    }
}
