//! The PostgreSQL all tests share: the one `AUDITRAIL_TEST_URL` names, else a private one under the
//! build folder, which stays up for a while after the last test so that the next run is quick.

use std::env;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use local_postgres::{Config, Durability, Installation, LocalPostgres, Loopback, Search};
use sqlx::postgres::PgConnectOptions;
use tokio::sync::OnceCell;

use crate::access::Access;
use crate::transport::Identity;

/// The role that owns each test database.
pub(crate) const OWNER: &str = "auditrail_owner";
/// The role of an application that writes.
pub(crate) const APP: &str = "auditrail_app";
/// The role of who only reads.
pub(crate) const READER: &str = "auditrail_reader";
/// The role of the HTTP service.
pub(crate) const SERVICE: &str = "auditrail_service";

/// How long the server outlives the last test process.
const LINGER: Duration = Duration::from_secs(60);

/// A server that tests may do anything with.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) access: Access,
    /// Holding it keeps the server up; the system lets go when the test process ends.
    _lease: Option<LocalPostgres>,
}

/// The server, with the roles the tests need.
pub(crate) async fn get() -> &'static Server {
    static SERVER: OnceCell<Server> = OnceCell::const_new();
    SERVER.get_or_init(start).await
}

async fn start() -> Server {
    if let Ok(url) = env::var("AUDITRAIL_TEST_URL") {
        let admin = PgConnectOptions::from_str(&url)
            .unwrap_or_else(|e| panic!("AUDITRAIL_TEST_URL is not a database URL: {e}"));
        return Server { access: Access::external(admin).await, _lease: None };
    }
    let opened = tokio::task::spawn_blocking(open).await;
    let server = opened.unwrap_or_else(|e| panic!("starting the test server panicked: {e}"));
    Server { access: Access::private(&server).await, _lease: Some(server) }
}

fn open() -> LocalPostgres {
    try_open().unwrap_or_else(|e| panic!("the tests need a PostgreSQL: {e}"))
}

fn try_open() -> Result<LocalPostgres, local_postgres::Error> {
    let bin = env::var_os("AUDITRAIL_PG_BIN").map(PathBuf::from);
    let search = Search::usual().with_bin_dir(bin);
    // Data files belong to one major version, and tests may be run with several.
    let major = Installation::find(&search)?.version().major;
    // Where the server runs already, it keeps the certificate it was started with.
    let Identity { certificate, key } = Identity::new();
    let config = Config::new(target().join(format!("testkit/{major}")))
        .search(search)
        .durability(Durability::NoFsyncForTests)
        .loopback(Loopback::any_port().tls(certificate, key))
        .setting("max_connections", "300")
        .linger(LINGER);
    LocalPostgres::open(config)
}

/// The build folder.
fn target() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target"), PathBuf::from)
}
