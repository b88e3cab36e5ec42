//! Retention: rules that say how long records are kept, and runs that remove the others.
//!
//! [`PgRetention`] manages the rules, with the privileges of the service; every change of a rule is recorded in the
//! same transaction. [`RetentionRun`] removes records and needs the owner of the log.

mod rules;
mod run;

pub use rules::{PgRetention, RuleChange};
pub use run::{
    RemovedRecords, RetentionDue, RetentionError, RetentionOptions, RetentionPlan, RetentionReport,
    RetentionRun, RetentionStep, RunLimits, TablePlan,
};
