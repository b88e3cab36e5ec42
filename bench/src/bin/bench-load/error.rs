//! Why there is no load, in a sentence of whoever noticed.

pub(crate) type Error = Box<dyn std::error::Error + Send + Sync>;

pub(crate) fn refused(header: &str) -> Error {
    format!("`{header}` is no header: write `name: value`").into()
}
