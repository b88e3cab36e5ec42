//! A proxy between the service and PostgreSQL that can drop packets and switch servers.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use auditrail_testkit::through;
use sqlx::ConnectOptions;
use sqlx::postgres::PgConnectOptions;
use tokio::io::{AsyncRead, AsyncWrite, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::watch;

/// Forwards TCP connections to PostgreSQL.
pub(super) struct Proxy {
    address: SocketAddr,
    route: watch::Sender<Route>,
}

/// How connections are handled.
#[derive(Clone)]
enum Route {
    /// Forwarded to this server; connections to another one are closed.
    To(Server),
    /// All packets are dropped, and no connection is closed.
    Blackhole,
}

/// Where a PostgreSQL listens.
#[derive(Clone)]
enum Server {
    Unix(PathBuf),
    Tcp(String, u16),
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

impl Server {
    fn of(options: &PgConnectOptions) -> Self {
        let port = options.get_port();
        match options.get_socket() {
            Some(folder) => Self::Unix(folder.join(format!(".s.PGSQL.{port}"))),
            None => Self::Tcp(options.get_host().to_owned(), port),
        }
    }

    async fn connect(&self) -> io::Result<Box<dyn Stream>> {
        Ok(match self {
            Self::Unix(path) => Box::new(UnixStream::connect(path).await?),
            Self::Tcp(host, port) => {
                let stream = TcpStream::connect((host.as_str(), *port)).await?;
                stream.set_nodelay(true)?;
                Box::new(stream)
            }
        })
    }
}

impl Proxy {
    /// Starts forwarding to a server, for the lifetime of the runtime.
    pub(super) async fn start(server: &PgConnectOptions) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (route, receiver) = watch::channel(Route::To(Server::of(server)));
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                client.set_nodelay(true).unwrap();
                tokio::spawn(forward(client, receiver.clone()));
            }
        });
        Self { address, route }
    }

    /// The URL of a database through the proxy.
    pub(super) fn url(&self, options: &PgConnectOptions) -> String {
        through(options, self.address).to_url_lossy().into()
    }

    /// Closes all connections, and forwards new ones to this server.
    pub(super) fn route_to(&self, server: &PgConnectOptions) {
        self.route.send_replace(Route::To(Server::of(server)));
    }

    /// Drops all packets from now on. Connections open at this time stay dead.
    pub(super) fn drop_packets(&self) {
        self.route.send_replace(Route::Blackhole);
    }
}

async fn forward(mut client: TcpStream, mut receiver: watch::Receiver<Route>) {
    let route = receiver.borrow_and_update().clone();
    let mut server = match route {
        Route::To(server) => match server.connect().await {
            Ok(server) => server,
            Err(_) => return,
        },
        Route::Blackhole => return hold(client).await,
    };
    tokio::select! {
        _ = copy_bidirectional(&mut client, &mut server) => {}
        changed = receiver.changed() => {
            let drops_packets = changed.is_ok() && matches!(*receiver.borrow(), Route::Blackhole);
            if drops_packets {
                hold((client, server)).await;
            }
        }
    }
}

/// Keeps a value alive until the runtime ends.
async fn hold<T>(value: T) {
    std::future::pending::<()>().await;
    drop(value);
}
