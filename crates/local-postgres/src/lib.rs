//! Finds, starts and supervises a private PostgreSQL.
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
mod wait;
mod watchdog;

pub use client::AskError;
pub use config::{Config, Durability};
pub use control::{ServerInfo, Status, StopMode, start_pinned, status, stop};
pub use error::Error;
pub use event::Event;
pub use handle::LocalPostgres;
pub use install::{Installation, Looked, Search, Version};
