//! What an audit record is.
