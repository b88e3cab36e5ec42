//! The opening comment of a migration file: `-- Key: text`, one key per line; the text may continue on
//! the following comment lines.

/// The fields of an opening comment.
#[derive(Debug)]
pub(crate) struct Header<'a> {
    fields: Vec<(&'a str, &'a str)>,
}

/// The keys of a header. Other words before a colon are text.
const KEYS: [&str; 5] = ["What", "Why", "Breaking", "Transaction", "Loses data"];

impl<'a> Header<'a> {
    /// Parses the comment lines at the top of `sql`.
    pub(crate) fn parse(sql: &'a str) -> Result<Self, HeaderError> {
        let mut fields = Vec::new();
        for line in sql.lines().map_while(|line| line.trim_start().strip_prefix("--")) {
            let Some((key, text)) = line.trim().split_once(':') else {
                continue;
            };
            if KEYS.contains(&key) {
                fields.push((key, text.trim()));
            }
        }
        if fields.is_empty() {
            return Err(HeaderError::None);
        }
        Ok(Self { fields })
    }

    /// The first line of a required field.
    pub(crate) fn text(&self, key: &'static str) -> Result<&'a str, HeaderError> {
        self.fields
            .iter()
            .find(|(k, text)| *k == key && !text.is_empty())
            .map(|(_, text)| *text)
            .ok_or(HeaderError::Missing(key))
    }

    /// The value of a field that is `yes` or `no`.
    pub(crate) fn flag(&self, key: &'static str) -> Result<bool, HeaderError> {
        match self.text(key)? {
            "yes" => Ok(true),
            "no" => Ok(false),
            other => Err(HeaderError::NotYesOrNo { key, value: other.to_owned() }),
        }
    }
}

/// An incomplete opening comment.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum HeaderError {
    #[error("it must start with a comment that has What, Why, Breaking and Transaction")]
    None,
    #[error("its opening comment lacks a line `-- {0}: …`")]
    Missing(&'static str),
    #[error("`-- {key}:` must be yes or no, not `{value}`")]
    NotYesOrNo { key: &'static str, value: String },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_may_span_lines_and_contain_colons() {
        let header = Header::parse("-- What: one: two\n--       three\n-- Breaking: no\nselect 1;");
        let header = header.unwrap();
        assert_eq!(header.text("What").unwrap(), "one: two");
        assert!(!header.flag("Breaking").unwrap());
    }

    #[test]
    fn missing_keys_are_reported() {
        let header = Header::parse("-- What: x\n").unwrap();
        assert_eq!(header.text("Why").unwrap_err(), HeaderError::Missing("Why"));
        assert_eq!(Header::parse("select 1;").unwrap_err(), HeaderError::None);
    }

    #[test]
    fn flag_must_be_yes_or_no() {
        let header = Header::parse("-- Breaking: maybe\n").unwrap();
        let expected = HeaderError::NotYesOrNo { key: "Breaking", value: "maybe".to_owned() };
        assert_eq!(header.flag("Breaking").unwrap_err(), expected);
    }

    #[test]
    fn comments_after_the_first_statement_are_ignored() {
        let header = Header::parse("-- What: x\nselect 1;\n-- Breaking: no\n").unwrap();
        assert_eq!(header.flag("Breaking").unwrap_err(), HeaderError::Missing("Breaking"));
    }
}
