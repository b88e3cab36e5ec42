//! `witness serve`: a witness over HTTP.

use std::sync::Arc;

use auditrail_witness::{Limits, OriginState, Witness, serve};
use serde_json::json;

use super::keys;
use crate::cli::WitnessServeArgs;
use crate::cmd::serve::{listeners, logging};
use crate::config::{ListenAddress, LogSettings};
use crate::error::Error;
use crate::exit::Exit;
use crate::output::Output;
use crate::output::progress::count;
use crate::signals::ShutdownSignals;

/// Runs the witness until a shutdown signal.
pub(super) fn run(output: Output, args: &WitnessServeArgs) -> Result<Exit, Error> {
    let log = LogSettings::from_environment()?;
    let listen: ListenAddress = args
        .listen
        .parse()
        .map_err(|reason| Error::Usage(format!("--listen: {} {reason}", args.listen)))?;
    let (key, logs) = (keys::secret(&args.key_file)?, keys::logs(args)?);
    let _flush = logging::start_lines(&log, output);
    let witness = Arc::new(Witness::open(key, logs, &args.state)?);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(Error::startup("cannot start the witness"))?;
    let outcome = runtime.block_on(async {
        let signals =
            ShutdownSignals::listen().map_err(Error::startup("cannot start the witness"))?;
        let second_signal = signals.clone().received(2);
        tokio::select! {
            outcome = service(output, &listen, witness, signals) => outcome,
            () = second_signal => Err(Error::Interrupted),
        }
    });
    // A checkpoint that is being saved was not cosigned yet.
    runtime.shutdown_background();
    outcome.map(|()| Exit::Success)
}

async fn service(
    output: Output,
    listen: &ListenAddress,
    witness: Arc<Witness>,
    signals: ShutdownSignals,
) -> Result<(), Error> {
    let (listener, address) = listeners::bind(listen, "--listen").await?;
    announce(output, &format!("http://{address}"), &witness)?;
    let shutdown = async {
        signals.received(1).await;
        tracing::info!("shutting down");
    };
    if serve(listener, witness, &Limits::default(), shutdown).await {
        tracing::info!("stopped");
    } else {
        output.warn("the shutdown grace period expired; open requests were aborted");
    }
    Ok(())
}

/// Prints the address and the verifier key.
fn announce(output: Output, listen: &str, witness: &Witness) -> Result<(), Error> {
    let key = witness.verifier().to_string();
    if output.json {
        return output.document(&json!({"listen": listen, "key": key}));
    }
    let logs = count(witness.origins().count() as u64, "log");
    output.note(&format!("listening on {listen} as {key}, for {logs}"));
    let unusable = |(_, state): &(_, OriginState)| matches!(state, OriginState::Unusable { .. });
    let unusable = witness.origins().filter(unusable).count();
    if unusable > 0 {
        output
            .warn(&format!("nothing is cosigned for {}; see above", count(unusable as u64, "log")));
    }
    Ok(())
}
