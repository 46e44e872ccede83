//! Events of open connections in the log.

use std::io::Write;
use std::net::TcpStream;

use egret_tests::{Event, Server, Setup, cookie_of, egret, until};
use libtest_mimic::Trial;

use crate::test;

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        test("totals::log_has_update_rows_of_open_connections", interim),
        test("totals::log_totals_add_up_after_a_kill", killed),
    ]
}

/// Short intervals for totals and files.
fn setup() -> Setup {
    Setup::new().parquet().text("capture.totals_interval", "200ms").text("parquet.rotate_after", "1s")
}

/// The logged events of a socket of this process.
fn logged(setup: &Setup, socket: u64) -> Vec<Event> {
    let mut log = std::process::Command::new(egret());
    let output = log.args(["log", "--format", "json", "--dir"]).arg(setup.log()).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let read = |line: &str| -> Event { serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")) };
    text.lines().map(read).filter(|event| event.cookie() == socket).collect()
}

fn sum(events: &[Event]) -> u64 {
    let counted = events.iter().filter(|event| ["connection.update", "connection.close"].contains(&&*event.name));
    counted.filter_map(|event| event.sent_delta.or(event.sent)).sum()
}

fn interim() {
    let daemon = setup().start();
    let server = Server::start("tcp-sink", "127.0.0.1");
    let mut stream = TcpStream::connect(server.address).unwrap();
    let socket = cookie_of(&stream);
    stream.write_all(&[7; 30_000]).unwrap();
    let rows = until("a row of what is open", || {
        Some(logged(daemon.setup(), socket)).filter(|rows| rows.iter().any(|row| row.name == "connection.update"))
    });
    assert!(rows.iter().all(|row| row.name != "connection.close"), "{rows:#?}");
    assert_eq!(sum(&rows), 30_000, "{rows:#?}");
    stream.write_all(&[7; 12_000]).unwrap();
    drop(stream);
    until("the end of the connection", || {
        logged(daemon.setup(), socket).iter().any(|row| row.name == "connection.close").then_some(())
    });
    let ended = daemon.stop();
    assert!(ended.status.success(), "{}", ended.stderr);
    let [enqueued, sent, dropped, queued] = ended.sinks["parquet"];
    assert_eq!((sent, dropped, queued), (enqueued, 0, 0), "{}", ended.stderr);
    let rows = logged(&ended.setup, socket);
    assert_eq!(sum(&rows), 42_000, "{rows:#?}");
    let closed = rows.iter().find(|row| row.name == "connection.close").unwrap();
    assert_eq!(closed.sent, Some(42_000), "{rows:#?}");
}

/// The log keeps what the first daemon reported; the second daemon reports the rest.
fn killed() {
    let daemon = setup().start();
    let server = Server::start("tcp-sink", "127.0.0.1");
    let mut stream = TcpStream::connect(server.address).unwrap();
    let socket = cookie_of(&stream);
    stream.write_all(&[7; 300_000]).unwrap();
    until("a row of what is open", || Some(()).filter(|()| sum(&logged(daemon.setup(), socket)) == 300_000));
    let setup = daemon.kill();
    let daemon = setup.start();
    stream.write_all(&[7; 50_000]).unwrap();
    drop(stream);
    drop(server);
    let setup = until("the end of the connection", || {
        let ended = logged(daemon.setup(), socket).iter().any(|row| row.name == "connection.close");
        ended.then(|| daemon.setup().log())
    });
    assert!(setup.is_dir());
    let ended = daemon.stop();
    let rows = logged(&ended.setup, socket);
    assert_eq!(sum(&rows), 350_000, "{rows:#?}");
    let closed = rows.iter().find(|row| row.name == "connection.close").unwrap();
    assert_eq!(closed.sent, Some(50_000), "{rows:#?}");
}
