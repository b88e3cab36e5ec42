//! Finds, starts and supervises a private PostgreSQL.
//!
//! For a program that needs a database and whose user has none set up: give it a directory, get
//! a URL. The server is an ordinary PostgreSQL, 15 or newer, that is installed on the machine; it
//! listens on a unix socket that nobody else can reach; and it is gone when the last program that
//! uses it is gone, however that ended.
//!
//! ```
//! use local_postgres::{Config, LocalPostgres};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let scratch = tempfile::tempdir()?;
//! # let dir = scratch.path();
//! // The first call makes a cluster in `dir`, which takes a second or two.
//! let config = Config::new(dir).on_event(|event| eprintln!("{event}"));
//! let postgres = LocalPostgres::open(config)?;
//!
//! postgres.ensure_database("app")?;
//! let url = postgres.url("app"); // for sqlx, tokio-postgres, psql and everything on libpq
//! assert!(url.starts_with("postgres://postgres@%2F"));
//!
//! // The last one to leave stops the server. Dropping does the same.
//! postgres.close()?;
//! # Ok(())
//! # }
//! ```
//!
//! # What it promises
//! - **Nothing acknowledged is lost.** `fsync`, `full_page_writes` and `synchronous_commit` are
//!   on, on the command line, where neither a configuration file nor `ALTER SYSTEM` can undo it,
//!   and a running server that says otherwise is refused. New clusters have checksums. The one
//!   exception is called [`Durability::NoFsyncForTests`], and marks its directory for good.
//! - **One server per directory.** Programs that open the same directory share a server. A
//!   cluster that `initdb` did not finish is never used; a server that was killed is not
//!   replaced before the last of its processes has ended.
//! - **No server is left behind**, and none is taken away from a program that still uses it.
//! - **No process is signalled by number alone.** See below how a server is recognised.
//! - **Data of another major version is never touched**: [`Error::OtherMajor`] says what to do.
//! - **Everything has a time limit**, and every error says what happened, where, and what to do.
//!
//! # How programs share a server
//! Every program that uses a server holds a share of the file lock `users`. The kernel takes a
//! share back when a program ends, also by `kill -9`. The last program that closes its handle
//! stops the server itself; for the others there is a watchdog, a shell script of a few lines
//! that sleeps in `flock` until it has `users` alone and then asks the server to shut down. The
//! signal that Linux can send to a child when its parent ends would do less: it follows the
//! thread that started the child rather than the program, it would take the server away from
//! every other program, and setting it needs unsafe code.
//!
//! The processes of the server hold a lock too, `server`: it is their standard input. So it is
//! free exactly when the last of them is gone, which no process number can tell, and a process is
//! recognised as the server of this directory by having it open. That is how a stale
//! `postmaster.pid` is told from a true one even when its number has been given to another
//! program.
//!
//! A server can outlive its users for a while ([`Config::linger`]), or until it is told to end
//! ([`start_pinned`], [`stop`]). One that somebody has started by hand on the same cluster is
//! shared, and left running.
//!
//! # Who can connect
//! Whoever can enter the socket directory, without a password: the user the server runs as, and
//! root. PostgreSQL does not run as root. Started by root, the server runs as the owner of the
//! data directory, or, when that is root, as the user `postgres` or else `nobody`; other programs
//! of *that* user can then connect as well.
//!
//! # Absent on purpose
//! - **Downloading or bundling PostgreSQL.** [`Error::NotFound`] says what to install.
//! - **TCP, passwords, TLS, replication**: use a PostgreSQL of your own for those.
//!   [`Config::loopback_for_tests`] opens a port without any of the protection they need.
//! - **Upgrading a cluster** to another major version.
//! - **Restarting a server that died** behind its users' back: they call
//!   [`LocalPostgres::open`] again.
//! - **An async interface and a driver.** Opening and closing block, for seconds at worst.
//!
//! # Limits
//! Tested on Linux. It should work on macOS and the BSDs, where there is no `/proc` to recognise
//! a process by (the lock alone has to do) and often no `flock` program, hence no watchdog: a
//! server whose users were all killed then stays until it is next used. The same holds on a Linux
//! without `flock` ([`Event::NoWatchdog`] says so). Locks work between programs on one machine,
//! so a data directory on a network disk must not be used from two. A program that PostgreSQL
//! itself runs (an `archive_command`) and that stays in the background with the standard input it
//! was given counts as a process of the server.
//!
//! # Where to start reading
//! `opening.rs` is the whole sequence; `layout.rs` says which file is what; `lock.rs`,
//! `process.rs` and `watchdog.sh` are the part that has to be right.

#[cfg(not(unix))]
compile_error!("local-postgres needs unix sockets, unix signals and flock");

mod access;
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
mod opening;
mod process;
mod server;
mod socket;
mod url;
mod wait;
mod watchdog;

pub use client::AskError;
pub use config::{Config, Durability};
pub use control::{ServerInfo, Status, StopMode, start_pinned, status, stop};
pub use error::Error;
pub use event::Event;
pub use handle::LocalPostgres;
pub use install::{Installation, Looked, Search, Version};
