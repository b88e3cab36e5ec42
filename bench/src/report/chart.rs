//! docs/performance.svg: bars in colours for light and dark pages.

use std::fmt::Write as _;

use super::number::number;
use crate::harness::measure::Spread;
use crate::result::Part;

/// Title, part and workload of each group of bars, which show `rate`.
const PANELS: [(&str, &str, &str); 2] = [
    ("Single records over 64 connections, by TCP", "write", "single, 64 connections, TCP"),
    (
        "Batches of 1,000 over 2 connections, and COPY, by TCP",
        "write",
        "batches of 1,000, 2 connections, TCP",
    ),
];

const WIDTH: f64 = 760.0;
const LABELS: f64 = 220.0;
const FIGURES: f64 = 80.0;
const BAR: f64 = 20.0;
const STEP: f64 = 30.0;
const TITLE: f64 = 44.0;

const STYLE: &str = "\
text{font:13px system-ui,-apple-system,'Segoe UI',sans-serif;fill:#1f2328}\
.t{font-weight:600;font-size:15px}.n{fill:#59636e}.l{text-anchor:end}\
.ours{fill:#0969da}.peer{fill:#8c959f}.limit{fill:#d1d9e0;stroke:#8c959f}.w{stroke:#1f2328}\
@media(prefers-color-scheme:dark){text{fill:#f0f6fc}.n{fill:#9198a1}.ours{fill:#4493f8}\
.peer{fill:#656c76}.limit{fill:#2a313c;stroke:#656c76}.w{stroke:#f0f6fc}}";

/// A side and its rates.
struct Bar<'a> {
    side: &'a str,
    rate: Spread,
}

impl Bar<'_> {
    /// The CSS class of its colour.
    fn class(&self) -> &'static str {
        match self.side {
            side if side.starts_with("auditrail") => "ours",
            side if side.starts_with("pgbench") || side.starts_with("COPY") => "limit",
            _ => "peer",
        }
    }
}

pub(super) fn render(parts: &[Part]) -> String {
    let mut svg = String::new();
    let mut y = 8.0;
    for (title, part, workload) in PANELS {
        let bars = bars(parts, part, workload);
        line(&mut svg, &format!("<text class=\"t\" x=\"12\" y=\"{:.0}\">{title}</text>", y + 20.0));
        y += TITLE;
        let most = bars.iter().map(|bar| bar.rate.max).fold(0.0, f64::max);
        for bar in &bars {
            draw(&mut svg, bar, most, y);
            y += STEP;
        }
        if bars.is_empty() {
            line(&mut svg, &text("n", 12.0, y, "not measured"));
            y += STEP;
        }
        y += 10.0;
    }
    line(&mut svg, &text("n", 12.0, y + 6.0, "Records a second; the thin lines span the rounds."));
    let (width, height) = (WIDTH, y + 20.0);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" \
         width=\"{width:.0}\" height=\"{height:.0}\" role=\"img\">\n\
         <title>Records a second, by server and by limit</title>\n<style>{STYLE}</style>\n{svg}</svg>\n"
    )
}

/// In descending order.
fn bars<'a>(parts: &'a [Part], part: &str, workload: &str) -> Vec<Bar<'a>> {
    let figures = parts.iter().filter(|one| one.name == part).flat_map(|part| &part.figures);
    let shown = figures.filter(|figure| figure.workload == workload && figure.metric == "rate");
    let mut bars: Vec<_> = shown
        .filter(|figure| !figure.rounds.is_empty())
        .map(|figure| {
            let rate = Spread::of(figure.rounds.iter().copied());
            Bar { side: &figure.side, rate }
        })
        .collect();
    bars.sort_by(|a, b| b.rate.median.total_cmp(&a.rate.median));
    bars
}

fn draw(svg: &mut String, bar: &Bar<'_>, most: f64, y: f64) {
    let scale = |rate: f64| (WIDTH - LABELS - FIGURES) * rate / most.max(f64::MIN_POSITIVE);
    let Spread { min, median, max } = bar.rate;
    let middle = y + BAR / 2.0;
    line(svg, &text("l", LABELS - 10.0, middle + 4.5, bar.side));
    line(
        svg,
        &format!(
            "<rect class=\"{}\" x=\"{LABELS:.0}\" y=\"{y:.0}\" width=\"{:.1}\" height=\"{BAR:.0}\"/>",
            bar.class(),
            scale(median)
        ),
    );
    line(
        svg,
        &format!(
            "<path class=\"w\" d=\"M{:.1} {middle:.0}H{:.1}\"/>",
            LABELS + scale(min),
            LABELS + scale(max)
        ),
    );
    line(svg, &text("n", LABELS + scale(max) + 8.0, middle + 4.5, &number(median)));
}

fn text(class: &str, x: f64, y: f64, words: &str) -> String {
    let words = words.replace('&', "&amp;").replace('<', "&lt;");
    format!("<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\">{words}</text>")
}

fn line(svg: &mut String, element: &str) {
    // Writing to a String cannot fail.
    let _written = writeln!(svg, "{element}");
}
