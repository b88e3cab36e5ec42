//! The proof of a record of the incident: it is made and verified, then the record is changed as an administrator of the
//! database could, and the change is found.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::Value;
use ureq::Agent;

use super::queries::{LEAKED_KEY, NIGHT};
use super::{Demo, psql, serve};
use crate::error::{Error, Result};

const POLL_INTERVAL: Duration = Duration::from_millis(100);
/// How long it may take until a checkpoint that has the record is signed.
const SIGNING_TIMEOUT: Duration = Duration::from_secs(60);
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// What the administrator writes in place of the address: it is that of an office.
const OTHER_ADDRESS: &str = "192.0.2.10";
/// What `verify db` exits with if something differs.
const DIFFERS: i32 = 4;

/// A record of the incident, and where its proof is saved.
struct Evidence<'a> {
    demo: &'a Demo,
    id: String,
    address: String,
    policy: PathBuf,
    proof: PathBuf,
}

/// The service, to an auditor.
struct Auditor {
    agent: Agent,
    base: String,
    authorization: String,
}

pub(super) fn run(demo: &Demo) -> Result<()> {
    println!("\n# Can that be proved to others? Each record becomes an entry of a signed log");
    demo.auditrail().args(["sequence", "--once"]).show_and_run()?;
    let evidence = Evidence::find(demo)?;
    // Before the service starts: an empty list of keys would make it create one with every scope.
    let create = ["key", "create", "--scope", "read", "--name", "auditor", "--expires", "7d"];
    let key = demo.auditrail().args(create).read()?;
    let log = serve(demo, "127.0.0.1:0")?;
    let auditor = Auditor::new(log.ready("/listen")?, key.trim());
    evidence.save(&auditor)?;
    let found = evidence.change_and_find(&auditor);
    // Also after a failure, so that the next run finds the record as it was.
    let restored = evidence.restore(&auditor);
    log.stop()?;
    found.and(restored)
}

impl<'a> Evidence<'a> {
    /// The first secret that was read with the leaked key that night.
    fn find(demo: &'a Demo) -> Result<Self> {
        let (actor, [since, until]) = (format!("api_key:{LEAKED_KEY}"), NIGHT);
        let filters = ["--actor", &actor, "--action", "secret.accessed", "--since", since];
        let page = ["--until", until, "--order", "asc", "--limit", "1"];
        let found = demo.auditrail().args(["--json", "query"]).args(filters).args(page).read()?;
        let record: Value = serde_json::from_str(&found).unwrap_or_default();
        let text = |name: &str| record[name].as_str().map(ToOwned::to_owned);
        let missing = || Error::Refused(format!("not a record of the incident: {found:?}"));
        let id = text("id").ok_or_else(missing)?;
        let address = text("ip_address").ok_or_else(missing)?;
        let file = |name: &str| demo.short(&demo.dir.join(name));
        Ok(Self { demo, id, address, policy: file("trusted.policy"), proof: file("proof.json") })
    }

    /// Saves and verifies the proof of the record, and the keys that are trusted.
    fn save(&self, auditor: &Auditor) -> Result<()> {
        println!("\n# The proof of a secret that was read that night");
        let proof = auditor.wait_for_proof(&self.id)?;
        self.write(&self.proof, &proof)?;
        let policy = self.demo.auditrail().args(["log-key", "show", "--policy"]).shown().read()?;
        print!("{policy}");
        self.write(&self.policy, &policy)?;
        self.verify()
    }

    /// Changes the record in the database; the service and a comparison find that, and the proof still has what was there.
    fn change_and_find(&self, auditor: &Auditor) -> Result<()> {
        println!("\n# An administrator of the database opens the guard and changes the address");
        self.set_address(OTHER_ADDRESS)?;
        self.demo.auditrail().args(["show", &self.id]).show_and_run()?;
        println!("\n# The service refuses to prove that");
        let (status, problem) = auditor.get(&self.id)?;
        println!("{problem}");
        if status != 500 || !problem.contains("altered_record") {
            return Err(Error::Refused(format!("the changed record was not found: {status}")));
        }
        println!("\n# A comparison of the database with the log names the record");
        let code = self.demo.auditrail().args(["verify", "db"]).shown().exit_code()?;
        if code != Some(DIFFERS) {
            return Err(Error::Refused(format!("`verify db` exits with {code:?}")));
        }
        println!("\n# The proof from before is valid, needs no database, and has the address");
        self.verify()
    }

    /// With its old values the record can be proved again.
    fn restore(&self, auditor: &Auditor) -> Result<()> {
        println!("\n# Restored, the record can be proved again");
        self.set_address(&self.address)?;
        match auditor.get(&self.id)? {
            (200, _) => Ok(()),
            (status, problem) => Err(Error::Refused(format!("not restored: {status} {problem}"))),
        }
    }

    fn verify(&self) -> Result<()> {
        let verify = self.demo.auditrail().args(["verify", "proof", "--policy"]);
        verify.arg(&self.policy).arg(&self.proof).show_and_run()
    }

    fn set_address(&self, address: &str) -> Result<()> {
        let Self { demo, id, .. } = self;
        psql(
            demo,
            &format!(
                "begin; set local auditrail.maintenance = 'erasure'; \
                 update control_plane.audit_logs set ip_address = '{address}' where id = '{id}'; \
                 commit"
            ),
        )
    }

    fn write(&self, path: &Path, text: &str) -> Result<()> {
        let doing = Error::doing(format!("write {}", path.display()));
        fs::write(self.demo.root.join(path), text).map_err(doing)
    }
}

impl Auditor {
    fn new(base: String, key: &str) -> Self {
        let config = Agent::config_builder().http_status_as_error(false);
        let agent = config.timeout_global(Some(REQUEST_TIMEOUT)).build().new_agent();
        Self { agent, base, authorization: format!("Bearer {key}") }
    }

    fn wait_for_proof(&self, id: &str) -> Result<String> {
        let start = Instant::now();
        loop {
            match self.request(id)? {
                (200, proof) => {
                    self.print(id, 200);
                    return Ok(proof);
                }
                (503, _) if start.elapsed() < SIGNING_TIMEOUT => {
                    #[expect(
                        clippy::disallowed_methods,
                        reason = "another process offers no event to wait for"
                    )]
                    std::thread::sleep(POLL_INTERVAL);
                }
                (status, problem) => {
                    return Err(Error::Refused(format!("no proof: {status} {problem}")));
                }
            }
        }
    }

    /// Requests the proof and prints the status.
    fn get(&self, id: &str) -> Result<(u16, String)> {
        let response = self.request(id)?;
        self.print(id, response.0);
        Ok(response)
    }

    fn print(&self, id: &str, status: u16) {
        println!("\nGET {}/v1/audit-logs/{id}/proof  {status}", self.base);
    }

    fn request(&self, id: &str) -> Result<(u16, String)> {
        let url = format!("{}/v1/audit-logs/{id}/proof", self.base);
        let request = self.agent.get(&url).header("authorization", &self.authorization);
        let refused = |error: ureq::Error| Error::Refused(format!("no response: {url}: {error}"));
        let mut response = request.call().map_err(refused)?;
        let body = response.body_mut().read_to_string().map_err(refused)?;
        Ok((response.status().as_u16(), body))
    }
}
