//! The hook that rewrites exported text.

use std::borrow::Cow;

/// Rewrites exported text: a cell of CSV, or a line of JSON, which must stay equivalent.
pub type Rewrite = fn(&str) -> Cow<'_, str>;
