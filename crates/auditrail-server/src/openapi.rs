//! The OpenAPI document, and its HTML page.

mod document;
mod formats;
mod page;

pub(crate) use document::*;
pub(crate) use page::Page;
