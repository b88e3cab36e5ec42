//! gRPC: the HTTP status is always 200, and `grpc-status` determines the outcome.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::task::{Context, Poll};

use auditrail_tower::AuditLayer;
use bytes::{Buf as _, BufMut as _, Bytes};
use futures_util::stream;
use futures_util::stream::BoxStream;
use http::uri::PathAndQuery;
use serde_json::json;
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::body::Body;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::server::{Grpc, NamedService, ServerStreamingService, UnaryService};
use tonic::transport::server::TcpConnectInfo;
use tonic::transport::{Channel, Endpoint, Server};
use tonic::{Code, Request, Response, Status};

use crate::sink::{MemorySink, Verdict};
use crate::support::layer;

const POLICY: &str = r#"
failure = "best_effort"
[[rule]]
name = "forbidden"
route = "/things.Things/{call}"
status = ["403"]
action = "thing.forbidden"
target_type = "call"
target_id = { path = "call" }
[[rule]]
name = "must"
route = "/things.Things/Must"
action = "thing.used"
target_type = "call"
target_id = { value = "Must" }
failure = "must"
[[rule]]
name = "all"
route = "/things.Things/{call}"
action = "thing.used"
target_type = "call"
target_id = { path = "call" }
"#;

/// Messages are bytes as they are; these tests are not about them.
#[derive(Clone, Copy, Debug, Default)]
struct Plain;

impl Codec for Plain {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Plain {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, into: &mut EncodeBuf<'_>) -> Result<(), Status> {
        into.put(item);
        Ok(())
    }
}

impl Decoder for Plain {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(from.copy_to_bytes(from.remaining())))
    }
}

/// Responds with the code in the message, at once or after a message.
#[derive(Clone, Copy, Debug)]
struct Things;

impl NamedService for Things {
    const NAME: &'static str = "things.Things";
}

fn verdict(message: &Bytes) -> Result<(), Status> {
    match std::str::from_utf8(message).unwrap().parse::<i32>().unwrap() {
        0 => Ok(()),
        code => Err(Status::new(Code::from_i32(code), "as asked for")),
    }
}

impl UnaryService<Bytes> for Things {
    type Response = Bytes;
    type Future = std::future::Ready<Result<Response<Bytes>, Status>>;

    fn call(&mut self, request: Request<Bytes>) -> Self::Future {
        let message = request.into_inner();
        std::future::ready(verdict(&message).map(|()| Response::new(message)))
    }
}

impl ServerStreamingService<Bytes> for Things {
    type Response = Bytes;
    type ResponseStream = BoxStream<'static, Result<Bytes, Status>>;
    type Future = std::future::Ready<Result<Response<Self::ResponseStream>, Status>>;

    fn call(&mut self, request: Request<Bytes>) -> Self::Future {
        let message = request.into_inner();
        let last = verdict(&message).map(|()| message.clone());
        let reply: Self::ResponseStream = Box::pin(stream::iter([Ok(message), last]));
        std::future::ready(Ok(Response::new(reply)))
    }
}

impl<B> tower::Service<http::Request<B>> for Things
where
    B: http_body::Body + Send + 'static,
    B::Error: Into<tower::BoxError> + Send,
    B::Data: Send,
{
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = futures_util::future::BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<B>) -> Self::Future {
        let streams = request.uri().path().ends_with("/Stream");
        Box::pin(async move {
            let mut grpc = Grpc::new(Plain);
            Ok(if streams {
                grpc.server_streaming(Things, request).await
            } else {
                grpc.unary(Things, request).await
            })
        })
    }
}

/// A service of tonic with the layer, and a client of it.
async fn serve(audit: AuditLayer) -> tonic::client::Grpc<Channel> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address: SocketAddr = listener.local_addr().unwrap();
    let server = Server::builder().layer(audit).add_service(Things);
    tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
    let channel = Endpoint::from_shared(format!("http://{address}")).unwrap().connect_lazy();
    tonic::client::Grpc::new(channel)
}

async fn call(client: &mut tonic::client::Grpc<Channel>, name: &str, code: i32) -> Code {
    client.ready().await.unwrap();
    let path = PathAndQuery::try_from(format!("/things.Things/{name}")).unwrap();
    let message = Request::new(Bytes::from(code.to_string()));
    let reply = client.server_streaming(message, path, Plain).await;
    let status = match reply {
        Err(status) => Err(status),
        Ok(reply) => {
            let mut messages = reply.into_inner();
            loop {
                match messages.message().await {
                    Ok(Some(_)) => {}
                    Ok(None) => break Ok(()),
                    Err(status) => break Err(status),
                }
            }
        }
    };
    status.map_or_else(|status| status.code(), |()| Code::Ok)
}

