//! `kill -9` during writes: no acknowledged write is lost.

use std::collections::BTreeSet;
use std::time::Instant;

use crate::support::{TestDir, connect, kill, test_users};

/// Acknowledgements to wait for before killing, so that every writer is active.
const ENOUGH: usize = 200;

#[derive(Clone, Copy, Debug)]
enum Victim {
    Us,
    Server,
    Both,
}

#[test]
fn no_acknowledged_write_is_lost_after_client_kill() {
    kill_while_writing(Victim::Us);
}

#[test]
fn no_acknowledged_write_is_lost_after_server_kill() {
    kill_while_writing(Victim::Server);
}

#[test]
fn no_acknowledged_write_is_lost_after_killing_both() {
    kill_while_writing(Victim::Both);
}

fn kill_while_writing(victim: Victim) {
    for user in test_users() {
        let test_dir = TestDir::new(user);
        let mut maker = test_dir.hold(&[]);
        let (_, url) = maker.open();
        connect(&url).batch_execute("create table written (id bigint primary key)").unwrap();
        maker.close();
        let mut acknowledged = BTreeSet::new();
        for _ in 0..2 {
            write_and_kill(&test_dir, victim, &mut acknowledged);
        }
        let started = Instant::now();
        let mut reader = test_dir.hold(&[]);
        let (_, url) = reader.open();
        let recovered = started.elapsed();
        let rows = connect(&url).query("select id from written", &[]).unwrap();
        let stored: BTreeSet<i64> = rows.iter().map(|row| row.get(0)).collect();
        let missing: Vec<_> = acknowledged.difference(&stored).collect();
        assert!(missing.is_empty(), "{victim:?} {user:?}: {missing:?}");
        eprintln!(
            "{victim:?} killed, {user:?}: {} acknowledged, {} there, 0 missing; reopened in {recovered:.2?}",
            acknowledged.len(),
            stored.len()
        );
        reader.close();
    }
}

fn write_and_kill(test_dir: &TestDir, victim: Victim, acknowledged: &mut BTreeSet<i64>) {
    let mut holder = test_dir.hold(&["--writers", "4"]);
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
    let acks = lines.iter().filter_map(|line| line.strip_prefix("ack ")?.parse::<i64>().ok());
    acknowledged.extend(acks);
}
