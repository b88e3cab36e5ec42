//! Finds, starts and supervises a private PostgreSQL.
//!
//! For programs that need a database without requiring the user to set one up: pass a directory, get a URL.
//! The server is an installed PostgreSQL, 15 or newer. It listens on a private unix socket, and stops when the
//! last program that uses it has ended, for any reason.
//!
//! ```
//! use local_postgres::{Config, LocalPostgres};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let scratch = tempfile::tempdir()?;
//! # let dir = scratch.path();
//! // The first call creates a cluster in `dir`, which takes a second or two.
//! let config = Config::new(dir).on_event(|event| eprintln!("{event}"));
//! let postgres = LocalPostgres::open(config)?;
//!
//! postgres.ensure_database("app")?;
//! let url = postgres.url("app"); // for sqlx, tokio-postgres, psql and everything on libpq
//! assert!(url.starts_with("postgres://postgres@%2F"));
//!
//! // Closing the last handle stops the server. Dropping does the same.
//! postgres.close()?;
//! # Ok(())
//! # }
//! ```
//!
//! # Guarantees
//! - **No acknowledged write is lost.** `fsync`, `full_page_writes` and `synchronous_commit` are on, set on the
//!   command line, which configuration files and `ALTER SYSTEM` cannot override; a running server with other
//!   values is rejected. New clusters have checksums. The exception, [`Durability::NoFsyncForTests`], marks its
//!   directory permanently.
//! - **One server per directory.** Programs that open the same directory share a server. An unfinished cluster
//!   is never used, and a killed server is not replaced before its last process has exited.
//! - **Servers do not outlive their users**, and are not stopped while a program uses them.
//! - **Processes are never signalled by number alone**; see below how a server is identified.
//! - **Data of another major version is never touched**: see [`Error::OtherMajor`].
//! - **Every operation has a timeout**, and every error states the problem, the path and the next step.
//!
//! # How programs share a server
//! Every program that uses a server holds the shared file lock `users`, which the kernel releases when the
//! program ends, even by `kill -9`. The program that closes the last handle stops the server. If programs are
//! killed, a watchdog does: a short shell script that sleeps in `flock` until it has `users` exclusively, and then
//! shuts the server down. `PR_SET_PDEATHSIG` of Linux is not sufficient: it follows the thread that started the
//! child instead of the program, would stop the server for all other programs, and requires unsafe code.
//!
//! The processes of the server hold the lock `server` as their standard input. So it is free exactly when the last
//! of them has exited, which a process id cannot show, and a process is identified as the server of this directory
//! by this open file. That is how a stale `postmaster.pid` is detected even if its process id has been reused.
//!
//! A server can outlive its users for some time ([`Config::linger`]), or until it is stopped ([`start_pinned`],
//! [`stop`]). A server that was started manually on the same cluster is shared, and not stopped.
//!
//! # Access control
//! Users who can enter the socket directory connect without a password: the user that the server runs as, and
//! root. PostgreSQL does not run as root. If root starts it, the server runs as the owner of the data directory,
//! or, if that is root, as the user `postgres`; other programs of that user can then connect too. `nobody` is not used
//! for new directories, because unrelated daemons run as that user ([`Error::NoAccount`]).
//!
//! If root runs a program with this crate, the user of the server is not trusted: root runs no program of the
//! installation, not even `postgres --version`; it reads the files of that user only if they are regular and small, and
//! follows no links of that user.
//!
//! [`Config::loopback`] adds a listener on 127.0.0.1, for tests over TCP and TLS. Every user of the machine can
//! connect to it, so it requires a password (SCRAM-SHA-256), which no role has until it is set through the socket.
//!
//! # Out of scope
//! - **Downloading or bundling PostgreSQL.** [`Error::NotFound`] lists packages to install.
//! - **Listeners on other addresses, password policies, replication**: use a server of your own.
//! - **Upgrading a cluster** to another major version.
//! - **Restarting a crashed server automatically**: call [`LocalPostgres::open`] again.
//! - **An async interface and a driver.** Opening and closing block, for seconds at most.
//!
//! # Limits
//! Tested on Linux. It should work on macOS and the BSDs, which have no `/proc` to identify processes (the lock
//! must suffice) and often no `flock` program, hence no watchdog: a server whose users were all killed keeps
//! running until its next use. The same applies to Linux without `flock` ([`Event::NoWatchdog`]). Locks work
//! between programs on one machine, so a data directory on a network disk must not be used from two. A program
//! that PostgreSQL runs (an `archive_command`) and that stays in the background with its standard input counts as
//! a process of the server.
//!
//! # Where to start reading
//! `opening.rs` contains the whole sequence; `layout.rs` lists the files; `lock.rs`, `process.rs` and `watchdog.sh`
//! are critical for correctness.

#[cfg(not(unix))]
compile_error!("local-postgres needs unix sockets, unix signals and flock");

mod account;
mod client;
mod cluster;
mod config;
mod control;
mod error;
mod event;
mod handle;
mod install;
mod layout;
mod lock;
mod log;
mod loopback;
mod opening;
mod process;
mod searched;
mod server;
mod socket;
mod url;
mod version;
mod wait;
mod watchdog;

pub use client::QueryError;
pub use config::{Config, Durability};
pub use control::{ServerInfo, Status, StopMode, start_pinned, status, stop};
pub use error::Error;
pub use event::Event;
pub use handle::LocalPostgres;
pub use install::{Installation, Search};
pub use loopback::Loopback;
pub use searched::SearchedDir;
pub use version::Version;
