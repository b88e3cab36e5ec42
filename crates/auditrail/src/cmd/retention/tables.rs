//! Rules and plans for people.

use auditrail_core::{RecordTime, RetentionRule};
use auditrail_store::RetentionPlan;

use crate::output::Output;
use crate::output::progress::count;
use crate::output::table::{Column, TextTable};

/// What a rule says.
pub(super) fn sentence(rule: &RetentionRule) -> String {
    let records = match (&rule.tenant_id, &rule.action) {
        (None, None) => "all records".to_owned(),
        (None, Some(action)) => format!("records of {action}"),
        (Some(tenant), None) => format!("records of tenant {tenant}"),
        (Some(tenant), Some(action)) => format!("records of {action} of tenant {tenant}"),
    };
    format!("{records} are kept {}", kept(rule))
}

fn kept(rule: &RetentionRule) -> String {
    match rule.keep_days {
        Some(days) => format!("for {} days", days.get()),
        None => "for ever".to_owned(),
    }
}

/// The rules as a table.
pub(super) fn rules(output: Output, rules: &[RetentionRule]) -> TextTable {
    let columns = [
        Column::whole("id", 36),
        Column::new("tenant", 12),
        Column::new("action", 16),
        Column::new("keep", 14),
        Column::optional("changed", 20, 1),
        Column::optional("by", 12, 0),
    ];
    let mut table = TextTable::new(output, columns);
    for rule in rules {
        table.row([
            rule.id.to_string(),
            rule.tenant_id.as_ref().map_or_else(|| "all".to_owned(), ToString::to_string),
            rule.action.as_ref().map_or_else(|| "all".to_owned(), ToString::to_string),
            kept(rule),
            seconds(rule.changed_at),
            rule.changed_by.to_string(),
        ]);
    }
    table
}

/// What a run would remove, as a table.
pub(super) fn plan(output: Output, plan: &RetentionPlan) -> TextTable {
    let columns = [
        Column::new("partition", 24),
        Column::new("tenant", 12),
        Column::new("action", 20),
        Column::whole("records", 9),
        Column::optional("oldest", 20, 1),
        Column::optional("newest", 20, 0),
    ];
    let mut table = TextTable::new(output, columns);
    for planned in &plan.tables {
        for group in &planned.removed {
            let is_rest = group.action.is_empty();
            table.row([
                planned.partition.clone(),
                group
                    .tenant_id
                    .clone()
                    .unwrap_or_else(|| if is_rest { "others" } else { "none" }.to_owned()),
                if is_rest { "others".to_owned() } else { group.action.clone() },
                group.records.to_string(),
                seconds(group.oldest),
                seconds(group.newest),
            ]);
        }
    }
    table
}

fn seconds(time: RecordTime) -> String {
    format!("{:.0}", time.timestamp())
}

/// The number of records of a plan, in words.
pub(super) fn records(plan: &RetentionPlan) -> String {
    count(plan.records(), "record")
}
