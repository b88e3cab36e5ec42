//! Writing for many callers at once.

mod bounds;
mod closing;
mod conflicts;
mod grouping;
mod lost_answer;
mod outage;
mod poison;
mod support;
mod vanished;
