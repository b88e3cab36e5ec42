//! `witness status`: lists the state of a witness.

use auditrail_witness::{StateFile, read_directory};
use serde_json::json;

use crate::cli::WitnessStatusArgs;
use crate::error::Error;
use crate::exit::Exit;
use crate::output::progress::count;
use crate::output::table::{Column, TextTable};
use crate::output::{Output, safe};

/// Prints a line for each log.
pub(super) fn run(output: Output, args: &WitnessStatusArgs) -> Result<Exit, Error> {
    let files =
        read_directory(&args.state).map_err(Error::io("read the state directory", &args.state))?;
    if output.json {
        files.iter().try_for_each(|file| output.line(&safe::json(&document(file))))?;
    } else {
        print(output, &files)?;
    }
    match files.iter().filter(|file| file.content.is_err()).count() as u64 {
        0 => Ok(Exit::Success),
        damaged => Err(Error::VerificationFailed {
            detail: format!("{} cannot be used", count(damaged, "state file")),
        }),
    }
}

fn document(file: &StateFile) -> String {
    let path = file.path.display().to_string();
    match &file.content {
        Ok(saved) => {
            let checkpoint = &saved.checkpoint;
            let (origin, size) = (checkpoint.origin(), checkpoint.size());
            json!({"origin": origin, "size": size, "root": checkpoint.root().to_string(), "file": path})
        }
        Err(error) => json!({"file": path, "error": error.to_string()}),
    }
    .to_string()
}

fn print(output: Output, files: &[StateFile]) -> Result<(), Error> {
    let columns = [Column::whole("origin", 20), Column::new("size", 10), Column::whole("root", 44)];
    let mut table = TextTable::new(output, columns);
    for file in files {
        match &file.content {
            Ok(saved) => {
                let checkpoint = &saved.checkpoint;
                let (size, root) = (checkpoint.size().to_string(), checkpoint.root().to_string());
                table.row([checkpoint.origin(), &size, &root]);
            }
            Err(error) => {
                output.warn(&safe::lines(&format!("{}: {error}", file.path.display())));
            }
        }
    }
    table.print()?;
    if files.is_empty() {
        output.note("nothing was cosigned yet");
    }
    Ok(())
}
