//! A witness of transparency logs by <https://c2sp.org/tlog-witness>, and the client of such witnesses.
//!
//! A witness cosigns a checkpoint of a log only if it continues the checkpoint that it has cosigned last. So a log
//! that shows different trees to different readers cannot get both cosigned.
//!
//! - [`Witness`] decides, saves and signs; [`serve`] does it over HTTP within [`Limits`].
//! - [`WitnessClient`] asks a witness and verifies its cosignatures; [`collect`] asks several at once.
//! - [`read_directory`] reads the state of a witness, [`new_key`] creates the key of one.
//!
//! The checkpoint is saved and synced before its cosignature leaves the process. What the witness cannot detect is that
//! its directory was replaced by an older copy while it did not run: it would cosign a fork from there. Do not restore
//! the directory of a witness from a backup; give the new one a new key.
//!
//! Knows nothing of audit logs, and keeps no secret but its key.

mod client;
mod clock;
mod counters;
mod known_size;
mod limits;
mod origin;
mod refused;
mod serve;
mod service;
mod state;
mod witness;

pub use client::{
    ConsistencySource, Cosigned, InvalidWitness, Outcome, WitnessClient, WitnessError, collect,
};
pub use clock::new_key;
pub use limits::Limits;
pub use origin::OriginState;
pub use refused::Refused;
pub use serve::serve;
pub use state::{InvalidState, LockError, SavedCheckpoint, StateFile, file_name, read_directory};
pub use witness::{OpenError, Witness};
