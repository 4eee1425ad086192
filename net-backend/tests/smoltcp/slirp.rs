//! On slirp, where there is libslirp.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::thread;

use crate::stack::{Stack, Stream};

/// Whether libslirp and a loopback are here; it is said if not.
fn is_here() -> bool {
    let missing = match net_backend::connect("slirp:") {
        Ok(_) => TcpListener::bind(("127.0.0.1", 0))
            .err()
            .map(|error| error.to_string()),
        Err(error) => Some(error.to_string()),
    };
    let is_required = std::env::var("NET_BACKEND_REQUIRE").is_ok_and(|groups| {
        groups
            .split(',')
            .any(|group| ["slirp", "all"].contains(&group))
    });
    if let Some(reason) = &missing {
        assert!(!is_required, "{reason}");
        println!("skipped: {reason}");
    }
    missing.is_none()
}

#[test]
fn a_host_echoes_a_stream() {
    if !is_here() {
        return;
    }
    const LENGTH: usize = 1 << 20;
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let host = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut writer = stream.try_clone().unwrap();
        let mut buffer = vec![0; 1 << 16];
        loop {
            match stream.read(&mut buffer).unwrap() {
                0 => return,
                length => writer.write_all(&buffer[..length]).unwrap(),
            }
        }
    });
    let mut stack = Stack::new(net_backend::open("slirp:").unwrap(), 15);
    stack.connect_to(2, port);
    let mut stream = Stream::default();
    while stream.received < LENGTH {
        let moved = stack.poll();
        if !stream.turn(stack.socket(), LENGTH) && !moved {
            stack.sleep();
        }
    }
    // Whole super-frames came, and none was lost.
    let received = stack.device.received().snapshot();
    assert!(received.bytes / received.frames > 1514, "{received:?}");
    assert_eq!(stack.device.lost(), net_backend::smoltcp::Lost::default());
    stack.socket().close();
    stack.poll();
    // Until the host has closed its side too, which it does when it has read everything.
    while stack.socket().may_recv() {
        stack.sleep();
        stack.poll();
    }
    host.join().unwrap();
}

#[test]
fn the_example_fetches_a_page() {
    if !is_here() {
        return;
    }
    let program = std::env::current_exe().unwrap();
    let examples = program.parent().and_then(Path::parent).unwrap();
    let example = examples.join("examples").join("smoltcp");
    assert!(
        example.exists(),
        "{} is missing; `cargo build --example smoltcp --features smoltcp` makes it, and so does `cargo test` without --test",
        example.display()
    );
    let output = Command::new(&example).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{output:?}");
    assert!(text.contains("A page of the host"), "{text}");
}
