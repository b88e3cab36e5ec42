//! The shape of source files.

use super::Source;

/// A file longer than this has more than one subject.
const MAX_LINES: usize = 400;

pub(super) fn length(source: &Source) -> Vec<String> {
    let lines = source.text.lines().count();
    if !source.is_rust() || lines <= MAX_LINES {
        return Vec::new();
    }
    vec![source.at(lines, &format!("{lines} lines, at most {MAX_LINES}: split it by subject"))]
}

pub(super) fn module_file(source: &Source) -> Vec<String> {
    let is_mod = source.path.file_name().is_some_and(|name| name == "mod.rs");
    let complaint = "a module `x` with children is x.rs and x/, so that tabs have names";
    if is_mod { vec![source.at(1, complaint)] } else { Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_file_is_named() {
        assert_eq!(length(&Source::new("a.rs", &"x\n".repeat(401))).len(), 1);
        assert_eq!(length(&Source::new("a.rs", &"x\n".repeat(400))).len(), 0);
        assert_eq!(length(&Source::new("Cargo.lock", &"x\n".repeat(9000))).len(), 0);
    }

    #[test]
    fn a_module_file_is_named() {
        assert_eq!(module_file(&Source::new("src/x/mod.rs", "")).len(), 1);
        assert_eq!(module_file(&Source::new("src/x.rs", "")).len(), 0);
    }
}
