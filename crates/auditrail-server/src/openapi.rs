//! The OpenAPI document, and its HTML page.

mod document;
mod page;

pub(crate) use document::document;
pub(crate) use page::Page;
