//! The PostgreSQL all tests share: the one `AUDITRAIL_TEST_URL` names, else a private one under the
//! build folder, which stays up for a while after the last test so that the next run is quick.

use std::env;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use local_postgres::{Config, Durability, Installation, LocalPostgres, Search};
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tokio::sync::OnceCell;

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
    pub(crate) admin: PgConnectOptions,
    /// Holding it keeps the server up; the system lets go when the test process ends.
    _lease: Option<LocalPostgres>,
}

/// The server, with the roles the tests need.
pub(crate) async fn get() -> &'static Server {
    static SERVER: OnceCell<Server> = OnceCell::const_new();
    SERVER.get_or_init(start).await
}

async fn start() -> Server {
    let (url, lease) = match env::var("AUDITRAIL_TEST_URL") {
        Ok(url) => (url, None),
        Err(_) => {
            let opened = tokio::task::spawn_blocking(open).await;
            let server =
                opened.unwrap_or_else(|e| panic!("starting the test server panicked: {e}"));
            (server.url("postgres"), Some(server))
        }
    };
    let admin = PgConnectOptions::from_str(&url)
        .unwrap_or_else(|e| panic!("AUDITRAIL_TEST_URL is not a database URL: {e}"));
    make_roles(&admin).await;
    Server { admin, _lease: lease }
}

fn open() -> LocalPostgres {
    try_open().unwrap_or_else(|e| panic!("the tests need a PostgreSQL: {e}"))
}

fn try_open() -> Result<LocalPostgres, local_postgres::Error> {
    let bin = env::var_os("AUDITRAIL_PG_BIN").map(PathBuf::from);
    let search = Search::usual().with_bin_dir(bin);
    // Data files belong to one major version, and tests may be run with several.
    let major = Installation::find(&search)?.version().major;
    let config = Config::new(target().join(format!("testkit/{major}")))
        .search(search)
        .durability(Durability::NoFsyncForTests)
        .setting("max_connections", "300")
        .linger(LINGER);
    LocalPostgres::open(config)
}

/// The build folder.
fn target() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target"), PathBuf::from)
}

/// Makes the roles; test processes start at the same time, so they take turns.
pub(crate) async fn make_roles(admin: &PgConnectOptions) {
    let mut db = PgConnection::connect_with(admin)
        .await
        .unwrap_or_else(|e| panic!("cannot connect to the test server: {e}"));
    let missing = |role: &str| {
        format!(
            "if not exists (select from pg_roles where rolname = '{role}') then
                 create role {role} login;
             end if;"
        )
    };
    let make = format!(
        "do $$ begin
             perform pg_advisory_xact_lock(hashtext('auditrail testkit roles'));
             {}
         end $$",
        [OWNER, APP, READER, SERVICE].map(missing).concat()
    );
    let made = sqlx::raw_sql(AssertSqlSafe(make)).execute(&mut db).await;
    made.unwrap_or_else(|e| panic!("cannot make the test roles: {e}"));
}

/// The URL of `database` on the server of `options`, as its role.
pub(crate) fn url(options: &PgConnectOptions, database: &str) -> String {
    let role = options.get_username();
    match options.get_socket() {
        Some(socket) => format!(
            "postgres://{role}@localhost/{database}?host={}&port={}",
            socket.display(),
            options.get_port()
        ),
        None => {
            format!("postgres://{role}@{}:{}/{database}", options.get_host(), options.get_port())
        }
    }
}
