//! The terminal that stdout is.

use std::io::{self, IsTerminal};

/// The width of the terminal in columns; `None` if stdout is none, or its width is unknown.
///
/// Some programs that run others in a terminal (`script`, CI, `docker -t`) leave its width at 0; then the
/// variable `COLUMNS` counts.
pub(crate) fn width() -> Option<usize> {
    let stdout = io::stdout();
    if !stdout.is_terminal() {
        return None;
    }
    let size = rustix::termios::tcgetwinsize(&stdout).ok();
    let columns = size.map(|size| usize::from(size.ws_col)).filter(|columns| *columns > 0);
    columns.or_else(|| std::env::var("COLUMNS").ok()?.parse().ok().filter(|columns| *columns > 0))
}
