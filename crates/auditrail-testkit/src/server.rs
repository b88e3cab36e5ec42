//! The PostgreSQL all tests share: the one `AUDITRAIL_TEST_URL` names.

use std::env;
use std::str::FromStr;

use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, PgConnection};
use tokio::sync::OnceCell;

/// The role that owns each test database.
pub(crate) const OWNER: &str = "auditrail_owner";
/// The role of an application.
pub(crate) const APP: &str = "auditrail_app";

/// A server that tests may do anything with.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) admin: PgConnectOptions,
}

/// The server, with the roles the tests need.
pub(crate) async fn get() -> &'static Server {
    static SERVER: OnceCell<Server> = OnceCell::const_new();
    SERVER.get_or_init(start).await
}

async fn start() -> Server {
    let url = env::var("AUDITRAIL_TEST_URL").unwrap_or_else(|_| panic!("set AUDITRAIL_TEST_URL"));
    let admin = PgConnectOptions::from_str(&url)
        .unwrap_or_else(|e| panic!("AUDITRAIL_TEST_URL is not a database URL: {e}"));
    let server = Server { admin };
    make_roles(&server.admin).await;
    server
}

/// Makes the roles; test processes start at the same time, so losing the race is fine.
async fn make_roles(admin: &PgConnectOptions) {
    let mut db = PgConnection::connect_with(admin)
        .await
        .unwrap_or_else(|e| panic!("cannot connect to the test server: {e}"));
    let made = sqlx::raw_sql(
        "do $$ begin
             perform pg_advisory_xact_lock(hashtext('auditrail testkit roles'));
             if not exists (select from pg_roles where rolname = 'auditrail_owner') then
                 create role auditrail_owner login;
             end if;
             if not exists (select from pg_roles where rolname = 'auditrail_app') then
                 create role auditrail_app login;
             end if;
         end $$",
    )
    .execute(&mut db)
    .await;
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
            format!(
                "postgres://{role}@{}:{}/{database}",
                options.get_host(),
                options.get_port()
            )
        }
    }
}
