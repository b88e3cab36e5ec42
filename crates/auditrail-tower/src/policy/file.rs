//! Parses policy files. Unknown keys are rejected, and every problem is reported with its line.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::str::FromStr;

use auditrail_core::FailurePolicy;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::builder::{PolicyBuilder, ProblemReport};
use super::compile::{source_form, wrong_text};
use super::error::Problem;
use super::rule::{AmbiguousPaths, IdFrom, IdKind, Level, Rule};

const VERSION: &str = "1";
const KEYS: [&str; 6] =
    ["version", "failure", "ambiguous_paths", "trusted_proxies", "redact", "rule"];
const RULE_KEYS: [&str; 12] = [
    "name",
    "methods",
    "route",
    "status",
    "level",
    "action",
    "target_type",
    "target_id",
    "require_target",
    "tenant_id",
    "failure",
    "allow",
];

/// Parses the text of a policy. The builder contains what could be parsed, and the report the problems.
pub(super) fn read(text: &str, name: &str) -> (PolicyBuilder, Report) {
    let mut report = Report::new(text, name);
    let (root, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        let line = error.span().map(|span| report.line(&span));
        report.add(line, format!("this is no TOML: {}", error.message().trim_end()));
    }
    let mut builder = PolicyBuilder::default();
    if errors.is_empty() {
        read_root(root.get_ref(), &mut builder, &mut report);
    }
    (builder, report)
}

fn read_root(root: &DeTable<'_>, builder: &mut PolicyBuilder, report: &mut Report) {
    let mut table = Table::new(root, None, None, report);
    table.known(&KEYS);
    let version = table.get("version").and_then(|value| value.get_ref().as_integer());
    if version.is_none_or(|version| version.as_str() != VERSION || version.radix() != 10) {
        table.wrong("version", "`version = 1` is needed, and the only one there is".to_owned());
    }
    if let Some(failure) = table.choice("failure", &FailurePolicy::ALL, FailurePolicy::as_str) {
        builder.failure = failure;
    }
    if let Some(ambiguous) =
        table.choice("ambiguous_paths", &AmbiguousPaths::ALL, AmbiguousPaths::as_str)
    {
        builder.ambiguous_paths = ambiguous;
    }
    builder.trusted_proxies = table.texts("trusted_proxies");
    builder.redact = table.texts("redact");
    let Some(rules) = table.get("rule") else {
        return table.finish();
    };
    let tables: Option<Vec<_>> = rules.get_ref().as_array().and_then(|rules| {
        rules.iter().map(|rule| Some((rule.get_ref().as_table()?, rule.span()))).collect()
    });
    if tables.is_none() {
        table.wrong("rule", "rules are written as [[rule]], with two brackets".to_owned());
    }
    table.finish();
    for (index, (rule, span)) in tables.into_iter().flatten().enumerate() {
        let table = Table::new(rule, Some(index), Some(span), report);
        builder.rules.push(read_rule(table));
    }
}

fn read_rule(mut table: Table<'_, '_, '_>) -> Rule {
    table.known(&RULE_KEYS);
    let rule = Rule {
        name: table.text("name"),
        methods: table.texts("methods"),
        route: table.text("route").unwrap_or_default(),
        status: table.texts("status"),
        level: table.choice("level", &Level::ALL, Level::as_str).unwrap_or_default(),
        action: table.text("action"),
        target_type: table.text("target_type"),
        target_id: table.id_from("target_id"),
        require_target: table.flag("require_target"),
        tenant_id: table.id_from("tenant_id"),
        failure: table.choice("failure", &FailurePolicy::ALL, FailurePolicy::as_str),
        allow: table.texts("allow"),
    };
    table.finish();
    rule
}

/// The problems of a file, and the lines of its keys.
#[derive(Debug)]
pub(super) struct Report {
    name: String,
    /// The byte offsets of the lines.
    lines: Vec<usize>,
    problems: Vec<Problem>,
    tables: BTreeMap<Option<usize>, KeyLines>,
}

/// The lines of a table and its keys.
#[derive(Debug, Default)]
struct KeyLines {
    header: Option<usize>,
    keys: BTreeMap<String, usize>,
    /// Keys whose problem is reported already.
    reported: BTreeSet<&'static str>,
}

impl Report {
    fn new(text: &str, name: &str) -> Self {
        let breaks = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        let lines = std::iter::once(0).chain(breaks.map(|(at, _)| at + 1)).collect();
        Self { name: name.to_owned(), lines, problems: Vec::new(), tables: BTreeMap::new() }
    }

    fn line(&self, span: &Range<usize>) -> usize {
        self.lines.partition_point(|start| *start <= span.start)
    }

