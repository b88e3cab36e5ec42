//! Errors, as the texts of their sources.

pub(crate) type Error = Box<dyn std::error::Error + Send + Sync>;

pub(crate) fn invalid_header(header: &str) -> Error {
    format!("`{header}` is not a header; write `name: value`").into()
}
