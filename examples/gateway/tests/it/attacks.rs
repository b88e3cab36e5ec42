//! Requests that try to pass the gateway without their record, or with a wrong one.

mod addresses;
mod bodies;
mod gateway;
mod paths;
mod spools;
