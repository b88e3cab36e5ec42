//! `kill -9` of everything, in the middle of writing: nothing that was acknowledged is missing.

use std::collections::BTreeSet;
use std::time::Instant;

use crate::support::{Place, connect, everybody, kill};

/// Acknowledgements to wait for before killing: enough that every writer is in the middle.
const ENOUGH: usize = 200;

#[derive(Clone, Copy, Debug)]
enum Victim {
    Us,
    Server,
    Both,
}

#[test]
fn nothing_acknowledged_is_missing_after_we_are_killed() {
    kill_while_writing(Victim::Us);
}

#[test]
fn nothing_acknowledged_is_missing_after_the_server_is_killed() {
    kill_while_writing(Victim::Server);
}

#[test]
fn nothing_acknowledged_is_missing_after_both_are_killed() {
    kill_while_writing(Victim::Both);
}

fn kill_while_writing(victim: Victim) {
    for who in everybody() {
        let place = Place::new(who);
        let mut maker = place.hold(&[]);
        let (_, url) = maker.open();
        connect(&url)
            .batch_execute("create table written (id bigint primary key)")
            .unwrap();
        maker.close();
        let mut acknowledged = BTreeSet::new();
        for _ in 0..2 {
            write_and_kill(&place, victim, &mut acknowledged);
        }
        let begun = Instant::now();
        let mut reader = place.hold(&[]);
        let (_, url) = reader.open();
        let recovered = begun.elapsed();
        let rows = connect(&url).query("select id from written", &[]).unwrap();
        let there: BTreeSet<i64> = rows.iter().map(|row| row.get(0)).collect();
        let missing: Vec<_> = acknowledged.difference(&there).collect();
        assert!(missing.is_empty(), "{victim:?} {who:?}: {missing:?}");
        eprintln!(
            "{victim:?} killed, {who:?}: {} acknowledged, {} there, 0 missing; reopened in {recovered:.2?}",
            acknowledged.len(),
            there.len()
        );
        reader.close();
    }
}

fn write_and_kill(place: &Place, victim: Victim, acknowledged: &mut BTreeSet<i64>) {
    let mut holder = place.hold(&["--writers", "4"]);
    let (server, _) = holder.open();
    for _ in 0..ENOUGH {
        holder.line("ack ");
    }
    match victim {
        Victim::Us => {}
        Victim::Server => {
            kill(server);
            holder.line("writer ");
        }
        Victim::Both => kill(server),
    }
    let lines = holder.kill();
    let acks = lines
        .iter()
        .filter_map(|line| line.strip_prefix("ack ")?.parse::<i64>().ok());
    acknowledged.extend(acks);
}
