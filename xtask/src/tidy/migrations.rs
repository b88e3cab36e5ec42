//! The form of migration files, which cannot change later: users' databases have their checksums.

use super::Source;

pub(super) fn form(source: &Source) -> Vec<String> {
    let in_migrations = source.path.parent().is_some_and(|dir| dir.ends_with("migrations"));
    if !in_migrations || source.path.extension().is_none_or(|kind| kind != "sql") {
        return Vec::new();
    }
    let mut complaints = Vec::new();
    if !source.text.starts_with("-- ") {
        complaints
            .push(source.at(1, "a migration starts with a comment: what, why, breaking or not"));
    }
    if let Some(line) = source.text.split('\n').position(|line| line.ends_with('\r')) {
        complaints.push(source.at(line + 1, "a migration has LF line ends only"));
    }
    if !is_well_named(source.path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default()) {
        complaints.push(source.at(1, "a migration is called NNN_description_in_lower_case.sql"));
    }
    complaints
}

fn is_well_named(stem: &str) -> bool {
    let Some((number, words)) = stem.split_once('_') else {
        return false;
    };
    number.len() == 3
        && number.chars().all(|c| c.is_ascii_digit())
        && words.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "_.".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaints(name: &str, text: &str) -> usize {
        form(&Source::new(&format!("crates/s/migrations/{name}"), text)).len()
    }

    #[test]
    fn each_violation_is_refused() {
        assert_eq!(complaints("001_create_table.sql", "-- Makes a table.\n"), 0);
        assert_eq!(complaints("001_create_table.sql", "create table x ();\n"), 1);
        assert_eq!(complaints("001_create_table.sql", "-- Makes.\r\n"), 1);
        assert_eq!(complaints("1_Create.sql", "-- Makes.\n"), 1);
        assert_eq!(form(&Source::new("docs/example.sql", "select 1")).len(), 0);
    }
}
