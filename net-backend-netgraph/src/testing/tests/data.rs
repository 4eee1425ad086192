//! Data sockets with addresses, as [`ng`](crate::ng) has them.

use crate::ng::{Address, Client, DataSocket, HookName};
use crate::testing::Model;

fn hook(name: &str) -> HookName {
    HookName::new(name).unwrap()
}

/// A client and its data socket, with two hooks that lead to echoes.
fn two_hooks(model: &Model) -> (Client, DataSocket) {
    let kernel = model.kernel();
    let mut client = Client::open_on(&*kernel).unwrap();
    let mut socket = DataSocket::open_on(&*kernel).unwrap();
    socket.join(client.id().unwrap()).unwrap();
    for name in ["one", "two"] {
        let echo = "echo".parse().unwrap();
        let made = client.make_peer(&Address::own(), &echo, &hook(name), &hook("e"));
        made.unwrap();
    }
    (client, socket)
}

#[test]
fn frames_go_and_come_by_the_hook_that_is_named() {
    let model = Model::new();
    let (_client, socket) = two_hooks(&model);
    let mut into = [0; 100];
    assert_eq!(socket.receive(&mut into).unwrap(), None);
    socket.send(&hook("two"), &[2; 60]).unwrap();
    socket.send(&hook("one"), &[1; 50]).unwrap();
    let received = socket.receive(&mut into).unwrap();
    assert_eq!((received, into[0]), (Some((60, hook("two"))), 2));
    let received = socket.receive(&mut into).unwrap();
    assert_eq!((received, into[0]), (Some((50, hook("one"))), 1));
}

#[test]
fn what_cannot_be_sent_says_why() {
    let model = Model::new();
    let (_client, mut socket) = two_hooks(&model);
    let unknown = socket.send(&hook("three"), &[0; 60]).unwrap_err();
    assert_eq!(unknown.raw_os_error(), Some(libc::EHOSTUNREACH));
    assert_eq!(socket.set_buffers(4096, 0).unwrap().0, 4096);
    let long = socket.send(&hook("one"), &[0; 5000]).unwrap_err();
    assert_eq!(long.raw_os_error(), Some(libc::EMSGSIZE));
}

#[test]
fn a_node_has_one_data_socket_which_ends_with_it() {
    let model = Model::new();
    let (mut client, socket) = two_hooks(&model);
    let mut second = DataSocket::open_on(&*model.kernel()).unwrap();
    let taken = second.join(client.id().unwrap()).unwrap_err();
    assert_eq!(taken.raw_os_error(), Some(libc::EADDRINUSE));
    client.shut_down(&Address::own()).unwrap();
    assert!(socket.receive(&mut [0; 10]).unwrap_err().is_gone());
}
