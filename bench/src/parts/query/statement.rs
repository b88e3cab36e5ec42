//! The hand-written SQL for a page.

use crate::harness::http_client::End;

const COLUMNS: &str = "id, actor_id, actor_type, action, target_type, target_id, metadata, \
                       ip_address, user_agent, created_at, tenant_id, request_id";
/// Records of a page.
pub(super) const PAGE: u64 = 100;

/// The condition after `where`: first in the obvious form, then, if different, in the form that the indexes
/// support.
pub(super) fn conditions(parameters: &str) -> Vec<String> {
    let pairs: Vec<_> = parameters.split('&').filter_map(|pair| pair.split_once('=')).collect();
    let join = |condition: fn(&str, &str) -> String| {
        let all: Vec<_> = pairs.iter().map(|(name, value)| condition(name, value)).collect();
        if all.is_empty() { "true".to_owned() } else { all.join(" and ") }
    };
    let mut ways = vec![join(obvious), join(by_index)];
    ways.dedup();
    ways
}

/// The statement for the first page, or for the one after `after`.
pub(super) fn page(conditions: &str, after: Option<&End>) -> String {
    let after = after.map_or_else(String::new, |End { id, created_at, .. }| {
        format!(" and (created_at, id) < ('{created_at}', '{id}')")
    });
    format!(
        "select {COLUMNS} from control_plane.audit_logs where {conditions}{after} \
         order by created_at desc, id desc limit {PAGE}"
    )
}

/// A missing record over HTTP and in SQL: the cost of any request.
pub(super) const MISS: (&str, &str) = (
    "/v1/audit-logs/00000000-0000-7000-8000-000000000000",
    "select from control_plane.audit_logs where id = '00000000-0000-7000-8000-000000000000'",
);

/// The whole log in the order of an export.
pub(super) fn everything() -> String {
    format!("select {COLUMNS} from control_plane.audit_logs order by created_at, id")
}

fn obvious(name: &str, value: &str) -> String {
    let text = literal(value);
    match (name, value.strip_suffix('*')) {
        ("start_date", _) => format!("created_at >= {text}"),
        ("end_date", _) => format!("created_at < {text}"),
        ("action", Some(prefix)) => format!("action like {}", literal(&format!("{prefix}%"))),
        ("ip_address", _) if value.contains('/') => format!("ip_address <<= {text}"),
        _ => match name.strip_prefix("metadata.") {
            Some(key) => format!("metadata ->> {} = {text}", literal(key)),
            None => format!("{name} = {text}"),
        },
    }
}

fn by_index(name: &str, value: &str) -> String {
    let text = literal(value);
    match (name, value.strip_suffix('*'), name.strip_prefix("metadata.")) {
        ("action", None, _) => format!("action collate \"C\" = {text}"),
        ("action", Some(prefix), _) => {
            // `/` follows `.`, with which a prefix ends.
            let end = literal(&format!("{}/", prefix.trim_end_matches('.')));
            let start = literal(prefix);
            format!("action collate \"C\" >= {start} and action collate \"C\" < {end}")
        }
        (_, _, Some(key)) if value.bytes().all(|byte| byte.is_ascii_digit()) => {
            format!("metadata @> {}", literal(&format!("{{\"{key}\": {value}}}")))
        }
        (_, _, Some(key)) => {
            format!("metadata @> {}", literal(&format!("{{\"{key}\": \"{value}\"}}")))
        }
        _ => obvious(name, value),
    }
}

fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_become_conditions() {
        assert_eq!(conditions(""), ["true"]);
        assert_eq!(
            conditions("tenant_id=t&ip_address=10.0.0.0/8"),
            ["tenant_id = 't' and ip_address <<= '10.0.0.0/8'"]
        );
        assert_eq!(
            conditions("start_date=2026-01-01T00:00:00Z")[0],
            "created_at >= '2026-01-01T00:00:00Z'"
        );
    }

    #[test]
    fn indexed_form_may_differ() {
        assert_eq!(
            conditions("action=key.*"),
            [
                "action like 'key.%'",
                "action collate \"C\" >= 'key.' and action collate \"C\" < 'key/'"
            ]
        );
        assert_eq!(
            conditions("metadata.status=500"),
            ["metadata ->> 'status' = '500'", "metadata @> '{\"status\": 500}'"]
        );
        assert_eq!(conditions("metadata.plan=it's")[1], "metadata @> '{\"plan\": \"it''s\"}'");
    }

    #[test]
    fn later_page_starts_after_the_last_record() {
        let (id, created_at) = ("an-id".to_owned(), "a-time".to_owned());
        let end = End { id, created_at, ..End::default() };
        assert!(
            page("true", Some(&end))
                .contains("where true and (created_at, id) < ('a-time', 'an-id') order")
        );
        assert!(
            page("true", None).ends_with("where true order by created_at desc, id desc limit 100")
        );
    }
}
