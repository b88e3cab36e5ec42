//! A connection that sends one request after the other.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::error::Error;
use crate::report::{ClientReport, Response};
use crate::requests::{Item, Requests};

const MIB: f64 = 1_048_576.0;
/// After a failed connection.
const RECONNECT_PAUSE: Duration = Duration::from_millis(10);

/// When clients stop.
pub(crate) struct Deadline {
    time: Instant,
    most: u64,
    sent: AtomicU64,
}

impl Deadline {
    pub(crate) fn new(time: Instant, most: Option<u64>) -> Arc<Self> {
        Arc::new(Self { time, most: most.unwrap_or(u64::MAX), sent: AtomicU64::new(0) })
    }

    /// The number of the next request, unless it is time to stop.
    fn take(&self) -> Option<u64> {
        let n = (!self.is_over()).then(|| self.sent.fetch_add(1, Ordering::Relaxed));
        n.filter(|n| *n < self.most)
    }

    fn is_over(&self) -> bool {
        Instant::now() >= self.time || self.sent.load(Ordering::Relaxed) >= self.most
    }
}

/// How far a connection may be behind its rate and still catch up.
const CATCH_UP: Duration = Duration::from_millis(10);

/// When the requests of one connection are due, where a rate is given.
#[derive(Clone, Copy)]
pub(crate) struct Pace {
    next: Instant,
    interval: Duration,
}

impl Pace {
    /// For connection `index` of `connections` that send `per_second` requests together, from `start` on
    /// and spread evenly.
    pub(crate) fn new(start: Instant, (index, connections): (u16, u16), per_second: f64) -> Self {
        let interval = Duration::from_secs_f64(f64::from(connections) / per_second);
        let offset = interval.mul_f64(f64::from(index) / f64::from(connections));
        Self { next: start + offset, interval }
    }

    /// Waits until the next request is due. A connection that is late catches up, so that the granularity
    /// of timers does not lower the rate, but by [`CATCH_UP`] at most.
    async fn wait(&mut self) {
        tokio::time::sleep_until(self.next.into()).await;
        let earliest = Instant::now().checked_sub(CATCH_UP).unwrap_or(self.next);
        self.next = (self.next + self.interval).max(earliest);
    }
}

/// One connection.
pub(crate) struct Client {
    to: SocketAddr,
    requests: Arc<Requests>,
    mib_per_second: Option<f64>,
    pace: Option<Pace>,
}

impl Client {
    pub(crate) fn new(
        to: SocketAddr,
        requests: Arc<Requests>,
        mib_per_second: Option<f64>,
        pace: Option<Pace>,
    ) -> Self {
        Self { to, requests, mib_per_second, pace }
    }

    /// Sends requests until it is time to stop.
    pub(crate) async fn work(mut self, deadline: Arc<Deadline>) -> ClientReport {
        let mut report = ClientReport::new(self.requests.have_ids());
        while !deadline.is_over() {
            match self.connect().await {
                Ok(connection) => self.send_requests(connection, &deadline, &mut report).await,
                Err(_) => report.refused(),
            }
            if !deadline.is_over() {
                tokio::time::sleep(RECONNECT_PAUSE).await;
            }
        }
        report
    }

    /// Sends requests over a connection until it is time to stop, or the connection fails.
    async fn send_requests(
        &mut self,
        mut connection: SendRequest<Full<Bytes>>,
        deadline: &Deadline,
        report: &mut ClientReport,
    ) {
        // A number is taken only when the connection is ready, so that every number was sent.
        while connection.ready().await.is_ok() {
            if let Some(pace) = &mut self.pace {
                pace.wait().await;
            }
            let Some(n) = deadline.take() else { return };
            let Item { request, records, is_read } = self.requests.nth(n);
            let start = Instant::now();
            let Ok((status, bytes)) = self.send(&mut connection, request).await else {
                report.broken(n);
                return;
            };
            let response = Response { status, bytes, records, is_read };
            report.response(n, &response, start.elapsed());
        }
    }

    async fn send(
        &self,
        connection: &mut SendRequest<Full<Bytes>>,
        request: hyper::Request<Full<Bytes>>,
    ) -> Result<(u16, u64), Error> {
        let response = connection.send_request(request).await?;
        let status = response.status().as_u16();
        Ok((status, self.read(response.into_body()).await?))
    }

    async fn connect(&self) -> Result<SendRequest<Full<Bytes>>, Error> {
        let stream = TcpStream::connect(self.to).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(sender)
    }

    /// Reads a body, no faster than the limit; its length in bytes.
    async fn read(&self, mut body: Incoming) -> Result<u64, Error> {
        let start = Instant::now();
        let mut bytes = 0;
        while let Some(frame) = body.frame().await {
            bytes += frame?.data_ref().map_or(0, |data| data.len() as u64);
            if let Some(rate) = self.mib_per_second {
                #[expect(clippy::cast_precision_loss, reason = "a body is far below 2^52 bytes")]
                let due = Duration::from_secs_f64(bytes as f64 / MIB / rate);
                tokio::time::sleep_until((start + due).into()).await;
            }
        }
        Ok(bytes)
    }
}
