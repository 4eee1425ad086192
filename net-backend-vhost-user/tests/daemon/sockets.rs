//! Ways to a device: listening, connecting, inherited, several in one process.

use std::io::{Read, Write};
use std::net::UdpSocket;
use std::os::unix::net::{UnixListener, UnixStream};

use crate::guest::{Guest, Looks};
use crate::program::{Home, output};

const FRAME: [u8; 60] = [7; 60];

fn works(guest: &mut Guest) {
    assert!(guest.exchange(0, &FRAME) == FRAME);
}

#[test]
fn a_descriptor_that_listens_is_used_again_and_again() {
    let home = Home::new();
    let socket = home.path("socket");
    let listener = UnixListener::bind(&socket).unwrap();
    let program = home.start_with(listener.into(), &["--fd=3", "loopback:"]);
    for _ in 0..3 {
        works(&mut Guest::boot(&socket, Looks::default()));
    }
    let (status, _) = program.terminate();
    assert!(status.success());
    // It is the parent's.
    assert!(socket.exists());
}

#[test]
fn a_descriptor_that_is_connected_is_one_frontend() {
    let home = Home::new();
    let (near, far) = UnixStream::pair().unwrap();
    let mut program = home.start_with(far.into(), &["--fd=3", "loopback:"]);
    let mut guest = Guest::on(near, Looks::default());
    works(&mut guest);
    assert!(program.is_alive());
    drop(guest);
    assert!(program.wait().success());
}

#[test]
fn a_frontend_behind_a_descriptor_sees_the_end_while_others_are_served() {
    let home = Home::new();
    let socket = home.path("socket");
    let (mut near, far) = UnixStream::pair().unwrap();
    let other = format!("--device=socket={},uri=loopback:", socket.display());
    let words = ["--device=fd=3,uri=loopback:", &other];
    let mut program = home.start_with(far.into(), &words);
    program.wait_for(&socket);
    near.write_all(&[0xff; 12]).unwrap();
    assert!(near.read(&mut [0; 100]).is_ok_and(|length| length == 0));
    works(&mut Guest::boot(&socket, Looks::default()));
    assert!(program.is_alive());
}

#[test]
fn a_descriptor_that_is_something_else_is_refused() {
    let home = Home::new();
    let internet = UdpSocket::bind("127.0.0.1:0").unwrap();
    let mut program = home.start_with(internet.into(), &["--fd=3", "loopback:"]);
    assert!(!program.wait().success());
    let said = program.said();
    assert!(said.contains("not a Unix socket"), "{said}");
    let output = output(&["--fd=99", "loopback:"]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        !output.status.success() && said.contains("descriptor"),
        "{said}"
    );
}

#[test]
fn a_client_connects_when_the_frontend_is_there_and_again_when_it_went() {
    let home = Home::new();
    let socket = home.path("socket");
    let words = [
        &format!("--socket={}", socket.display()),
        "--client",
        "loopback:",
    ];
    let mut program = home.start(&words);
    let listener = UnixListener::bind(&socket).unwrap();
    for _ in 0..3 {
        let (stream, _) = listener.accept().unwrap();
        works(&mut Guest::on(stream, Looks::default()));
    }
    assert!(program.is_alive());
    let (status, _) = program.terminate();
    assert!(status.success());
    assert!(socket.exists());
}

#[test]
fn two_devices_are_apart() {
    let home = Home::new();
    let sockets = ["one", "two"].map(|name| home.path(name));
    let macs = ["52:54:00:00:00:01", "52:54:00:00:00:02"];
    let devices: Vec<String> = sockets
        .iter()
        .zip(macs)
        .map(|(socket, mac)| {
            format!(
                "--device=socket={},mac={mac},uri=loopback:?queues=2",
                socket.display()
            )
        })
        .collect();
    let words: Vec<&str> = devices.iter().map(String::as_str).collect();
    let mut program = home.start(&words);
    sockets.iter().for_each(|socket| program.wait_for(socket));
    let mut guests: Vec<Guest> = sockets
        .iter()
        .map(|socket| Guest::boot(socket, Looks::default()))
        .collect();
    for (last, guest) in (1..).zip(&mut guests) {
        assert_eq!(guest.config(6), [0x52, 0x54, 0, 0, 0, last]);
        works(guest);
    }
    // One goes and comes back; the other does not notice.
    guests.remove(0);
    works(&mut guests[0]);
    works(&mut Guest::boot(&sockets[0], Looks::default()));
    works(&mut guests[0]);
    let (status, _) = program.terminate();
    assert!(status.success());
    assert!(sockets.iter().all(|socket| !socket.exists()));
}

#[test]
fn a_socket_that_somebody_listens_on_is_left_alone() {
    let home = Home::new();
    let socket = home.path("socket");
    let _first = home.serve(&socket, &["loopback:"]);
    works(&mut Guest::boot(&socket, Looks::default()));
    let word = format!("--socket={}", socket.display());
    let second = output(&[&word, "loopback:"]);
    let said = String::from_utf8(second.stderr).unwrap();
    assert!(
        !second.status.success() && said.contains("somebody else listens"),
        "{said}"
    );
    works(&mut Guest::boot(&socket, Looks::default()));
}
