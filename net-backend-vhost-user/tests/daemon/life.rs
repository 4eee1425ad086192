//! Beginning and end of the program.

use std::fs;
use std::os::unix::net::UnixStream;

use rustix::process::Signal;

use crate::guest::{Guest, Looks};
use crate::program::{Home, output, until};

const FRAME: [u8; 60] = [7; 60];

fn works(guest: &mut Guest) {
    assert!(guest.exchange(0, &FRAME) == FRAME);
}

#[test]
fn capabilities_are_json_whatever_else_is_asked_for() {
    for words in [
        &["--print-capabilities"][..],
        &["--print-capabilities", "--fd", "x", "--unknown"],
        &["--socket=/nowhere", "--print-capabilities", "nothing:"],
    ] {
        let output = output(words);
        assert!(output.status.success(), "{output:?}");
        let value: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(value, serde_json::json!({ "type": "net" }));
    }
}

#[test]
fn what_is_wrong_is_told() {
    for (words, expected) in [
        (&["--socket=/tmp/x", "taps:"][..], "taps"),
        (&["--socket=/tmp/x"], "<URI>"),
        (&["loopback:"], "--socket"),
        (&["--socket=/nowhere/x", "loopback:"], "/nowhere/x"),
        (&["--socket=/tmp/x", "--queues=2", "loopback:"], "queue"),
        (&["--device=socket=/tmp/x"], "it comes last"),
    ] {
        let output = output(words);
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success(), "{words:?}");
        assert!(said.contains(expected), "{words:?}: {said}");
    }
}

#[test]
fn a_frontend_that_comes_back_is_served() {
    let home = Home::new();
    let socket = home.path("socket");
    let mut program = home.serve(&socket, &["loopback:"]);
    let before = program.descriptors();
    for _ in 0..10 {
        works(&mut Guest::boot(&socket, Looks::default()));
    }
    // What a connection had is given back, if not at once; the device keeps one.
    until(|| (program.descriptors() <= before + 1).then_some(()));
    assert!(program.is_alive());
    let (status, said) = program.terminate();
    assert!(status.success());
    assert_eq!(said, "", "there is nothing to tell");
}

#[test]
fn a_signal_ends_it_and_nothing_is_left() {
    for signal in [Signal::TERM, Signal::INT] {
        let home = Home::new();
        let (socket, pid) = (home.path("socket"), home.path("pid"));
        let word = format!("--pid-file={}", pid.display());
        let mut program = home.serve(&socket, &[&word, "loopback:"]);
        program.wait_for(&pid);
        let text = until(|| {
            fs::read_to_string(&pid)
                .ok()
                .filter(|it| it.ends_with('\n'))
        });
        assert_eq!(text.trim(), program.id().to_string());
        let mut guest = Guest::boot(&socket, Looks::default());
        works(&mut guest);
        // A frontend in the middle of a message does not keep it, nor one that waits.
        let _waits = UnixStream::connect(&socket).unwrap();
        program.signal(signal);
        assert!(program.wait().success(), "{signal:?}");
        assert!(!socket.exists() && !pid.exists());
        assert!(home.left().is_empty());
    }
}

#[test]
fn one_that_was_killed_leaves_only_its_socket_which_the_next_takes_away() {
    let home = Home::new();
    let socket = home.path("socket");
    for _ in 0..2 {
        let mut program = home.serve(&socket, &["loopback:"]);
        let mut guest = until(|| {
            // The file may still be that of the one that was killed.
            assert!(program.is_alive(), "{}", program.said());
            let stream = UnixStream::connect(&socket).ok()?;
            Some(Guest::on(stream, Looks::default()))
        });
        works(&mut guest);
        assert!(home.left().is_empty());
        program.kill();
        assert!(home.left().is_empty());
        assert!(socket.exists());
    }
}

#[test]
fn one_frontend_may_be_enough() {
    let home = Home::new();
    let socket = home.path("socket");
    let mut program = home.serve(&socket, &["--once", "loopback:"]);
    works(&mut Guest::boot(&socket, Looks::default()));
    assert!(program.wait().success());
    assert!(!socket.exists());
}
