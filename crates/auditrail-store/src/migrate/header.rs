//! The comment a migration file opens with: `-- Key: text`, a key a line, text going on over the
//! following comment lines.

/// The fields of an opening comment.
#[derive(Debug)]
pub(crate) struct Header<'a> {
    fields: Vec<(&'a str, &'a str)>,
}

/// The keys a header may have. Anything else before a colon is text.
const KEYS: [&str; 5] = ["What", "Why", "Breaking", "Transaction", "Loses data"];

impl<'a> Header<'a> {
    /// Reads the comment lines at the top of `sql`.
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

    /// The first line of a field that must be there and not be empty.
    pub(crate) fn text(&self, key: &'static str) -> Result<&'a str, HeaderError> {
        self.fields
            .iter()
            .find(|(k, text)| *k == key && !text.is_empty())
            .map(|(_, text)| *text)
            .ok_or(HeaderError::Missing(key))
    }

    /// A field that must say `yes` or `no`.
    pub(crate) fn flag(&self, key: &'static str) -> Result<bool, HeaderError> {
        match self.text(key)? {
            "yes" => Ok(true),
            "no" => Ok(false),
            other => Err(HeaderError::NotYesOrNo { key, found: other.to_owned() }),
        }
    }
}

/// An opening comment that does not say what it must.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum HeaderError {
    #[error("it must start with a comment that has What, Why, Breaking and Transaction")]
    None,
    #[error("its opening comment lacks a line `-- {0}: …`")]
    Missing(&'static str),
    #[error("`-- {key}:` must be yes or no, not `{found}`")]
    NotYesOrNo { key: &'static str, found: String },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_may_go_on_over_lines_and_hold_colons() {
        let header = Header::parse("-- What: one: two\n--       three\n-- Breaking: no\nselect 1;");
        let header = header.unwrap();
        assert_eq!(header.text("What").unwrap(), "one: two");
        assert!(!header.flag("Breaking").unwrap());
    }

    #[test]
    fn what_is_missing_is_named() {
        let header = Header::parse("-- What: x\n").unwrap();
        assert_eq!(header.text("Why").unwrap_err(), HeaderError::Missing("Why"));
        assert_eq!(Header::parse("select 1;").unwrap_err(), HeaderError::None);
    }

    #[test]
    fn a_flag_is_yes_or_no_and_nothing_else() {
        let header = Header::parse("-- Breaking: maybe\n").unwrap();
        let expected = HeaderError::NotYesOrNo { key: "Breaking", found: "maybe".to_owned() };
        assert_eq!(header.flag("Breaking").unwrap_err(), expected);
    }

    #[test]
    fn a_comment_after_the_first_statement_is_not_the_header() {
        let header = Header::parse("-- What: x\nselect 1;\n-- Breaking: no\n").unwrap();
        assert_eq!(header.flag("Breaking").unwrap_err(), HeaderError::Missing("Breaking"));
    }
}
