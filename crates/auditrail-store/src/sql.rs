//! A statement with bound values, for either driver.

use std::borrow::Cow;
use std::ops::Range;

use bytes::BytesMut;
use pg_pipeline::{Oid, Parameter};

use crate::value::{ToValue, put_array};

/// A statement with bound values. The text never contains input.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sql {
    text: Cow<'static, str>,
    /// The concatenated values; `parameters` has the range of each.
    values: BytesMut,
    parameters: Vec<(Oid, Option<Range<usize>>)>,
    is_unprepared: bool,
    checks_keys: bool,
}

impl Sql {
    /// A statement with this text, to which more can be added.
    pub(crate) fn new(text: &'static str) -> Self {
        Self { text: Cow::Borrowed(text), ..Self::default() }
    }

    /// Marks a statement that is not worth preparing: it is rare, or differs each time.
    pub(crate) fn unprepared(mut self) -> Self {
        self.is_unprepared = true;
        self
    }

    /// Marks a statement that divides by zero when an API key is no longer at the expected version.
    pub(crate) fn checks_keys(mut self) -> Self {
        self.checks_keys = true;
        self
    }

    /// Whether a division by zero in this statement means that an API key has changed.
    pub(crate) const fn is_key_check(&self) -> bool {
        self.checks_keys
    }

    /// Adds text.
    pub(crate) fn push(&mut self, text: &str) -> &mut Self {
        self.text.to_mut().push_str(text);
        self
    }

    /// Adds a placeholder and binds the value to it.
    pub(crate) fn push_bind<T: ToValue>(&mut self, value: T) -> &mut Self {
        self.put_value(T::OID, |out| value.put(out));
        self.push_placeholder()
    }

    /// Adds a placeholder and binds an array to it.
    pub(crate) fn push_bind_array<T: ToValue>(
        &mut self,
        values: impl IntoIterator<Item = T>,
    ) -> &mut Self {
        self.put_value(T::ARRAY_OID, |out| put_array(out, values.into_iter().map(Some)));
        self.push_placeholder()
    }

    /// Binds a value to the next placeholder of the text.
    pub(crate) fn bind<T: ToValue>(mut self, value: T) -> Self {
        self.put_value(T::OID, |out| value.put(out));
        self
    }

    /// Binds a value or NULL.
    pub(crate) fn bind_optional<T: ToValue>(mut self, value: Option<T>) -> Self {
        match value {
            Some(value) => self.put_value(T::OID, |out| value.put(out)),
            None => self.parameters.push((T::OID, None)),
        }
        self
    }

    /// Binds an array.
    pub(crate) fn bind_array<T: ToValue>(self, values: impl IntoIterator<Item = T>) -> Self {
        self.bind_optional_array(values.into_iter().map(Some))
    }

    /// Binds an array that may contain NULLs.
    pub(crate) fn bind_optional_array<T: ToValue>(
        mut self,
        values: impl IntoIterator<Item = Option<T>>,
    ) -> Self {
        self.put_value(T::ARRAY_OID, |out| put_array(out, values));
        self
    }

    /// The text.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Whether to prepare the statement.
    pub(crate) const fn is_prepared(&self) -> bool {
        !self.is_unprepared
    }

    /// The values, in the order of the placeholders.
    pub(crate) fn parameters(&self) -> impl Iterator<Item = Parameter<'_>> {
        self.parameters.iter().map(|(oid, range)| Parameter {
            oid: *oid,
            value: range.as_ref().map(|range| &self.values[range.clone()]),
        })
    }

    fn put_value(&mut self, oid: Oid, put: impl FnOnce(&mut BytesMut)) {
        let start = self.values.len();
        put(&mut self.values);
        self.parameters.push((oid, Some(start..self.values.len())));
    }

    fn push_placeholder(&mut self) -> &mut Self {
        let placeholder = format!("${}", self.parameters.len());
        self.push(&placeholder)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_numbered_like_their_values() {
        let mut sql = Sql::new("select ");
        sql.push_bind(1_i64).push(", ").push_bind_array(["a", "b"]);
        assert_eq!(sql.text(), "select $1, $2");
        let oids: Vec<Oid> = sql.parameters().map(|parameter| parameter.oid).collect();
        assert_eq!(oids, [20, 1009]);
    }
}
