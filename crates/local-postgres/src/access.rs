//! Who may connect to a server that accepts TCP: [`Config::loopback_for_tests`].
//!
//! A cluster is made with rules that reject every TCP connection. Those stay as they are; a server
//! with a loopback port reads other rules from a file beside the cluster.
//!
//! [`Config::loopback_for_tests`]: crate::Config::loopback_for_tests

use std::io::Write;
use std::path::PathBuf;

use rustix::fs::OFlags;

use crate::error::Error;
use crate::layout::Layout;

const RULES: &str = "\
# For a server with a port on 127.0.0.1, for tests. Written anew at each start.
local  all  all                trust
host   all  all  127.0.0.1/32  trust
";

/// Writes the rules, in the format of `pg_hba.conf`; gives their file.
pub(crate) fn write(layout: &Layout) -> Result<PathBuf, Error> {
    let path = layout.loopback_rules();
    let write = || layout.open(&path, OFlags::TRUNC)?.write_all(RULES.as_bytes());
    write().map_err(Error::io("write", &path))?;
    Ok(path)
}
