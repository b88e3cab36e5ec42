//! Output: results on stdout, everything else on stderr.

mod event;
pub(crate) mod file;
pub(crate) mod progress;
pub(crate) mod safe;
pub(crate) mod table;
mod terminal;
mod width;

use std::io::{self, IsTerminal, Write};

use anstyle::{AnsiColor, Style};
use auditrail_core::FieldError;
use serde::Serialize;

use crate::cli::{ColorArg, GlobalArgs};
use crate::error::Error;

/// Output settings, resolved once from the flags and the terminals.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output {
    /// Print only JSON on stdout.
    pub(crate) json: bool,
    quiet: bool,
    color_out: bool,
    color_err: bool,
    /// Print messages on stderr as lines of a JSON log.
    log_events: bool,
}

impl Output {
    pub(crate) fn new(flags: &GlobalArgs) -> Self {
        let auto = |choice: anstream::ColorChoice| choice != anstream::ColorChoice::Never;
        let (color_out, color_err) = match flags.color {
            ColorArg::Always => (true, true),
            ColorArg::Never => (false, false),
            ColorArg::Auto => (
                auto(anstream::AutoStream::choice(&io::stdout())),
                auto(anstream::AutoStream::choice(&io::stderr())),
            ),
        };
        Self { json: flags.json, quiet: flags.quiet, color_out, color_err, log_events: false }
    }

    /// Prints every message on stderr as a line of a JSON log from now on, in the form of the service's events.
    pub(crate) fn with_log_events(self) -> Self {
        Self { log_events: true, ..self }
    }

    /// As [`with_log_events`](Self::with_log_events), for panics.
    pub(crate) fn print_panics_as_events() {
        event::print_panics();
    }

    /// As [`with_log_events`](Self::with_log_events), for wrong arguments.
    pub(crate) fn usage_event(message: &str) {
        event::print_usage(message);
    }

    /// Whether stdout is coloured.
    pub(crate) fn colors(self) -> bool {
        self.color_out
    }

    /// Whether stderr is coloured.
    pub(crate) fn colors_errors(self) -> bool {
        self.color_err
    }

    /// Whether to show progress.
    pub(crate) fn shows_progress(self) -> bool {
        !self.quiet
    }

    /// Prints a note on stderr, unless quiet.
    pub(crate) fn note(self, text: &str) {
        if !self.quiet {
            if self.log_events {
                event::print("INFO", text, None);
            } else {
                eprintln!("{text}");
            }
        }
    }

    /// Prints a warning on stderr, even when quiet.
    pub(crate) fn warn(self, text: &str) {
        if self.log_events {
            event::print("WARN", text, None);
            return;
        }
        let style = self.style(AnsiColor::Yellow);
        eprintln!("{style}warning{style:#}: {text}");
    }

    /// Prints an error on stderr with its causes and hint, as JSON with `--json`.
    pub(crate) fn error(self, error: &Error) {
        let style = self.style(AnsiColor::Red);
        let mut message = String::new();
        for (n, text) in error.chain().iter().enumerate() {
            let text = safe::lines(text);
            match n {
                0 => message.push_str(&text),
                _ => message.push_str(&format!("\n  caused by: {text}")),
            }
        }
        if let Some(hint) = error.hint() {
            message.push_str(&format!("\n  hint: {hint}"));
        }
        let fields = ErrorFields {
            code: error.code(),
            message: &message,
            errors: match error {
                Error::Invalid(errors) => errors.as_slice(),
                _ => &[],
            },
        };
        if self.log_events {
            event::print("ERROR", &message, Some(&fields));
        } else if self.json {
            let body = ErrorBody { error: fields };
            // Serialising strings does not fail.
            eprintln!("{}", serde_json::to_string(&body).unwrap_or_default());
        } else {
            eprintln!("{style}error{style:#}: {message}");
        }
    }

    /// Prints a line of the result on stdout.
    pub(crate) fn line(self, text: &str) -> Result<(), Error> {
        writeln!(io::stdout().lock(), "{text}").map_err(Error::stdout)
    }

    /// Prints text on stdout unchanged.
    pub(crate) fn text(self, text: &str) -> Result<(), Error> {
        let mut out = io::stdout().lock();
        out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(Error::stdout)
    }

    /// Prints the JSON document of a command on stdout, indented on a terminal.
    pub(crate) fn document<T: Serialize>(self, document: &T) -> Result<(), Error> {
        let text = if io::stdout().is_terminal() {
            serde_json::to_string_pretty(document)
        } else {
            serde_json::to_string(document)
        }
        .map_err(|error| Error::stdout(error.into()))?;
        self.line(&safe::json(&text))
    }

    fn style(self, color: AnsiColor) -> Style {
        if self.color_err { Style::new().fg_color(Some(color.into())).bold() } else { Style::new() }
    }
}

/// An error as JSON.
#[derive(Serialize)]
struct ErrorBody<'a> {
    error: ErrorFields<'a>,
}

#[derive(Serialize)]
struct ErrorFields<'a> {
    code: &'static str,
    message: &'a str,
    /// The invalid values, of [`Error::Invalid`].
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [FieldError],
}
