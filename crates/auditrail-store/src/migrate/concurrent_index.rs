//! Parses the only kind of step that cannot run in a transaction.
//!
//! The runner needs the name of the index: an interrupted build leaves an invalid index, and a retry with
//! `IF NOT EXISTS` would consider it complete.

/// A statement that builds or drops one index concurrently.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ConcurrentIndex {
    /// `CREATE [UNIQUE] INDEX CONCURRENTLY index ON schema.table rest`
    Create { schema: String, table: String, index: String, is_unique: bool, rest: String },
    /// `DROP INDEX CONCURRENTLY schema.index`
    Drop { schema: String, index: String },
}

impl ConcurrentIndex {
    /// Parses the only statement of `sql`; `None` when it is another statement.
    pub(crate) fn parse(sql: &str) -> Option<Self> {
        let code: String = sql
            .lines()
            .map(|line| line.split_once("--").map_or(line, |(code, _)| code))
            .flat_map(|line| [line, "\n"])
            .collect();
        let statement = code.trim().strip_suffix(';').unwrap_or(code.trim());
        if statement.contains(';') {
            return None;
        }
        let spaced = statement.replace('(', " ( ");
        let mut words = spaced.split_whitespace();
        let verb = words.next()?.to_ascii_lowercase();
        let mut word = words.next()?;
        let is_unique = verb == "create" && word.eq_ignore_ascii_case("unique");
        if is_unique {
            word = words.next()?;
        }
        let concurrently = words.next()?.eq_ignore_ascii_case("concurrently");
        if !word.eq_ignore_ascii_case("index") || !concurrently {
            return None;
        }
        let name = words.next()?;
        match verb.as_str() {
            "create" => {
                let on = words.next()?.eq_ignore_ascii_case("on");
                let relation = words.next()?;
                let (schema, table) = qualified(relation)?;
                // The first one: the name of the index has no dot.
                let (_, rest) = statement.split_once(relation)?;
                let (index, rest) = (name.to_owned(), rest.trim().to_owned());
                (on && is_name(name)).then_some(Self::Create {
                    schema,
                    table,
                    index,
                    is_unique,
                    rest,
                })
            }
            "drop" => {
                let (schema, index) = qualified(name)?;
                words.next().is_none().then_some(Self::Drop { schema, index })
            }
            _ => None,
        }
    }

    /// The schema and name of the index.
    pub(crate) fn name(&self) -> (&str, &str) {
        match self {
            Self::Create { schema, index, .. } | Self::Drop { schema, index } => (schema, index),
        }
    }
}

fn qualified(name: &str) -> Option<(String, String)> {
    let (schema, object) = name.split_once('.')?;
    (is_name(schema) && is_name(object)).then(|| (schema.to_owned(), object.to_owned()))
}

/// A lower-case name that needs no quotes; other names are not supported.
fn is_name(word: &str) -> bool {
    !word.is_empty()
        && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn create_has_schema_table_and_index() {
        let parsed = ConcurrentIndex::parse(
            "-- What: x; y\nCREATE UNIQUE INDEX CONCURRENTLY i_a\n  on s.t(a) where a > 0;\n",
        );
        let expected = ConcurrentIndex::Create {
            schema: "s".to_owned(),
            table: "t".to_owned(),
            index: "i_a".to_owned(),
            is_unique: true,
            rest: "(a) where a > 0".to_owned(),
        };
        assert_eq!(parsed, Some(expected));
    }

    #[test]
    fn drop_has_schema_and_index() {
        let parsed = ConcurrentIndex::parse("drop index concurrently s.i_a");
        let expected = ConcurrentIndex::Drop { schema: "s".to_owned(), index: "i_a".to_owned() };
        assert_eq!(parsed, Some(expected));
    }

    #[test]
    fn other_statements_are_rejected() {
        for sql in [
            "create index i_a on s.t (a);",
            "create index concurrently i_a on t (a);",
            "create index concurrently on s.t (a);",
            "create index concurrently if not exists i_a on s.t (a);",
            "create index concurrently i_a on s.t (a); select 1;",
            "drop index concurrently i_a;",
            "drop index concurrently s.i_a cascade;",
            "drop index concurrently if exists s.i_a;",
            "vacuum s.t;",
            "",
        ] {
            assert_eq!(ConcurrentIndex::parse(sql), None, "{sql}");
        }
    }
}
