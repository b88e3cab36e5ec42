//! The name that was probably meant.

/// Words that people try for a parameter, and which text similarity does not lead to it.
const SYNONYMS: [(&str, &str); 14] = [
    ("from", "since"),
    ("after", "since"),
    ("begin", "since"),
    ("to", "until"),
    ("before", "until"),
    ("user", "actor"),
    ("user_id", "actor_id"),
    ("who", "actor"),
    ("resource", "target"),
    ("resource_id", "target_id"),
    ("event", "action"),
    ("org", "tenant_id"),
    ("status", "outcome"),
    ("result", "outcome"),
];

/// Least similarity of a suggestion, from 0 to 1; the value that the parser of the command line uses.
const SIMILARITY_MIN: f64 = 0.7;

/// The most similar of the known names, if any is similar. `name` is short.
pub(super) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<String> {
    let lower = name.to_lowercase().replace('-', "_");
    if let Some((_, synonym)) = SYNONYMS.into_iter().find(|(word, _)| *word == lower) {
        return Some(synonym.to_owned());
    }
    if let Some(key) = lower.strip_prefix("meta.").or_else(|| lower.strip_prefix("metadata_")) {
        return Some(format!("metadata.{key}"));
    }
    let scored = known.map(|known| (strsim::jaro_winkler(&lower, known), known));
    let best = scored.max_by(|(one, _), (other, _)| one.total_cmp(other))?;
    (best.0 >= SIMILARITY_MIN).then(|| best.1.to_owned())
}
