//! The paths in Rust code that can lead to another module of its crate.

use std::collections::BTreeMap;

/// The segments of a path.
pub(super) type Path = Vec<String>;

/// All paths that begin with `crate`, `self` or `super`, and those of `use` declarations.
pub(super) fn paths(code: &str) -> Vec<Path> {
    let mut paths: Vec<Path> = imports(code).into_values().collect();
    for keyword in ["crate", "self", "super"] {
        for (at, _) in code.match_indices(&format!("{keyword}::")) {
            let before = code[..at].chars().next_back();
            if before.is_none_or(|c| !is_word(c) && c != ':' && c != '$') {
                tree(&code[at..], &mut Path::new(), &mut |path, _| paths.push(path.to_vec()));
            }
        }
    }
    paths
}

/// The names that `use` declarations bring into scope, with their paths.
pub(super) fn imports(code: &str) -> BTreeMap<String, Path> {
    let mut imports = BTreeMap::new();
    for (at, keyword) in code.match_indices("use ") {
        if code[..at].chars().next_back().is_none_or(|c| !is_word(c)) {
            let tree_text = &code[at + keyword.len()..];
            tree(tree_text, &mut Path::new(), &mut |path, name| {
                imports.insert(name.to_owned(), path.to_vec());
            });
        }
    }
    imports
}

/// Reads `a::b::{c, d as e}` and reports each path with the name it is imported under; returns the
/// rest of the text.
fn tree<'a>(text: &'a str, prefix: &mut Path, report: &mut dyn FnMut(&[String], &str)) -> &'a str {
    let depth = prefix.len();
    let mut rest = text.trim_start();
    loop {
        if let Some(mut group) = rest.strip_prefix('{') {
            loop {
                group = tree(group, prefix, report).trim_start();
                match group.strip_prefix(',') {
                    Some(next) if !next.trim_start().starts_with('}') => group = next,
                    next => {
                        rest = next.unwrap_or(group).trim_start();
                        break;
                    }
                }
            }
            prefix.truncate(depth);
            return rest.strip_prefix('}').unwrap_or(rest);
        }
        let end = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
        let (segment, after) = rest.split_at(end);
        if !segment.is_empty() {
            prefix.push(segment.to_owned());
        }
        match after.strip_prefix("::").filter(|next| next.starts_with(|c| is_word(c) || c == '{')) {
            Some(next) => rest = next,
            None => {
                rest = after;
                break;
            }
        }
    }
    let mut name = prefix.iter().rev().find(|segment| *segment != "self").cloned();
    if let Some(alias) = rest.trim_start().strip_prefix("as ") {
        let end = alias.find(|c| !is_word(c)).unwrap_or(alias.len());
        name = Some(alias[..end].to_owned());
        rest = &alias[end..];
    }
    report(prefix, &name.unwrap_or_default());
    prefix.truncate(depth);
    rest
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nested_groups_and_aliases_are_read() {
        let imports = imports("pub use crate::a::{self, b::{C, D as E},\n f::*};\nuse g;");
        let text: Vec<_> =
            imports.iter().map(|(name, path)| format!("{name}={}", path.join("::"))).collect();
        let expected =
            ["C=crate::a::b::C", "E=crate::a::b::D", "a=crate::a::self", "f=crate::a::f"];
        assert_eq!(text, [&expected[..], &["g=g"]].concat());
    }

    #[test]
    fn paths_in_expressions_are_read() {
        let paths =
            paths("let x = super::super::a::b(crate::c::D::new()); $crate::e::f; xcrate::g");
        let text: Vec<_> = paths.iter().map(|path| path.join("::")).collect();
        assert_eq!(text, ["crate::c::D::new", "super::super::a::b"]);
    }
}
