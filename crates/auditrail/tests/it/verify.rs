//! `verify`: no sandbox here has a database.

mod consistency;
mod db;
mod hostile;
mod http;
mod log;
mod proof;
mod server;
mod written;
