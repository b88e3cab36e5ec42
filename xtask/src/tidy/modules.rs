//! No cycles between the modules of a crate.
//!
//! An edge is a path from one module's code to another's item: `use crate::a::B`, `super::a::b()`.
//! A path to a re-export leads to the module that the item comes from. Only siblings are compared, with
//! their descendants: a parent and its children may use each other. Test code is excluded.

mod paths;

use std::collections::{BTreeMap, BTreeSet};

use super::Source;
use super::code::without_comments_and_literals;
use paths::{Path, imports, paths};

/// The code of a crate's modules, by their paths in the crate; that of the root is empty.
type Modules = BTreeMap<Path, String>;

/// The siblings that each sibling uses, and where.
type Edges<'a> = BTreeMap<&'a str, BTreeMap<&'a str, String>>;

pub(super) fn cycles(sources: &[Source]) -> Vec<String> {
    let mut crates: BTreeMap<String, Modules> = BTreeMap::new();
    for source in sources.iter().filter(|source| source.is_rust()) {
        if let Some((root, module)) = locate(&source.path.to_string_lossy()) {
            let code = without_comments_and_literals(&source.text);
            crates.entry(root).or_default().entry(module).or_default().push_str(&code);
        }
    }
    crates.iter().flat_map(|(root, modules)| cycles_of_crate(root, modules)).collect()
}

/// The directory of the crate's root, and the module of a file below it.
fn locate(path: &str) -> Option<(String, Path)> {
    let (package, file) = path.split_once("src/")?;
    let mut module: Path = file.strip_suffix(".rs")?.split('/').map(str::to_owned).collect();
    let mut root = format!("{package}src");
    if module[0] == "bin" {
        root += &format!("/bin/{}", module[1]);
        module.drain(..2);
    }
    if module.last().is_some_and(|last| last == "lib" || last == "main") {
        module.pop();
    }
    Some((root, module))
}

fn cycles_of_crate(root: &str, modules: &Modules) -> Vec<String> {
    let modules = without_tests(modules);
    let imports: BTreeMap<_, _> = modules.iter().map(|(m, code)| (m, imports(code))).collect();
    let mut groups: BTreeMap<&[String], Edges<'_>> = BTreeMap::new();
    for (from, code) in &modules {
        for path in paths(code) {
            let Some(to) = resolve(from, &path, &modules, &imports, 0) else { continue };
            let shared = from.iter().zip(to).take_while(|(a, b)| a == b).count();
            if let (Some(a), Some(b)) = (from.get(shared), to.get(shared)) {
                let edges = groups.entry(&from[..shared]).or_default();
                edges.entry(a).or_default().entry(b).or_insert_with(|| from.join("::"));
            }
        }
    }
    groups.iter().flat_map(|(parent, edges)| cycles_of_siblings(root, parent, edges)).collect()
}

/// Without the modules that are compiled for tests only.
fn without_tests(modules: &Modules) -> Modules {
    let is_test = |module: &Path| {
        (1..=module.len()).any(|depth| {
            let declaration = format!("mod {};", module[depth - 1]);
            modules.get(&module[..depth - 1]).is_some_and(|parent| {
                parent.split_once(&declaration).is_some_and(|(before, _)| {
                    before
                        .trim_end()
                        .trim_end_matches("pub(crate)")
                        .trim_end()
                        .ends_with("#[cfg(test)]")
                })
            })
        })
    };
    let kept = modules.iter().filter(|(module, _)| !is_test(module));
    kept.map(|(module, code)| (module.clone(), without_inline_tests(code).to_owned())).collect()
}

/// The code before `#[cfg(test)] mod tests {`, which ends a file.
fn without_inline_tests(code: &str) -> &str {
    let inline = code.match_indices("#[cfg(test)]").find(|(at, attribute)| {
        let rest = code[at + attribute.len()..].trim_start();
        rest.starts_with("mod ") && rest.find('{') < rest.find(';').or(Some(usize::MAX))
    });
    inline.map_or(code, |(at, _)| &code[..at])
}

