//! What only the model has: a kernel without privilege or modules, interfaces with wires, faults, clocks.

use std::sync::{Arc, Barrier};
use std::thread;

use super::super::{Call, Mischief, Settings};
use super::*;
use crate::ng::{Address, Client};

fn model(change: impl FnOnce(&mut Settings)) -> Model {
    let model = Model::new();
    model.configure(change);
    model
}

// socket(2), ngc_attach, kern_kldload
#[test]
fn modules_and_privilege_are_asked_for() {
    let model = model(|settings| {
        settings.loaded.clear();
        settings.may_load = false;
    });
    refused(model.control(), Errno::AFNOSUPPORT);
    refused(model.data(), Errno::AFNOSUPPORT);
    refused(model.load("ng_socket"), Errno::PERM);
    model.configure(|settings| settings.may_load = true);
    refused(model.load("ng_none"), Errno::NOENT);
    model.load("ng_socket").unwrap();
    model.load("ng_socket").unwrap();
    model.control().unwrap();
    model.configure(|settings| settings.privileged = false);
    refused(model.control(), Errno::PERM);
    model.data().unwrap();
}

// ngc_send: modules of types
#[test]
fn types_are_loaded_when_they_are_needed() {
    let model = model(|settings| {
        settings.loadable.push("ng_odd".to_owned());
        settings.may_load = false;
    });
    let mut far = model.far().unwrap();
    refused(far.make_peer(".:", "hub", "a", "x"), Errno::PERM);
    model.configure(|settings| settings.may_load = true);
    refused(far.make_peer(".:", "none", "a", "x"), Errno::NOENT);
    refused(far.make_peer(".:", "odd", "a", "x"), Errno::NXIO);
    far.make_peer(".:", "hub", "a", "x").unwrap();
}

// ng_ether_attach, ng_ether_newhook, ng_ether_shutdown, ng_ether_detach
#[test]
fn interfaces_have_nodes() {
    let model = model(|settings| settings.loaded.retain(|module| module != "ng_ether"));
    model.add_interface("em0");
    model.add_interface("vlan.5");
    assert_eq!(model.nodes(), []);
    model.load("ng_ether").unwrap();
    assert_eq!(
        model.nodes(),
        [("em0".into(), "ether"), ("vlan_5".into(), "ether")]
    );
    let mut far = model.far().unwrap();
    refused(far.connect(".:", "em0:", "a", "x"), Errno::INVAL);
    far.connect(".:", "em0:", "a", "lower").unwrap();
    refused(far.connect(".:", "em0:", "b", "divert"), Errno::ISCONN);
    refused(far.connect(".:", "em0:", "b", "lower"), Errno::EXIST);
    far.connect(".:", "em0:", "b", "upper").unwrap();
    far.connect(".:", "em0:", "c", "orphans").unwrap();
    refused(far.make_peer(".:", "ether", "d", "lower"), Errno::INVAL);
    // It only loses its hooks.
    far.shut_down("em0:").unwrap();
    assert_eq!(info(&mut far, "em0:"), ("em0".into(), "ether".into(), 0));
    model.remove_interface("em0");
    gone(&mut far, "em0:");
    assert!(!model.has_interface("em0"));
}

// ng_ether_rcv_lower, ng_ether_rcv_upper, ng_ether_input, ng_ether_output
#[test]
fn frames_pass_interfaces() {
    let model = Model::new();
    model.add_interface("em0");
    let mut far = model.far().unwrap();
    let sent = frame(1, 2, 60);
    model.send_from_wire("em0", &sent).unwrap();
    assert_eq!(model.receive_on_host("em0").as_ref(), Some(&sent));
    far.connect(".:", "em0:", "a", "lower").unwrap();
    model.send_from_wire("em0", &sent).unwrap();
    assert_eq!(far.receive().unwrap(), ("a".to_owned(), sent.clone()));
    far.send(None, &sent).unwrap();
    assert_eq!(model.receive_on_wire("em0").as_ref(), Some(&sent));
    refused(far.send(None, &frame(1, 2, 13)), Errno::INVAL);
    far.tell("em0:", cookie::ETHER, 8, &1_u32.to_ne_bytes())
        .unwrap();
    far.send(None, &sent).unwrap();
    let mac = far.ask("em0:", cookie::ETHER, 3, &[]).unwrap();
    assert_eq!(model.receive_on_wire("em0").unwrap()[6..12], mac);
    model.set_interface_up("em0", false);
    refused(far.send(None, &sent), Errno::NETDOWN);
    model.set_interface_up("em0", true);
    far.connect(".:", "em0:", "b", "upper").unwrap();
    model.send_from_host("em0", &sent).unwrap();
    assert_eq!(far.receive().unwrap(), ("b".to_owned(), sent.clone()));
    far.send(Some("b"), &sent).unwrap();
    assert_eq!(model.receive_on_host("em0"), Some(sent));
}

// ng_ether_link_state
#[test]
fn cables_are_pulled() {
    let model = Model::new();
    model.add_interface("em0");
    let mut far = model.far().unwrap();
    far.connect(".:", "em0:", "a", "lower").unwrap();
    model.set_link("em0", false);
    model.set_link("em0", true);
    for command in [33, 32] {
        let message = far.next_message().unwrap();
        assert_eq!(message, Some((cookie::FLOW, command, Vec::new())));
    }
    refused(far.next_message(), Errno::AGAIN);
}

