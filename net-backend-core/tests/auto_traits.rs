//! What VMMs rely on at compile time: the traits can be used as objects, and everything can change threads.

use net_backend_core::layers::{AcceptedOffloads, HoldNext, PeekHeader};
use net_backend_core::memory::{Loopback, Null, PairEnd};
use net_backend_core::testing::{BackendPeer, Failure, Opened, Peer, Rig};
use net_backend_core::wake::{Doorbell, Wake};
use net_backend_core::{
    Bell, Capabilities, Counters, Environment, Error, NetBackend, Nic, PortForwarding, QueuePair,
    Registry, RxQueue, RxSlice, Spawn, TxQueue, TxSlice, Uri,
};

const fn is_send<T: Send + ?Sized>() {}
const fn is_sync<T: Sync + ?Sized>() {}
const fn is_static_error<T: std::error::Error + Send + Sync + 'static>() {}

const _: () = {
    is_send::<dyn NetBackend>();
    is_send::<dyn TxQueue>();
    is_send::<dyn RxQueue>();
    is_send::<dyn PeekHeader>();
    is_send::<dyn Peer>();
    is_send::<dyn Rig>();
    is_sync::<dyn Rig>();
    is_send::<dyn Spawn>();
    is_sync::<dyn Spawn>();
    is_send::<dyn Doorbell>();
    is_sync::<dyn Doorbell>();
};

const _: () = {
    is_send::<Box<dyn NetBackend>>();
    is_send::<QueuePair>();
    is_send::<Nic>();
    is_send::<Null>();
    is_send::<Loopback>();
    is_send::<PairEnd>();
    is_send::<BackendPeer>();
    is_send::<Opened>();
    is_send::<Failure>();
    is_send::<TxSlice<'static>>();
    is_sync::<TxSlice<'static>>();
    is_send::<RxSlice<'static>>();
    is_sync::<RxSlice<'static>>();
};

const _: () = {
    is_send::<HoldNext>();
    is_send::<AcceptedOffloads>();
    is_sync::<AcceptedOffloads>();
    is_send::<Counters>();
    is_sync::<Counters>();
    is_send::<Wake<Bell>>();
    is_sync::<Wake<Bell>>();
    is_send::<Registry>();
    is_sync::<Registry>();
    is_send::<Environment>();
    is_sync::<Environment>();
    is_send::<Uri>();
    is_sync::<Capabilities>();
    is_static_error::<Error>();
};

/// Each trait as an object, and each method of it callable.
#[test]
fn traits_are_object_safe() {
    let mut backend: Box<dyn NetBackend> = Box::new(Null::new());
    let port_forwarding: Option<&dyn PortForwarding> = backend.port_forwarding();
    assert!(port_forwarding.is_none());
    assert!(backend.events().is_none());
    assert!(backend.next_event().is_none());
    let mut pairs = backend
        .activate(&net_backend_core::Activation::plain())
        .unwrap();
    let QueuePair { mut rx, mut tx } = pairs.pop().unwrap();
    let transmit = std::thread::spawn(move || tx.flush().is_ok());
    let receive = std::thread::spawn(move || matches!(rx.peek(), Ok(None)));
    assert!(transmit.join().unwrap());
    assert!(receive.join().unwrap());
}
