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

use crate::report::OneReport;
use crate::requests::Requests;

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

    /// Whether another request may be sent.
    fn take(&self) -> bool {
        Instant::now() < self.time && self.sent.fetch_add(1, Ordering::Relaxed) < self.most
    }
}

/// One connection.
pub(crate) struct Client {
    to: SocketAddr,
    requests: Arc<Requests>,
    mib_per_second: Option<f64>,
}

type Error = Box<dyn std::error::Error + Send + Sync>;

impl Client {
    pub(crate) fn new(
        to: SocketAddr,
        requests: Arc<Requests>,
        mib_per_second: Option<f64>,
    ) -> Self {
        Self { to, requests, mib_per_second }
    }

    /// Sends requests until it is time to stop. Each client begins elsewhere in the list.
    pub(crate) async fn work(self, number: usize, until: Arc<Until>) -> OneReport {
        let mut report = OneReport::new();
        let mut connection = None;
        let mut n = number * 61;
        while until.take() {
            let began = Instant::now();
            match self.send(&mut connection, n).await {
                Ok((status, bytes)) => {
                    let records = if status < 300 { self.requests.records } else { 0 };
                    report.answered(status, records, bytes, began.elapsed());
                }
                Err(_) => {
                    connection = None;
                    report.broken();
                    tokio::time::sleep(RECONNECT_PAUSE).await;
                }
            }
            n += 1;
        }
        report
    }

    async fn send(
        &self,
        connection: &mut Option<SendRequest<Full<Bytes>>>,
        n: usize,
    ) -> Result<(u16, u64), Error> {
        let sender = match connection {
            Some(sender) => sender,
            None => connection.insert(self.connect().await?),
        };
        sender.ready().await?;
        let answer = sender.send_request(self.requests.nth(n)).await?;
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
