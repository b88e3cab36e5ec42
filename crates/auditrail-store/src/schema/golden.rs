//! The committed descriptions, one per version.

use super::model::Schema;

/// Version and JSON: the files of `schema/`.
const DESCRIPTIONS: &[(i64, &str)] = include!(concat!(env!("OUT_DIR"), "/descriptions.rs"));

/// The description of the schema at `version`.
pub(crate) fn at(version: i64) -> Option<Schema> {
    let (_, json) = DESCRIPTIONS.iter().find(|(v, _)| *v == version)?;
    Some(
        serde_json::from_str(json)
            .unwrap_or_else(|error| panic!("schema/{version:03}.json is invalid: {error}")),
    )
}
