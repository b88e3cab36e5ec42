//! Log lines, on stderr.

use std::io::{self, IsTerminal};

use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, fmt, registry};

use crate::config::{LogFormat, ServerSettings};
use crate::output::Output;

/// From here on events are printed, as text on a terminal and as JSON elsewhere unless it was said.
pub(super) fn start(settings: &ServerSettings, output: Output) {
    let text = match settings.log_format {
        LogFormat::Auto => io::stderr().is_terminal(),
        LogFormat::Text => true,
        LogFormat::Json => false,
    };
    let lines = fmt::layer().with_writer(io::stderr).with_ansi(output.colors_errors());
    let lines = match text {
        true => lines.boxed(),
        false => lines.json().flatten_event(true).with_current_span(false).boxed(),
    };
    // It fails where there is one already, which only a program with two services in it could have.
    drop(registry().with(lines.with_filter(settings.log.0.clone())).try_init());
}
