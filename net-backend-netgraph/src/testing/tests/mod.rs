//! Tests of the model.

use net_backend_core::{Activation, Nic};

use super::Model;
use crate::NetgraphConfig;

/// A frame of `length` bytes; addresses are told by their last byte.
fn frame(to: u8, from: u8, length: usize) -> Vec<u8> {
    let mut frame = vec![2, 0, 0, 0, 0, to, 2, 0, 0, 0, 0, from, 0x88, 0xb5];
    frame.resize(length, from);
    frame
}

#[test]
fn a_backend_on_a_bridge_talks_to_a_program() {
    let model = Model::new();
    let mut far = model.far().unwrap();
    far.make_peer(".:", "bridge", "far", "link0").unwrap();
    far.name_node("far", "vmbr0").unwrap();
    let uri = "netgraph:?bridge=vmbr0".parse().unwrap();
    let backend = model
        .open(&NetgraphConfig::from_uri(&uri).unwrap())
        .unwrap();
    let mut nic = Nic::activate(Box::new(backend), &Activation::plain()).unwrap();
    let sent = frame(1, 2, 60);
    let _ = nic.send(&sent).unwrap();
    assert_eq!(far.receive().unwrap(), ("far".to_owned(), sent));
    let sent = frame(2, 1, 61);
    far.send(None, &sent).unwrap();
    let mut buffer = [0; 100];
    let received = nic.recv(&mut buffer).unwrap().unwrap();
    assert_eq!(buffer[..received.length], sent);
}
