//! The group commit.

mod close;
mod conflicts;
mod grouping;
mod limits;
mod lost_response;
mod outage;
mod rejected_records;
mod support;
mod vanished_records;
