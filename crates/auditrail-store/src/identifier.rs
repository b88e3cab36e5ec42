//! Names in statements.

/// A name as an SQL identifier, in quotes.
pub(crate) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// The qualified name of a table of the log's schema.
pub(crate) fn table(name: &str) -> String {
    format!("control_plane.{}", quoted(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_are_doubled() {
        assert_eq!(quoted("audit_logs"), r#""audit_logs""#);
        assert_eq!(quoted(r#"a"; drop"#), r#""a""; drop""#);
        assert_eq!(table("audit_logs_x"), r#"control_plane."audit_logs_x""#);
    }
}
