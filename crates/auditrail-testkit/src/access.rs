//! A superuser's way into a PostgreSQL of the tests, over each transport.

use std::path::{Path, PathBuf};

use local_postgres::LocalPostgres;
use sqlx::AssertSqlSafe;
use sqlx::postgres::{PgConnectOptions, PgSslMode};

use crate::connection::connect;
use crate::roles::{APP, OWNER, READER, SERVICE};
use crate::transport::Transport;

/// The options to connect with.
#[derive(Clone, Debug)]
pub(crate) struct Access {
    /// Without a detour, for what a test does not try: making databases and dropping them.
    pub(crate) direct: PgConnectOptions,
    /// The listener of a server of ours.
    loopback: Option<Listener>,
}

#[derive(Clone, Debug)]
struct Listener {
    port: u16,
    /// The same for each role.
    password: String,
    certificate: PathBuf,
}

impl Access {
    /// Into a server that others run; makes the roles.
    pub(crate) async fn external(direct: PgConnectOptions) -> Self {
        make(&direct, &roles()).await;
        Self { direct, loopback: None }
    }

    /// Into a server of ours; makes the roles, and gives each a password.
    pub(crate) async fn private(server: &LocalPostgres) -> Self {
        let url = server.url("postgres");
        let direct: PgConnectOptions =
            url.parse().unwrap_or_else(|e| panic!("no URL of a database: {e}"));
        make(&direct, &format!("{} {}", roles(), passwords())).await;
        let password = sqlx::query_scalar("select password from public.testkit_password");
        let password = password.fetch_one(&mut connect(&direct).await).await;
        let password = password.unwrap_or_else(|e| panic!("the roles have no password: {e}"));
        Self { loopback: Some(listener(server, password)), direct }
    }

    /// Into a standby of this server, which has its roles and their passwords.
    pub(crate) fn standby(&self, server: &LocalPostgres) -> Self {
        let password = self.loopback.as_ref().map(|loopback| loopback.password.clone());
        let direct = self.direct.clone().socket(server.socket_dir()).port(server.port());
        Self { direct, loopback: password.map(|password| listener(server, password)) }
    }

    /// What carries the connections: as wanted, but to a server that others run as its URL says.
    pub(crate) fn transport(&self, wanted: Transport) -> Transport {
        match (&self.loopback, self.direct.get_socket()) {
            (Some(_), _) => wanted,
            (None, Some(_)) => Transport::Unix,
            (None, None) => Transport::Tcp,
        }
    }

    /// The superuser's options over this transport.
    pub(crate) fn over(&self, transport: Transport) -> PgConnectOptions {
        let (Some(loopback), Transport::Tcp | Transport::Tls) = (&self.loopback, transport) else {
            return self.direct.clone();
        };
        let options = PgConnectOptions::new_without_pgpass()
            .host("127.0.0.1")
            .port(loopback.port)
            .username(self.direct.get_username())
            .password(&loopback.password)
            .database(self.direct.get_database().unwrap_or("postgres"));
        match transport {
            Transport::Tls => options
                .ssl_mode(PgSslMode::VerifyFull)
                .ssl_root_cert(Path::new(&loopback.certificate)),
            // Else it would take the TLS that the server offers.
            Transport::Unix | Transport::Tcp => options.ssl_mode(PgSslMode::Disable),
        }
    }
}

fn listener(server: &LocalPostgres, password: String) -> Listener {
    let listener = server.loopback_port().zip(server.loopback_certificate());
    let (port, certificate) = listener.unwrap_or_else(|| {
        let dir = server.dir().display();
        panic!("the server in {dir} was started by an older test without TCP; it ends two minutes after its last user")
    });
    Listener { port, password, certificate }
}

/// Runs statements; test processes start at the same time, so they take turns.
async fn make(admin: &PgConnectOptions, statements: &str) {
    let block = format!(
        "do $$ declare secret text; begin
             perform pg_advisory_xact_lock(hashtext('auditrail testkit roles'));
             {statements}
         end $$"
    );
    let made = sqlx::raw_sql(AssertSqlSafe(block)).execute(&mut connect(admin).await).await;
    made.unwrap_or_else(|e| panic!("cannot make the test roles: {e}"));
}

fn roles() -> String {
    let missing = |role: &str| {
        format!(
            "if not exists (select from pg_roles where rolname = '{role}') then
                 create role {role} login;
             end if;"
        )
    };
    [OWNER, APP, READER, SERVICE].map(missing).concat()
}

/// A random password, which the server keeps for all test processes where only a superuser can read it.
fn passwords() -> String {
    let set = ["postgres", OWNER, APP, READER, SERVICE]
        .map(|role| format!("execute format('alter role {role} password %L', secret);"));
    format!(
        "if to_regclass('public.testkit_password') is null then
             secret := replace(gen_random_uuid()::text, '-', '');
             {}
             create table public.testkit_password as select secret as password;
         end if;",
        set.concat()
    )
}
