//! A transparency log as RFC 6962 and the specifications of C2SP describe it: the tree of hashes, its tiles, and
//! what a log, its witnesses and those who verify exchange.
//!
//! No I/O, no clock, no random numbers: the bytes come from the caller, and so does the time. What reads nodes of a
//! tree first says which tiles it needs, so that they may come from a database, a directory or a server, in one
//! request or in many.
//!
//! - [`struct@Hash`], [`leaf_hash`] and [`node_hash`]: the hashes of RFC 6962.
//! - [`Edge`] appends leaves and completes tiles; [`inclusion`] and [`consistency`] are proofs, made from [`Tiles`].
//! - [`CompactRange`]: leaves side by side, of which some are known by the hashes of subtrees alone.
//! - [`TilePath`] and [`bundle`]: the resources of a log by <https://c2sp.org/tlog-tiles>.
//! - [`SignedNote`], [`SigningKey`] and [`VerifierKey`]: <https://c2sp.org/signed-note>.
//! - [`Checkpoint`]: <https://c2sp.org/tlog-checkpoint>; cosignatures: <https://c2sp.org/tlog-cosignature>.
//! - [`ProofFile`]: <https://c2sp.org/tlog-proof>.
//! - [`Policy`], which keys are trusted: <https://c2sp.org/tlog-policy>.
//! - [`witness`]: <https://c2sp.org/tlog-witness>.
//!
//! Every parser takes bytes from strangers: it accepts one form of each value, needs memory in proportion to its
//! input, and never panics.

#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod bundle;
mod checkpoint;
pub mod consistency;
mod edge;
mod hash;
pub mod inclusion;
mod key;
mod note;
mod number;
mod policy;
mod proof_file;
mod range;
mod span;
mod tile;
mod tiles;
pub mod witness;

pub use checkpoint::{Checkpoint, CheckpointError};
pub use edge::{Edge, EdgeError};
pub use hash::{EMPTY_ROOT, Hash, InvalidHash, leaf_hash, node_hash};
pub use key::{Algorithm, InvalidKey, KeyName, SigningKey, VerifierKey};
pub use note::{NoteError, NoteSignature, SignatureError, SignedNote, Verified};
pub use policy::{Accepted, Cosignature, Policy, PolicyError, Rejected};
pub use proof_file::{ProofFile, ProofFileError};
pub use range::{CompactRange, RangeError};
pub use span::{NodeId, Span};
pub use tile::{FULL_WIDTH, InvalidTilePath, Resource, TilePath};
pub use tiles::{MissingNode, Tiles, tiles_of, tiles_of_range};

/// The largest size of a tree: 2⁶³ − 1, as Go's implementations have it.
pub const SIZE_MAX: u64 = i64::MAX as u64;
/// The longest proof, in hashes: the height of the largest tree.
pub const PROOF_MAX: usize = 63;
