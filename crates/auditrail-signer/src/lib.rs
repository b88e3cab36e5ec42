//! The key that signs the checkpoints of a transparency log, and its memory of what it has signed.
//!
//! A *key file* has one or more Ed25519 keys as text, each in a line as [`tlog::SigningKey::to_secret_text`] writes it, the
//! newest first. All have the same name, the origin of the log. Several sign while a key is replaced by the next one.
//! Lines that begin with `#` are comments.
//!
//! Beside it is the *memory*, `FILE.signed`: the last checkpoint that was signed. It is outside the database on purpose. A
//! database that was rolled back or restored to an earlier state can contradict a checkpoint that people have already,
//! and the database itself cannot know. So before anything is signed, the log must have the root of the memory at the
//! size of the memory, and the memory is on disk before the new checkpoint is given to anyone. A missing memory is an
//! error, never a fresh start. `FILE.lock` lets one process at a time sign.
//!
//! A copy of both files on another host would not see what the first one signs: a key belongs on one host. A memory that
//! was restored to an earlier state together with the database detects nothing.
//!
//! Does no I/O but on these files, and knows nothing of databases.

mod error;
mod file;
mod key_file;
mod memory;
mod random;
mod signer;
mod start;

pub use error::SignerError;
pub use key_file::KeyFile;
pub use signer::{Recovered, Signed, Signer, Signing};
pub use start::create;
