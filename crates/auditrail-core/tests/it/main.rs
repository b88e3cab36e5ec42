//! The public interface: limits, round trips and validation errors.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod api_keys;
mod cursors;
mod errors;
mod expression_vectors;
mod expressions;
mod filters;
mod ids;
mod json;
mod metadata;
mod new_api_keys;
mod pages;
mod strategies;
mod texts;
mod times;
mod validation;
mod vectors;