/// The module that a path leads to; none for a path into another crate.
fn resolve<'a>(
    from: &Path,
    path: &Path,
    modules: &'a Modules,
    imports: &BTreeMap<&Path, BTreeMap<String, Path>>,
    depth: usize,
) -> Option<&'a Path> {
    let mut segments = path.iter().peekable();
    let mut at = from.clone();
    match path.first()?.as_str() {
        "crate" => at.clear(),
        "self" | "super" => {}
        child if modules.contains_key(&joined(from, child)) => {}
        _ => return None,
    }
    while let Some(keyword) = segments.next_if(|s| ["crate", "self", "super"].contains(&s.as_str()))
    {
        if keyword == "super" {
            at.pop();
        }
    }
    while let Some(child) = segments.next_if(|s| modules.contains_key(&joined(&at, s))) {
        at.push(child.clone());
    }
    // An item that the module itself imports belongs to the module it imports it from.
    let reexport = segments.next().and_then(|item| imports.get(&at)?.get(item));
    let origin = reexport
        .filter(|_| depth < 8)
        .and_then(|path| resolve(&at, path, modules, imports, depth + 1));
    origin.or_else(|| modules.get_key_value(&at).map(|(module, _)| module))
}

fn joined(module: &[String], child: &str) -> Path {
    module.iter().cloned().chain([child.to_owned()]).collect()
}

/// One complaint for each set of siblings that use each other in a circle.
fn cycles_of_siblings(root: &str, parent: &[String], edges: &Edges<'_>) -> Vec<String> {
    let mut seen: BTreeSet<BTreeSet<&str>> = BTreeSet::new();
    let mut complaints = Vec::new();
    for start in edges.keys() {
        let Some(cycle) = shortest_cycle(start, edges) else { continue };
        if seen.insert(cycle.iter().copied().collect()) {
            let uses = cycle.iter().zip(cycle.iter().cycle().skip(1));
            let uses = uses.map(|(a, b)| format!("{a} uses {b} (in {})", edges[a][b]));
            let place = [&[root.to_owned()], parent].concat().join("::");
            let uses = uses.collect::<Vec<_>>().join(", ");
            complaints.push(format!("{place}: a cycle of modules: {uses}"));
        }
    }
    complaints
}

/// The shortest way from a sibling back to itself.
fn shortest_cycle<'a>(start: &'a str, edges: &Edges<'a>) -> Option<Vec<&'a str>> {
    let mut ways = std::collections::VecDeque::from([vec![start]]);
    let mut visited = BTreeSet::new();
    while let Some(way) = ways.pop_front() {
        for next in edges.get(way.last()?).into_iter().flat_map(BTreeMap::keys) {
            if *next == start {
                return Some(way);
            }
            if visited.insert(*next) {
                ways.push_back([way.as_slice(), &[*next]].concat());
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaints(files: &[(&str, &str)]) -> Vec<String> {
        let source =
            |(path, text): &(&str, &str)| Source::new(&format!("crates/x/src/{path}"), text);
        cycles(&files.iter().map(source).collect::<Vec<_>>())
    }

    #[test]
    fn siblings_that_use_each_other_are_a_cycle() {
        let found = complaints(&[
            ("lib.rs", "mod a; mod b; mod c;"),
            ("a.rs", "use crate::{b::{self, B}, c};"),
            ("b/inner.rs", "fn f() { crate::a::g(); }"),
            ("b.rs", "mod inner;"),
            ("c.rs", "use std::fmt;"),
        ]);
        let expected = "crates/x/src: a cycle of modules: a uses b (in a), b uses a (in b::inner)";
        assert_eq!(found, [expected]);
    }

    #[test]
    fn reexports_are_followed() {
        let files = [
            ("lib.rs", "mod a;\npub use a::A;\nmod b;"),
            ("a.rs", "use super::b;\npub struct A;"),
            ("b.rs", "use crate::A;"),
        ];
        assert_eq!(complaints(&files).len(), 1);
    }

    #[test]
    fn parents_children_comments_and_tests_are_no_cycle() {
        let files = [
            ("lib.rs", "mod a; mod b; #[cfg(test)]\nmod checks;"),
            ("a.rs", "mod child; use child::C; // use crate::b::B\n"),
            ("a/child.rs", "use super::A; use crate::b::B;"),
            ("b.rs", "pub struct B;\n#[cfg(test)]\nmod tests { use crate::a::A; }"),
            ("checks.rs", "use crate::{a, b};"),
        ];
        assert_eq!(complaints(&files), Vec::<String>::new());
    }
}