    fn add(&mut self, line: Option<usize>, what: String) {
        self.problems.push(Problem { policy: self.name.clone(), line, what });
    }

    /// All problems, ordered by line.
    pub(super) fn into_problems(mut self) -> Vec<Problem> {
        self.problems.sort_by_key(|problem| problem.line);
        self.problems
    }
}

impl ProblemReport for Report {
    fn add_problem(&mut self, rule: Option<usize>, key: &'static str, what: String) {
        let lines = self.tables.entry(rule).or_default();
        if !lines.reported.contains(key) {
            let line = lines.keys.get(key).copied().or(lines.header);
            self.add(line, what);
        }
    }
}

/// A table that is being parsed.
struct Table<'a, 'r, 'i> {
    values: &'a DeTable<'i>,
    rule: Option<usize>,
    report: &'r mut Report,
    reported: BTreeSet<&'static str>,
}

impl<'a, 'r, 'i> Table<'a, 'r, 'i> {
    fn new(
        values: &'a DeTable<'i>,
        rule: Option<usize>,
        header: Option<Range<usize>>,
        report: &'r mut Report,
    ) -> Self {
        let keys = values.keys().map(|key| (key.get_ref().to_string(), report.line(&key.span())));
        let lines = KeyLines {
            keys: keys.collect(),
            header: header.map(|span| report.line(&span)),
            reported: BTreeSet::new(),
        };
        report.tables.insert(rule, lines);
        Self { values, rule, report, reported: BTreeSet::new() }
    }

    /// Suppresses further problems of the keys that are reported already.
    fn finish(self) {
        if let Some(lines) = self.report.tables.get_mut(&self.rule) {
            lines.reported = self.reported;
        }
    }

    fn known(&mut self, names: &[&str]) {
        for key in self.values.keys().filter(|key| !names.contains(&&**key.get_ref())) {
            let line = self.report.line(&key.span());
            let what = format!(
                "`{}` is unknown; use one of {}, or remove it",
                key.get_ref(),
                names.join(", ")
            );
            self.report.add(Some(line), what);
        }
    }

    fn get(&self, name: &str) -> Option<&'a Spanned<DeValue<'i>>> {
        let entry = self.values.iter().find(|(key, _)| key.get_ref() == name);
        entry.map(|(_, value)| value)
    }

    fn wrong(&mut self, name: &'static str, what: String) {
        self.report.add_problem(self.rule, name, what);
        self.reported.insert(name);
    }

    fn text(&mut self, name: &'static str) -> Option<String> {
        let text = self.get(name)?.get_ref().as_str().filter(|text| !text.is_empty());
        if text.is_none() {
            self.wrong(name, wrong_text(name));
        }
        text.map(str::to_owned)
    }

    fn flag(&mut self, name: &'static str) -> bool {
        let Some(value) = self.get(name) else {
            return false;
        };
        let flag = value.get_ref().as_bool();
        if flag.is_none() {
            self.wrong(name, format!("`{name}` must be true or false"));
        }
        flag.unwrap_or_default()
    }

    fn texts(&mut self, name: &'static str) -> Vec<String> {
        let Some(value) = self.get(name) else {
            return Vec::new();
        };
        let texts: Option<Vec<String>> = value.get_ref().as_array().and_then(|items| {
            items.iter().map(|item| item.get_ref().as_str().map(str::to_owned)).collect()
        });
        if texts.is_none() {
            self.wrong(name, format!("`{name}` must be a list of texts"));
        }
        texts.unwrap_or_default()
    }

    fn choice<T: Copy>(
        &mut self,
        name: &'static str,
        choices: &[T],
        text_of: fn(T) -> &'static str,
    ) -> Option<T> {
        let text = self.get(name)?.get_ref().as_str();
        let chosen = choices.iter().copied().find(|choice| Some(text_of(*choice)) == text);
        if chosen.is_none() {
            let names: Vec<&str> = choices.iter().map(|choice| text_of(*choice)).collect();
            self.wrong(name, format!("`{name}` must be one of {}", names.join(", ")));
        }
        chosen
    }

    fn id_from(&mut self, name: &'static str) -> Option<IdFrom> {
        let value = self.get(name)?.get_ref();
        let read = value.as_table().filter(|table| table.len() == 1).and_then(|table| {
            let (key, value) = table.iter().next()?;
            let (_, kind) = IdKind::ALL.into_iter().find(|(kind, _)| *kind == key.get_ref())?;
            let text = String::from_str(value.get_ref().as_str()?).ok()?;
            Some(IdFrom { kind, text })
        });
        if read.is_none() {
            self.wrong(name, source_form(name));
        }
        read
    }
}
