//! What several parts need: servers, clients, records and timing.

pub(crate) mod build;
pub(crate) mod corpus;
mod delay_proxy;
pub(crate) mod environment;
pub(crate) mod http_client;
pub(crate) mod load;
pub(crate) mod measure;
pub(crate) mod peers;
pub(crate) mod postgres_server;
pub(crate) mod process;
pub(crate) mod program;
pub(crate) mod psql;
pub(crate) mod service;
pub(crate) mod sql_client;
pub(crate) mod testbed;
pub(crate) mod transport;
