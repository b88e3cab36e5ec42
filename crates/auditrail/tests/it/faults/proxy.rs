//! A network between the service and PostgreSQL that can be broken, and that leads elsewhere when told.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use auditrail_testkit::through;
use sqlx::ConnectOptions;
use sqlx::postgres::PgConnectOptions;
use tokio::io::{AsyncRead, AsyncWrite, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::watch;

/// Passes bytes between TCP and a PostgreSQL.
pub(super) struct Proxy {
    address: SocketAddr,
    leads: watch::Sender<Leads>,
}

/// What becomes of connections.
#[derive(Clone)]
enum Leads {
    /// They are passed on to this server; those to another one are broken.
    To(Server),
    /// Nothing gets through any more, and nobody is told.
    Nowhere,
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
    /// Leads to the server of these options, as long as the runtime lives.
    pub(super) async fn start(server: &PgConnectOptions) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (leads, told) = watch::channel(Leads::To(Server::of(server)));
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                client.set_nodelay(true).unwrap();
                tokio::spawn(pass(client, told.clone()));
            }
        });
        Self { address, leads }
    }

    /// The URL of the database of these options, by way of the proxy.
    pub(super) fn url(&self, options: &PgConnectOptions) -> String {
        through(options, self.address).to_url_lossy().into()
    }

    /// Breaks all connections; new ones lead to the server of these options.
    pub(super) fn lead_to(&self, server: &PgConnectOptions) {
        self.leads.send_replace(Leads::To(Server::of(server)));
    }

    /// Swallows all bytes from now on. Connections that are there then stay dead for ever.
    pub(super) fn swallow(&self) {
        self.leads.send_replace(Leads::Nowhere);
    }
}

async fn pass(mut client: TcpStream, mut told: watch::Receiver<Leads>) {
    let leads = told.borrow_and_update().clone();
    let mut server = match leads {
        Leads::To(server) => match server.connect().await {
            Ok(server) => server,
            Err(_) => return,
        },
        Leads::Nowhere => return hold(client).await,
    };
    tokio::select! {
        _ = copy_bidirectional(&mut client, &mut server) => {}
        changed = told.changed() => {
            let swallows = changed.is_ok() && matches!(*told.borrow(), Leads::Nowhere);
            if swallows {
                hold((client, server)).await;
            }
        }
    }
}

/// Keeps something until the runtime ends.
async fn hold<T>(kept: T) {
    std::future::pending::<()>().await;
    drop(kept);
}
