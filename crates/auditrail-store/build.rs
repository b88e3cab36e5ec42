//! Lists the migrations and the descriptions of schema versions, so that adding one is adding its files.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let crate_dir = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?);
    let out_dir = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(out_dir.join("migrations.rs"), migrations(&crate_dir.join("migrations"))?)?;
    fs::write(out_dir.join("descriptions.rs"), descriptions(&crate_dir.join("schema"))?)?;
    Ok(())
}

/// `&[(file, sql, sql of the file that reverts it), …]`, in the order of their numbers.
fn migrations(dir: &Path) -> Result<String, Box<dyn std::error::Error>> {
    let mut list = "&[".to_owned();
    for path in files(dir, ".down.sql")? {
        let up = path.replace(".down.sql", ".sql");
        let name = Path::new(&up).file_name().ok_or("no file name")?;
        write!(list, "({name:?}, include_str!({up:?}), include_str!({path:?})),")?;
    }
    Ok(list + "]")
}

/// `&[(version, JSON), …]`, in the order of the versions.
fn descriptions(dir: &Path) -> Result<String, Box<dyn std::error::Error>> {
    let mut list = "&[".to_owned();
    for path in files(dir, ".json")? {
        let name = Path::new(&path).file_stem().ok_or("no file name")?;
        let version: i64 = name.to_str().ok_or("no UTF-8")?.parse()?;
        write!(list, "({version}, include_str!({path:?})),")?;
    }
    Ok(list + "]")
}

/// The paths of the files with an ending, sorted.
fn files(dir: &Path, ending: &str) -> Result<Vec<String>, Box<dyn std::error::Error>> {
    println!("cargo::rerun-if-changed={}", dir.display());
    let mut paths = Vec::new();
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        let path = path.to_str().ok_or("the path of the crate is not UTF-8")?;
        if path.ends_with(ending) {
            paths.push(path.to_owned());
        }
    }
    paths.sort();
    Ok(paths)
}