// ng_eiface_rcvdata, ng_eiface_start2
#[test]
fn interfaces_of_nodes_carry_frames() {
    let model = Model::new();
    let mut far = model.far().unwrap();
    far.make_peer(".:", "eiface", "a", "ether").unwrap();
    refused(
        model.send_from_host("ngeth0", &frame(1, 2, 60)),
        Errno::NETDOWN,
    );
    model.set_interface_up("ngeth0", true);
    far.send(None, &frame(1, 2, 60)).unwrap();
    assert_eq!(model.receive_on_host("ngeth0"), Some(frame(1, 2, 60)));
    model.send_from_host("ngeth0", &frame(2, 1, 61)).unwrap();
    assert_eq!(far.receive().unwrap().1, frame(2, 1, 61));
}

#[test]
fn answers_are_spoilt_as_it_was_asked_for() {
    let model = Model::new();
    let control = model.control().unwrap();
    let ask = super::super::message::Message::new(cookie::GENERIC, NODE_INFO, Vec::new()).bytes();
    let mut buffer = [0; 256];
    let mut expect = |mischief, lengths: &[usize]| {
        model.spoil(mischief);
        control.send(".:", &ask).unwrap();
        for length in lengths {
            assert_eq!(
                control.receive(&mut buffer).unwrap().0,
                *length,
                "{mischief:?}"
            );
        }
        refused(control.receive(&mut buffer), Errno::AGAIN);
    };
    expect(Mischief::Lost, &[]);
    expect(Mischief::Twice, &[128, 128]);
    expect(Mischief::Cut(60), &[60]);
    expect(Mischief::Foreign, &[128, 128]);
    expect(Mischief::Claims(1), &[128]);
    expect(Mischief::Late, &[]);
    expect(Mischief::Cut(60), &[60, 128]);
}

#[test]
fn calls_are_counted_and_made_to_fail() {
    let model = Model::new();
    model.fail(Call::Bind, 1, 2, Errno::NOMEM.raw_os_error());
    let control = model.control().unwrap();
    control.bind("a").unwrap();
    refused(control.bind("b"), Errno::NOMEM);
    refused(control.bind("b"), Errno::NOMEM);
    control.bind("b").unwrap();
    control.limit().unwrap();
    refused(control.bind("c"), Errno::PERM);
    refused(control.send(".:", &[]), Errno::PERM);
    refused(control.receive(&mut [0; 64]), Errno::AGAIN);
    let counts = model.counts();
    assert_eq!(
        (
            counts.of(Call::Control),
            counts.of(Call::Bind),
            counts.of(Call::Hear)
        ),
        (1, 5, 1)
    );
}

// DataSocket::check of the system's kernel
#[test]
fn descriptors_are_passed() {
    let model = Model::new();
    let mut far = model.far().unwrap();
    far.make_peer(".:", "echo", "a", "x").unwrap();
    let passed = model.passed_data(far.number()).unwrap();
    refused(passed.connect(".:"), Errno::ISCONN);
    refused(model.passed_data(-1), Errno::BADF);
    refused(model.passed_data(0), Errno::PROTOTYPE);
    let alone = model.data().unwrap();
    let number = std::os::fd::AsRawFd::as_raw_fd(&alone.descriptor());
    refused(model.passed_data(number), Errno::NOTCONN);
    // It keeps the socket open, and with it the node.
    drop(far);
    assert_eq!(model.nodes().len(), 2);
    drop(passed);
    assert_eq!(model.nodes(), []);
}

// ng_con_part2: one of several gets the link
#[test]
fn of_two_who_want_a_link_one_gets_it() {
    let model = Model::new();
    let mut far = model.far().unwrap();
    far.make_peer(".:", "bridge", "a", "link0").unwrap();
    far.name_node("a", "vmbr0").unwrap();
    let barrier = Arc::new(Barrier::new(4));
    let openers = [0; 4].map(|_| {
        let (model, barrier) = (model.clone(), barrier.clone());
        thread::spawn(move || {
            let mut far = model.far().unwrap();
            barrier.wait();
            let results = (1..50).map(|link| {
                far.connect(".:", "vmbr0:", &format!("h{link}"), &format!("link{link}"))
            });
            let errors = results.filter_map(|result| result.err());
            let lost = errors.filter(|error| Errno::from_io_error(error) == Some(Errno::EXIST));
            let lost = lost.count();
            (lost, far)
        })
    });
    let openers = openers.map(|opener| opener.join().unwrap());
    let lost: usize = openers.iter().map(|(lost, _)| lost).sum();
    assert_eq!(lost, 3 * 49);
    assert_eq!(model.hooks("vmbr0").len(), 50);
}

// A graph in a ring never comes to rest; system calls return all the same.
#[test]
fn rings_of_hubs_do_not_hang_the_model() {
    let model = Model::new();
    let mut far = model.far().unwrap();
    far.make_peer(".:", "hub", "a", "x").unwrap();
    far.make_peer("a", "hub", "b", "x").unwrap();
    far.connect("a", "b", "c", "y").unwrap();
    far.set_buffers(0, 200).unwrap();
    let _ring = far.send(None, &frame(1, 2, 60));
    assert_eq!(info(&mut far, "a").2, 3);
}

// ngs_rcvmsg, as the library sees it
#[test]
fn the_client_asks_the_model() {
    let model = Model::new();
    let mut client = Client::open_on(&model).unwrap();
    client.name(&"nbm-client".parse().unwrap()).unwrap();
    let here = Address::new(".:").unwrap();
    let info = client.node_info(&here).unwrap();
    assert_eq!(info.name.unwrap().as_str(), "nbm-client");
    assert_eq!(info.type_name.as_str(), "socket");
}
