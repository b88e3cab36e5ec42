//! Connection options of a superuser, for each transport.

use std::path::{Path, PathBuf};

use local_postgres::LocalPostgres;
use sqlx::AssertSqlSafe;
use sqlx::postgres::{PgConnectOptions, PgSslMode};

use crate::connection::connect;
use crate::roles::{APP, OWNER, READER, SERVICE};
use crate::transport::Transport;

/// Connection options for a server.
#[derive(Clone, Debug)]
pub(crate) struct Access {
    /// Independent of the transport under test, for creating and dropping databases.
    pub(crate) direct: PgConnectOptions,
    /// The TCP listener of a private server.
    loopback: Option<Listener>,
}

#[derive(Clone, Debug)]
struct Listener {
    port: u16,
    /// The password of all roles.
    password: String,
    certificate: PathBuf,
}

impl Access {
    /// For the server in `AUDITRAIL_TEST_URL`; creates the roles.
    pub(crate) async fn external(direct: PgConnectOptions) -> Self {
        run_locked(&direct, &roles()).await;
        Self { direct, loopback: None }
    }

    /// For a private server; creates the roles with a password.
    pub(crate) async fn private(server: &LocalPostgres) -> Self {
        let url = server.url("postgres");
        let direct: PgConnectOptions =
            url.parse().unwrap_or_else(|e| panic!("not a database URL: {e}"));
        run_locked(&direct, &format!("{} {}", roles(), passwords())).await;
        let password = sqlx::query_scalar("select password from public.testkit_password");
        let password = password
            .fetch_one(&mut connect(&direct).await)
            .await
            .unwrap_or_else(|e| panic!("the roles have no password: {e}"));
        Self { loopback: Some(listener(server, password)), direct }
    }

    /// For a standby of this server, with the same roles and password.
    pub(crate) fn standby(&self, server: &LocalPostgres) -> Self {
        let password = self.loopback.as_ref().map(|loopback| loopback.password.clone());
        let direct = self.direct.clone().socket(server.socket_dir()).port(server.port());
        Self { direct, loopback: password.map(|password| listener(server, password)) }
    }

    /// The transport: the given one for a private server, else that of the URL.
    pub(crate) fn transport(&self, requested: Transport) -> Transport {
        match (&self.loopback, self.direct.get_socket()) {
            (Some(_), _) => requested,
            (None, Some(_)) => Transport::Unix,
            (None, None) => Transport::Tcp,
        }
    }

    /// The superuser's options over a transport.
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
            // Without this sqlx would use TLS, which the server offers.
            Transport::Unix | Transport::Tcp => options.ssl_mode(PgSslMode::Disable),
        }
    }
}

fn listener(server: &LocalPostgres, password: String) -> Listener {
    let listener = server.loopback_port().zip(server.loopback_certificate());
    let (port, certificate) = listener.unwrap_or_else(|| {
        let dir = server.dir().display();
        panic!("the server in {dir} was started by older tests without TCP; it stops two minutes after its last user")
    });
    Listener { port, password, certificate }
}

/// Runs statements under a lock, because test processes start concurrently.
async fn run_locked(admin: &PgConnectOptions, statements: &str) {
    let block = format!(
        "do $$ declare secret text; begin
             perform pg_advisory_xact_lock(hashtext('auditrail testkit roles'));
             {statements}
         end $$"
    );
    sqlx::raw_sql(AssertSqlSafe(block))
        .execute(&mut connect(admin).await)
        .await
        .unwrap_or_else(|e| panic!("cannot create the test roles: {e}"));
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

/// Sets a random password, stored where only a superuser can read it, for all test processes.
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
