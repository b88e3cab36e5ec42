//! The committed descriptions, one per version.

use super::model::Schema;

macro_rules! descriptions {
    ($($version:literal => $file:literal),+ $(,)?) => {
        &[$(($version, include_str!(concat!("../../schema/", $file)))),+]
    };
}

const DESCRIPTIONS: &[(i64, &str)] = descriptions![
    1 => "001.json",
    2 => "002.json",
    3 => "003.json",
    4 => "004.json",
    5 => "005.json",
    6 => "006.json",
    7 => "007.json",
    8 => "008.json",
    9 => "009.json",
    10 => "010.json",
    11 => "011.json",
    12 => "012.json",
    13 => "013.json",
    14 => "014.json",
    15 => "015.json",
];

/// The description of the schema at `version`.
pub(crate) fn at(version: i64) -> Option<Schema> {
    let (_, json) = DESCRIPTIONS.iter().find(|(v, _)| *v == version)?;
    Some(
        serde_json::from_str(json)
            .unwrap_or_else(|error| panic!("schema/{version:03}.json is invalid: {error}")),
    )
}
