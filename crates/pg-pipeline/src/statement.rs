//! Statements and the values bound to them.

pub use postgres_protocol::Oid;

/// A value for a placeholder of a statement, in the binary format of its type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parameter<'a> {
    /// The type.
    pub oid: Oid,
    /// The value; `None` for NULL.
    pub value: Option<&'a [u8]>,
}

/// A statement.
///
/// The types of the parameters belong to its identity: the same text is always used with the same
/// types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Statement<'a> {
    /// The text.
    pub text: &'a str,
    /// Whether it is prepared once per connection and kept, for repeated statements.
    pub is_kept: bool,
}

impl<'a> Statement<'a> {
    /// A statement that is executed repeatedly.
    #[must_use]
    pub const fn kept(text: &'a str) -> Self {
        Self { text, is_kept: true }
    }
}