#[tokio::test]
async fn grpc_status_is_read_from_headers_and_trailers() {
    let cases = [
        (0, 200, "success"),
        (1, 499, "failure"),
        (2, 500, "error"),
        (3, 400, "failure"),
        (4, 504, "timeout"),
        (5, 404, "failure"),
        (6, 409, "failure"),
        (7, 403, "failure"),
        (8, 429, "failure"),
        (9, 400, "failure"),
        (10, 409, "failure"),
        (11, 400, "failure"),
        (12, 501, "error"),
        (13, 500, "error"),
        (14, 503, "error"),
        (15, 500, "error"),
        (16, 401, "failure"),
    ];
    let sink = MemorySink::new();
    let mut client = serve(layer(POLICY, &sink)).await;
    let mut seen = 0;
    for (code, status, outcome) in cases {
        // In the headers, as errors are answered, and in the trailers, after a message.
        for name in ["Unary", "Stream"] {
            assert_eq!(call(&mut client, name, code).await, Code::from_i32(code));
            seen += 1;
            let record = sink.records(seen).await.pop().unwrap();
            assert_eq!(record.outcome(), outcome, "{name} {code}");
            assert_eq!(record.meta("/http/status"), json!(status), "{name} {code}");
            assert_eq!(record.meta("/http/grpc_status"), json!(code), "{name} {code}");
            assert_eq!(record.input.target.target_id.as_str(), name);
            let rule = if status == 403 { "forbidden" } else { "all" };
            assert_eq!(record.meta("/rule"), rule);
        }
    }
}

#[tokio::test]
async fn peer_callback_reads_tonic_connect_info() {
    let sink = MemorySink::new();
    let audit = layer(POLICY, &sink).peer(|parts| {
        let info = parts.extensions.get::<TcpConnectInfo>()?;
        Some(info.remote_addr()?.ip())
    });
    let mut client = serve(audit).await;
    assert_eq!(call(&mut client, "Unary", 0).await, Code::Ok);
    let address = sink.record().await.input.context.ip_address;
    assert_eq!(address, Some([127, 0, 0, 1].into()));
}

#[tokio::test]
async fn rejected_calls_get_a_grpc_status() {
    let sink = MemorySink::new();
    let audit = layer(POLICY, &sink);
    let mut client = serve(audit.clone()).await;
    sink.set_verdict(Verdict::Reject);
    assert_eq!(call(&mut client, "Must", 0).await, Code::Unavailable);
    assert_eq!(audit.counts().refused, 1);
    sink.set_verdict(Verdict::Accept);
    assert_eq!(call(&mut client, "Must", 0).await, Code::Ok);
    assert_eq!(sink.records(3).await[2].meta("/phase"), "outcome");
}

#[tokio::test]
async fn missing_grpc_status_is_error_or_unknown() {
    use tower::{Layer as _, ServiceExt as _};
    for (read, expected) in [(true, ("error", json!(500))), (false, ("disconnected", json!(null)))]
    {
        let sink = MemorySink::new();
        let service = layer(POLICY, &sink).layer(tower::service_fn(async |_| {
            let response =
                http::Response::builder().header("content-type", "application/grpc+proto");
            let body = http_body_util::Full::new(Bytes::from_static(b"cut"));
            Ok::<_, Infallible>(response.body(body).unwrap())
        }));
        let asked = http::Request::post("/things.Things/Unary").body(Body::empty()).unwrap();
        let response = service.oneshot(asked).await.unwrap();
        if read {
            http_body_util::BodyExt::collect(response.into_body()).await.unwrap();
        } else {
            drop(response);
        }
        let record = sink.record().await;
        assert_eq!((record.outcome().as_str(), record.meta("/http/status")), expected);
    }
}

#[tokio::test]
async fn trailers_end_a_call() {
    use http_body_util::{BodyExt as _, StreamBody};
    use tower::{Layer as _, ServiceExt as _};
    let sink = MemorySink::new();
    let service = layer(POLICY, &sink).layer(tower::service_fn(async |_| {
        let trailers = http::HeaderMap::from_iter([("grpc-status".parse().unwrap(), 7.into())]);
        let frames = [
            Ok::<_, Infallible>(http_body::Frame::data(Bytes::from_static(b"a"))),
            Ok(http_body::Frame::trailers(trailers)),
        ];
        let response = http::Response::builder().header("content-type", "application/grpc");
        Ok::<_, Infallible>(response.body(StreamBody::new(stream::iter(frames))).unwrap())
    }));
    let asked = http::Request::post("/things.Things/Unary").body(Body::empty()).unwrap();
    let mut body = service.oneshot(asked).await.unwrap().into_body();
    body.frame().await.unwrap().unwrap();
    assert!(sink.submissions().is_empty());
    body.frame().await.unwrap().unwrap();
    // As a server of HTTP/2 does, which knows that nothing follows.
    drop(body);
    let record = sink.record().await;
    assert_eq!((record.outcome().as_str(), record.meta("/rule")), ("failure", json!("forbidden")));
}
