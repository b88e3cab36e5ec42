//! A network between the service and PostgreSQL that can be broken, and that leads elsewhere when told.

use std::net::SocketAddr;
use std::path::PathBuf;

use sqlx::postgres::PgConnectOptions;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::watch;

/// Passes bytes between TCP and the socket of a PostgreSQL.
pub(super) struct Proxy {
    address: SocketAddr,
    leads: watch::Sender<Leads>,
}

/// What becomes of connections.
#[derive(Clone)]
enum Leads {
    /// They are passed on to this socket; those to another one are broken.
    To(PathBuf),
    /// Nothing gets through any more, and nobody is told.
    Nowhere,
}

impl Proxy {
    /// Leads to the server of these options, as long as the runtime lives.
    pub(super) async fn start(server: &PgConnectOptions) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (leads, told) = watch::channel(Leads::To(socket(server)));
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(pass(client, told.clone()));
            }
        });
        Self { address, leads }
    }

    /// The URL of the database of these options, by way of the proxy.
    pub(super) fn url(&self, options: &PgConnectOptions) -> String {
        let (role, database) = (options.get_username(), options.get_database().unwrap());
        format!("postgres://{role}@{}/{database}?sslmode=disable", self.address)
    }

    /// Breaks all connections; new ones lead to the server of these options.
    pub(super) fn lead_to(&self, server: &PgConnectOptions) {
        self.leads.send_replace(Leads::To(socket(server)));
    }

    /// Swallows all bytes from now on. Connections that are there then stay dead for ever.
    pub(super) fn swallow(&self) {
        self.leads.send_replace(Leads::Nowhere);
    }
}

fn socket(server: &PgConnectOptions) -> PathBuf {
    server.get_socket().unwrap().join(format!(".s.PGSQL.{}", server.get_port()))
}

async fn pass(mut client: TcpStream, mut told: watch::Receiver<Leads>) {
    let leads = told.borrow_and_update().clone();
    let mut server = match leads {
        Leads::To(path) => match UnixStream::connect(path).await {
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
