//! Reading a policy file: every key is known, and whatever is wrong is told with its line.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::str::FromStr;

use auditrail_core::FailurePolicy;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::builder::{PolicyBuilder, Wrong};
use super::compile::{source_form, wrong_text};
use super::error::Problem;
use super::rule::{IdFrom, IdKind, Level, Rule};

const VERSION: &str = "1";
const KEYS: [&str; 5] = ["version", "failure", "trusted_proxies", "redact", "rule"];
const RULE_KEYS: [&str; 11] = [
    "name",
    "methods",
    "route",
    "status",
    "level",
    "action",
    "target_type",
    "target_id",
    "tenant_id",
    "failure",
    "allow",
];

/// Reads the text of a policy. What could be read is in the builder, whatever else is wrong.
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
        tenant_id: table.id_from("tenant_id"),
        failure: table.choice("failure", &FailurePolicy::ALL, FailurePolicy::as_str),
        allow: table.texts("allow"),
    };
    table.finish();
    rule
}

/// What was found wrong, and where everything stands.
#[derive(Debug)]
pub(super) struct Report {
    name: String,
    /// Where each line starts, in bytes.
    lines: Vec<usize>,
    problems: Vec<Problem>,
    tables: BTreeMap<Option<usize>, Places>,
}

/// Where the keys of a table stand.
#[derive(Debug, Default)]
struct Places {
    header: Option<usize>,
    keys: BTreeMap<String, usize>,
    /// Keys about which everything was said already.
    told: BTreeSet<&'static str>,
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

    /// Everything that is wrong, in the order of the lines.
    pub(super) fn into_problems(mut self) -> Vec<Problem> {
        self.problems.sort_by_key(|problem| problem.line);
        self.problems
    }
}

impl Wrong for Report {
    fn wrong(&mut self, rule: Option<usize>, key: &'static str, what: String) {
        let places = self.tables.entry(rule).or_default();
        if !places.told.contains(key) {
            let line = places.keys.get(key).copied().or(places.header);
            self.add(line, what);
        }
    }
}

/// A table of the file that is being read.
struct Table<'a, 'r, 'i> {
    values: &'a DeTable<'i>,
    rule: Option<usize>,
    report: &'r mut Report,
    told: BTreeSet<&'static str>,
}

impl<'a, 'r, 'i> Table<'a, 'r, 'i> {
    fn new(
        values: &'a DeTable<'i>,
        rule: Option<usize>,
        header: Option<Range<usize>>,
        report: &'r mut Report,
    ) -> Self {
        let keys = values.keys().map(|key| (key.get_ref().to_string(), report.line(&key.span())));
        let places = Places {
            keys: keys.collect(),
            header: header.map(|span| report.line(&span)),
            told: BTreeSet::new(),
        };
        report.tables.insert(rule, places);
        Self { values, rule, report, told: BTreeSet::new() }
    }

    /// Whatever was said about a key here is all there is to say about it.
    fn finish(self) {
        if let Some(places) = self.report.tables.get_mut(&self.rule) {
            places.told = self.told;
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
        let found = self.values.iter().find(|(key, _)| key.get_ref() == name);
        found.map(|(_, value)| value)
    }

    fn wrong(&mut self, name: &'static str, what: String) {
        self.report.wrong(self.rule, name, what);
        self.told.insert(name);
    }

    fn text(&mut self, name: &'static str) -> Option<String> {
        let text = self.get(name)?.get_ref().as_str().filter(|text| !text.is_empty());
        if text.is_none() {
            self.wrong(name, wrong_text(name));
        }
        text.map(str::to_owned)
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
        let said = self.get(name)?.get_ref().as_str();
        let chosen = choices.iter().copied().find(|choice| Some(text_of(*choice)) == said);
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
