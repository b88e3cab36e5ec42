//! The shape of source files.

use super::Source;

/// The maximum length of a Rust file.
const MAX_LINES: usize = 400;

pub(super) fn length(source: &Source) -> Vec<String> {
    let lines = source.text.lines().count();
    if !source.is_rust() || lines <= MAX_LINES {
        return Vec::new();
    }
    vec![source.at(lines, &format!("{lines} lines, at most {MAX_LINES}: split it"))]
}

pub(super) fn module_file(source: &Source) -> Vec<String> {
    let is_mod = source.path.file_name().is_some_and(|name| name == "mod.rs");
    is_mod
        .then(|| source.at(1, "name the file of module `x` x.rs, not x/mod.rs"))
        .into_iter()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_file_is_refused() {
        assert_eq!(length(&Source::new("a.rs", &"x\n".repeat(401))).len(), 1);
        assert_eq!(length(&Source::new("a.rs", &"x\n".repeat(400))).len(), 0);
        assert_eq!(length(&Source::new("Cargo.lock", &"x\n".repeat(9000))).len(), 0);
    }

    #[test]
    fn mod_rs_is_refused() {
        assert_eq!(module_file(&Source::new("src/x/mod.rs", "")).len(), 1);
        assert_eq!(module_file(&Source::new("src/x.rs", "")).len(), 0);
    }
}
