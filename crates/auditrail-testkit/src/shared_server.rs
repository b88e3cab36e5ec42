//! The PostgreSQL server that all tests share: the one in `AUDITRAIL_TEST_URL`, by default a private one
//! below the target directory, which keeps running for a while after the last test process.

use std::env;
use std::path::{Path, PathBuf};
use std::time::Duration;

use local_postgres::{Config, Durability, Installation, LocalPostgres, Loopback, Search};
use tokio::sync::OnceCell;

use crate::access::Access;
use crate::transport::Identity;

/// How long the server keeps running after the last test process.
const LINGER: Duration = Duration::from_secs(60);

/// A server on which tests have all privileges.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) access: Access,
    /// Keeps the server running; released when the test process ends, however it ends.
    _lease: Option<LocalPostgres>,
}

/// The server, with the roles that the tests need.
pub(crate) async fn get() -> &'static Server {
    static SERVER: OnceCell<Server> = OnceCell::const_new();
    SERVER.get_or_init(start).await
}

async fn start() -> Server {
    if let Ok(url) = env::var("AUDITRAIL_TEST_URL") {
        let admin = auditrail_store::parse_database_url(&url)
            .unwrap_or_else(|e| panic!("AUDITRAIL_TEST_URL is not a database URL: {e}"));
        return Server { access: Access::external(admin).await, _lease: None };
    }
    let server = tokio::task::spawn_blocking(open)
        .await
        .unwrap_or_else(|e| panic!("starting the test server panicked: {e}"));
    Server { access: Access::private(&server).await, _lease: Some(server) }
}

fn open() -> LocalPostgres {
    try_open().unwrap_or_else(|e| panic!("no PostgreSQL for the tests: {e}"))
}

fn try_open() -> Result<LocalPostgres, local_postgres::Error> {
    let bin = env::var_os("AUDITRAIL_PG_BIN").map(PathBuf::from);
    let search = Search::usual().with_bin_dir(bin);
    // Data files belong to one major version, and tests may run with several.
    let major = Installation::find(&search)?.version().major;
    // Ignored by a server that runs already: it keeps its certificate.
    let Identity { certificate, key } = Identity::new();
    let config = Config::new(target().join(format!("testkit/{major}")))
        .search(search)
        .durability(Durability::NoFsyncForTests)
        .loopback(Loopback::any_port().tls(certificate, key))
        .setting("max_connections", "300")
        .linger(LINGER);
    LocalPostgres::open(config)
}

/// The target directory.
fn target() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target"), PathBuf::from)
}
