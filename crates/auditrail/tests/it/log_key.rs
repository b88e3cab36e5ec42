//! `log-key`, and the key file of `serve`.

mod changes;
mod files;
mod serving;
