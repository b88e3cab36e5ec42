//! A log that `auditrail serve` has written and signed, with a private PostgreSQL.

use std::fs;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::error::{Error, Result};
use crate::service::Service;
use crate::sh::Sh;
use crate::workspace::Workspace;
use crate::{db, postgres};

/// Two full bundles and a partial one.
const RECORDS: u64 = 600;
/// How long until a checkpoint has the records.
const WAIT: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(100);

/// A running service with a signed log.
pub(super) struct Served {
    service: Service,
    /// Of the log.
    pub(super) url: String,
    /// An API key with the scope `verify` alone.
    pub(super) api_key: String,
    /// The verifier key of the log.
    pub(super) key: String,
}

impl Served {
    /// Starts a service with records in this empty directory, and waits until they are signed.
    pub(super) fn start(workspace: &Workspace, dir: &Path) -> Result<Self> {
        let postgres = postgres::ensure(workspace)?;
        let program = db::build(workspace)?;
        let auditrail = || {
            Sh::new(&program)
                .arg("--data-dir")
                .arg(dir.join("data"))
                .without_env("DATABASE_URL")
                .quiet_env(postgres::BIN, &postgres.bin)
                .quiet_env("AUDITRAIL_LOG", "error")
                .dir(dir)
        };
        let listen = ["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"];
        let serve = auditrail().args(["serve", "--json", "--quiet"]).args(listen);
        let service = Service::start(serve)?;
        let url = format!("{}/v1/log", service.ready("/listen")?);
        let file = dir.join("records.ndjson");
        fs::write(&file, records()).map_err(Error::doing("write records"))?;
        auditrail().args(["import", "--quiet", "--format", "ndjson"]).arg(&file).quietly()?;
        let create = ["key", "create", "--quiet", "--scope", "verify"];
        let api_key = auditrail().args(create).read()?.trim().to_owned();
        let key = signed(|| auditrail().args(["log-key", "show", "--json"]).read())?;
        Ok(Self { service, url, api_key, key })
    }

    pub(super) fn stop(self) -> Result<()> {
        self.service.stop()
    }
}

/// Waits until the last checkpoint has the records, and returns the verifier key.
#[expect(clippy::disallowed_methods, reason = "a service does not say when it has signed")]
fn signed(show: impl Fn() -> Result<String>) -> Result<String> {
    let started = Instant::now();
    loop {
        let shown: Value = serde_json::from_str(&show()?).unwrap_or_default();
        if shown["size"].as_u64() >= Some(RECORDS) {
            let key = shown["verifier_keys"][0].as_str();
            return key.map(ToOwned::to_owned).ok_or_else(|| Error::Refused(shown.to_string()));
        }
        if started.elapsed() > WAIT {
            return Err(Error::Refused(format!("{RECORDS} records were not signed: {shown}")));
        }
        sleep(PAUSE);
    }
}

fn records() -> String {
    (0..RECORDS).fold(String::new(), |lines, number| {
        let record = json!({
            "actor_type": "user", "actor_id": "u1", "action": "project.created",
            "target_type": "project", "target_id": format!("p{number}"),
            "created_at": "2026-01-02T03:04:05Z",
        });
        lines + &record.to_string() + "\n"
    })
}
