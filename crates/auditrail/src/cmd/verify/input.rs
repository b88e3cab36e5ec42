//! Files that are verified or trusted, and what their verification found.

use std::fs::File;
use std::io::{Read, stdin};
use std::path::Path;

use serde_json::{Value, json};
use tlog::{Accepted, Policy, Rejected, SignedNote};
use tokio::runtime::{Builder, Runtime};

use crate::cli::PolicyArgs;
use crate::error::Error;

/// Most bytes of a file that are read: each parser refuses less.
const FILE_MAX: u64 = 8 * 1024 * 1024;

/// Reads the policy.
pub(super) fn policy(args: &PolicyArgs) -> Result<Policy, Error> {
    policy_at(&args.file)
}

/// Reads the policy in a file.
pub(super) fn policy_at(path: &Path) -> Result<Policy, Error> {
    Policy::parse(&read(path)?).map_err(|error| invalid(format!("{}: {error}", path.display())))
}

/// Reads a file, or stdin for `-`, up to a size that every parser refuses.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    let read = if path == Path::new("-") {
        stdin().take(FILE_MAX).read_to_end(&mut bytes)
    } else {
        File::open(path).and_then(|file| file.take(FILE_MAX).read_to_end(&mut bytes))
    };
    read.map_err(Error::io("read", path))?;
    Ok(bytes)
}

/// A checkpoint that the policy trusts, with the name of its file.
pub(super) struct Named {
    pub(super) file: String,
    pub(super) accepted: Accepted,
}

impl Named {
    /// Reads and verifies a file.
    pub(super) fn read(policy: &Policy, path: &Path) -> Result<Self, Error> {
        let file = path.display().to_string();
        let accepted = accepted(policy, &file, &read(path)?)?;
        Ok(Self { file, accepted })
    }

    pub(super) fn size(&self) -> u64 {
        self.accepted.checkpoint.size()
    }
}

/// Verifies a checkpoint. `name` is where it comes from, for messages.
pub(super) fn accepted(policy: &Policy, name: &str, bytes: &[u8]) -> Result<Accepted, Error> {
    let note = SignedNote::parse(bytes).map_err(|error| Rejected::Checkpoint(error.into()));
    let accepted = note.and_then(|note| policy.verify(&note));
    accepted.map_err(|error| invalid(format!("{name}: not valid: {error}")))
}

/// The cosignatures of a checkpoint, for `--json`.
pub(super) fn cosignatures(accepted: &Accepted) -> Vec<Value> {
    let cosignatures = accepted.cosignatures.iter();
    cosignatures.map(|one| json!({"witness": one.witness, "time": one.time})).collect()
}

/// What is not valid, in a sentence.
pub(super) fn invalid(detail: impl Into<String>) -> Error {
    Error::VerificationFailed { detail: detail.into() }
}

/// Runs requests. One thread is enough: they are bounded by the network, and verification by one tree.
pub(super) fn runtime() -> Result<Runtime, Error> {
    let runtime = Builder::new_current_thread().enable_all().build();
    runtime.map_err(Error::startup("cannot start the async runtime"))
}
