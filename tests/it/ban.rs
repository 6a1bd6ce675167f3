//! A ban is of an address and outlives the process that it met.

use std::{
    io::{Read, Write},
    net::TcpListener,
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use super::support::{Folder, PATIENCE, number};

/// Long enough to stop and start the program in it several times.
const BAN: Duration = Duration::from_secs(8);

/// A venue that bans whoever comes, and when each came.
fn banning() -> (String, mpsc::Receiver<Instant>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/websocket/v1", listener.local_addr().unwrap());
    let (came, attempts) = mpsc::channel();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            if came.send(Instant::now()).is_err() {
                return;
            }
            let mut request = Vec::new();
            let mut byte = [0];
            while !request.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|n| n == 1) {
                request.push(byte[0]);
            }
            let wait = BAN.as_secs();
            let _ = write!(
                stream,
                "HTTP/1.1 418 I'm a teapot\r\nretry-after: {wait}\r\ncontent-length: 0\r\n\r\n"
            );
        }
    });
    (url, attempts)
}

/// Killed and stopped in the middle of a ban, it tries nothing until the ban is over.
#[test]
fn a_ban_is_sat_out_by_the_processes_that_follow() {
    let (url, attempts) = banning();
    let folder = Folder::new();
    folder.configure(&url, "[plugins.filter]\n");
    let file = folder.join("state/venue-ban.json");
    let job = folder.run();
    let first = attempts.recv_timeout(PATIENCE).unwrap();
    super::support::until("the ban on disk", || file.exists().then_some(()));
    job.kill();

    let job = folder.run();
    let status = job.port().until("the wait for its end", |s| s["feed"]["state"] == "waiting");
    assert_eq!(number(&status, "/feed/attempts"), 0, "{status}");
    job.terminate().expect(0);

    let job = folder.run();
    let second = attempts.recv_timeout(PATIENCE).unwrap();
    assert!(second - first >= BAN, "{:?} after the first", second - first);
    job.terminate().expect(0);
}
