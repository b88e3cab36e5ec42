//! One connection that sends one request after the other.

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
use crate::report::{Answer, OneReport};
use crate::requests::{One, Requests};

const MIB: f64 = 1_048_576.0;
/// After a connection broke or was refused.
const RECONNECT_PAUSE: Duration = Duration::from_millis(10);

/// When to stop.
pub(crate) struct Until {
    time: Instant,
    most: u64,
    sent: AtomicU64,
}

impl Until {
    pub(crate) fn new(time: Instant, most: Option<u64>) -> Arc<Self> {
        Arc::new(Self { time, most: most.unwrap_or(u64::MAX), sent: AtomicU64::new(0) })
    }

    /// The number of the next request, if another one may be sent.
    fn take(&self) -> Option<u64> {
        let n = (!self.is_over()).then(|| self.sent.fetch_add(1, Ordering::Relaxed));
        n.filter(|n| *n < self.most)
    }

    fn is_over(&self) -> bool {
        Instant::now() >= self.time || self.sent.load(Ordering::Relaxed) >= self.most
    }
}

/// When the requests of one connection are due, where a rate is given.
#[derive(Clone, Copy)]
pub(crate) struct Pace {
    first: Instant,
    interval: Duration,
}

impl Pace {
    /// For connection `index` of `connections` that send `per_second` requests together, from `start` on
    /// and spread evenly.
    pub(crate) fn new(start: Instant, (index, connections): (u16, u16), per_second: f64) -> Self {
        let interval = Duration::from_secs_f64(f64::from(connections) / per_second);
        let offset = interval.mul_f64(f64::from(index) / f64::from(connections));
        Self { first: start + offset, interval }
    }

    /// Waits until the next request is due. One that is late is sent at once, and later ones are not
    /// brought forward to make up for it.
    async fn wait(&mut self) {
        tokio::time::sleep_until(self.first.into()).await;
        self.first = (self.first + self.interval).max(Instant::now());
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
    pub(crate) async fn work(mut self, until: Arc<Until>) -> OneReport {
        let mut report = OneReport::new(self.requests.have_ids());
        while !until.is_over() {
            match self.connect().await {
                Ok(connection) => self.use_up(connection, &until, &mut report).await,
                Err(_) => report.refused(),
            }
            if !until.is_over() {
                tokio::time::sleep(RECONNECT_PAUSE).await;
            }
        }
        report
    }

    /// Sends requests over a connection until it is time to stop, or it breaks.
    async fn use_up(
        &mut self,
        mut connection: SendRequest<Full<Bytes>>,
        until: &Until,
        report: &mut OneReport,
    ) {
        // What is not sent is not taken: a request that was taken is answered, or it is open whether
        // it was carried out.
        while connection.ready().await.is_ok() {
            if let Some(pace) = &mut self.pace {
                pace.wait().await;
            }
            let Some(n) = until.take() else { return };
            let One { request, records, is_between } = self.requests.nth(n);
            let began = Instant::now();
            let Ok((status, bytes)) = self.send(&mut connection, request).await else {
                report.broken(n);
                return;
            };
            let answer = Answer { status, bytes, records, is_between };
            report.answered(n, &answer, began.elapsed());
        }
    }

    async fn send(
        &self,
        connection: &mut SendRequest<Full<Bytes>>,
        request: hyper::Request<Full<Bytes>>,
    ) -> Result<(u16, u64), Error> {
        let answer = connection.send_request(request).await?;
        let status = answer.status().as_u16();
        Ok((status, self.read(answer.into_body()).await?))
    }

    async fn connect(&self) -> Result<SendRequest<Full<Bytes>>, Error> {
        let stream = TcpStream::connect(self.to).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(sender)
    }

    /// Reads an answer to its end, as fast as it may; its bytes.
    async fn read(&self, mut body: Incoming) -> Result<u64, Error> {
        let began = Instant::now();
        let mut bytes = 0;
        while let Some(frame) = body.frame().await {
            bytes += frame?.data_ref().map_or(0, |data| data.len() as u64);
            if let Some(rate) = self.mib_per_second {
                #[expect(clippy::cast_precision_loss, reason = "an answer is far below 2^52 bytes")]
                let due = Duration::from_secs_f64(bytes as f64 / MIB / rate);
                tokio::time::sleep_until((began + due).into()).await;
            }
        }
        Ok(bytes)
    }
}
