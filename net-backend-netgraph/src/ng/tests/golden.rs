//! Messages are those of the kernel's headers. Their bytes are compared where they were made for.
#![cfg(all(target_pointer_width = "64", target_endian = "little"))]

use std::net::{Ipv4Addr, Ipv6Addr};

use super::bytes::{self as golden};
use super::*;
use crate::ng::bridge::{Config, Host, Link, LinkStats};
use crate::ng::eiface::InterfaceAddress;

const MAC: [u8; 6] = [0x58, 0x9c, 0xfc, 1, 2, 3];

#[test]
fn headers_are_the_kernels() {
    let kernel = bytes(golden::HEADER);
    assert_eq!(kernel.len(), HEADER_BYTES);
    let header = Header::decode(&kernel).unwrap();
    let mut expected = Header::new(
        Command::new("getstats", 0x3132_3334, 0x1112_1314),
        0x2122_2324,
    );
    expected.flags = RESPONSE;
    expected.argument_length = 0x0102_0304;
    assert_eq!(header, expected);
    assert!(header.is_response() && header.command_name() == "getstats");
}

#[test]
fn a_whole_message_is_the_kernels() {
    let arguments = generic::make_peer(&type_("bridge"), &hook("ours"), &hook("link0"));
    let message = Message::new(generic::MKPEER, 0x2122_2324, &arguments);
    let kernel = bytes(golden::QUESTION);
    assert_eq!(message.encode(), kernel);
    let decoded = Message::decode(&kernel).unwrap();
    assert!(generic::MKPEER.is(&decoded.header) && !generic::CONNECT.is(&decoded.header));
    assert_eq!(
        (decoded.arguments, decoded.header.argument_length),
        (&arguments[..], 96)
    );
}

#[test]
fn arguments_of_generic_messages_are_the_kernels() {
    let to: Path = "em0:lower".parse().unwrap();
    let made = generic::make_peer(&type_("bridge"), &hook("ours"), &hook("link0"));
    assert_eq!(made, bytes(golden::MKPEER));
    let connected = generic::connect(&to, &hook("ours"), &hook("link1"));
    assert_eq!(connected, bytes(golden::CONNECT));
    assert_eq!(
        generic::name(&"switch0".parse().unwrap()),
        bytes(golden::NAME)
    );
    assert_eq!(generic::remove_hook(&hook("ours")), bytes(golden::RMHOOK));
}

#[test]
fn answers_to_generic_messages_are_the_kernels() {
    let kernel = bytes(golden::NODEINFO);
    assert_eq!(
        (kernel.len(), NodeInfo::decode(&kernel)),
        (NodeInfo::BYTES, Ok(em0()))
    );
    assert_eq!(em0().encode(), kernel);

    let kernel = bytes(golden::HOOKLIST);
    assert_eq!(HookList::decode(&kernel), Ok(em0_and_its_hooks()));
    assert_eq!(em0_and_its_hooks().encode(), kernel);
    assert_eq!(kernel.len(), NodeInfo::BYTES + 2 * HookInfo::BYTES);

    let kernel = bytes(golden::NAMELIST);
    let nodes = vec![em0(), nameless_bridge()];
    assert_eq!(generic::encode_nodes(&nodes), kernel);
    assert_eq!(generic::decode_nodes(&kernel), Ok(nodes));

    let kernel = bytes(golden::TYPELIST);
    let info = |name, nodes| TypeInfo {
        name: type_(name),
        nodes,
    };
    let types = vec![info("socket", 0x0102_0304), info("bridge", 5)];
    assert_eq!(kernel.len(), 4 + 2 * TypeInfo::BYTES);
    assert_eq!(generic::encode_types(&types), kernel);
    assert_eq!(generic::decode_types(&kernel), Ok(types));
}

#[test]
fn messages_as_text_are_the_kernels() {
    let text = AsciiMessage {
        command: "setconfig".to_owned(),
        arguments: "{ loopTimeout=30 } ".to_owned(),
    };
    assert_eq!(text.encode(), bytes(golden::ASCII));
    assert_eq!(AsciiMessage::decode(&bytes(golden::ASCII_ANSWER)), Ok(text));

    let binary = BinaryMessage::decode(&bytes(golden::BINARY)).unwrap();
    let command = binary.named("NGM_BRIDGE_SET_CONFIG");
    assert_eq!(command, bridge::SET_CONFIG);
    assert_eq!(Config::decode(&binary.arguments).unwrap().loop_timeout, 30);
}

#[test]
fn bridges_are_the_kernels() {
    let config = Config {
        debug_level: 1,
        loop_timeout: 0x0102_0304,
        max_staleness: 0x1112_1314,
        min_stable_age: 0x2122_2324,
    };
    let kernel = bytes(golden::CONFIG);
    assert_eq!(
        (config.encode(), kernel.len()),
        (kernel.clone(), Config::BYTES)
    );
    assert_eq!(Config::decode(&kernel), Ok(config));

    let base = 0x0102_0304_0506_0700;
    let stats = LinkStats {
        received_bytes: base + 1,
        received_frames: base + 2,
        received_multicasts: base + 3,
        received_broadcasts: base + 4,
        received_unknown: base + 5,
        received_runts: base + 6,
        received_invalid: base + 7,
        sent_bytes: base + 8,
        sent_frames: base + 9,
        sent_multicasts: base + 10,
        sent_broadcasts: base + 11,
        loop_drops: base + 12,
        loop_detects: base + 13,
        memory_failures: base + 14,
    };
    let kernel = bytes(golden::STATS);
    assert_eq!(
        (stats.encode(), kernel.len()),
        (kernel.clone(), LinkStats::BYTES)
    );
    assert_eq!(LinkStats::decode(&kernel), Ok(stats));
}

#[test]
fn hosts_of_bridges_are_the_kernels() {
    let host = |address, link: Link, age, staleness| Host {
        address,
        hook: link.hook(),
        age,
        staleness,
    };
    let hosts = vec![
        host(MAC, Link::Link(0), 0x0102, 0x0304),
        host([2, 0, 0, 0, 0, 5], Link::Uplink(1), 0x1112, 0x1314),
    ];
    let kernel = bytes(golden::HOSTS);
    assert_eq!(kernel.len(), 4 + 2 * Host::BYTES);
    assert_eq!(bridge::encode_table(&hosts), kernel);
    assert_eq!(bridge::decode_table(&kernel), Ok(hosts));
    assert_eq!(
        bridge::move_host(MAC, &hook("link7")),
        bytes(golden::MOVE_HOST)
    );
}

#[test]
fn numbers_of_links_are_the_kernels() {
    for (link, kernel) in [
        (Link::Link(0x0102_0304), "04030201"),
        (Link::Uplink(3), "fdffffff"),
    ] {
        assert_eq!(link.encode().unwrap(), bytes(kernel));
        assert_eq!(Link::decode(&bytes(kernel)), Ok(link));
    }
}

#[test]
fn addresses_of_interfaces_are_the_kernels() {
    let link_local = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);
    assert_eq!(
        eiface::decode_addresses(&bytes(golden::ADDRESSES)),
        Ok(vec![
            InterfaceAddress::Ethernet(MAC),
            InterfaceAddress::V4(Ipv4Addr::new(10, 0, 0, 1)),
            InterfaceAddress::V6(link_local),
        ])
    );
}

#[test]
fn short_answers_are_the_kernels() {
    assert_eq!(ether::decode_number(&bytes("04030201")), Ok(0x0102_0304));
    assert_eq!(ether::number(1), bytes("01000000"));
    assert_eq!(ether::decode_mac(&bytes("589cfc010203")), Ok(MAC));
    // 16 bytes (`IFNAMSIZ`) of an interface's name; 7 of a device's.
    assert_eq!(ether::decode_name(&bytes("656d30 0*13")).unwrap(), "em0");
    assert_eq!(
        device::decode_name(&bytes("6e67643100 0*2")).unwrap(),
        "ngd1"
    );
}

#[test]
fn commands_are_the_kernels() {
    use bridge::*;
    let all: &[(u32, &[Command])] = &[
        (
            0x43c6_511e,
            &[
                generic::SHUTDOWN,
                generic::MKPEER,
                generic::CONNECT,
                generic::NAME,
            ],
        ),
        (
            0x5d89_f409,
            &[
                SET_CONFIG,
                GET_CONFIG,
                RESET,
                GET_STATS,
                CLR_STATS,
                GETCLR_STATS,
            ],
        ),
        (0x32c2_6751, &[socket::NOLINGER, socket::LINGER]),
        (0x4080_e71d, &[hub::SET_PERSISTENT]),
        (
            0x3882_f2a4,
            &[eiface::GET_IFNAME, eiface::GET_IFADDRS, eiface::SET],
        ),
        (
            0x36b4_511a,
            &[ether::GET_IFNAME, ether::GET_IFINDEX, ether::GET_ENADDR],
        ),
    ];
    for (cookie, commands) in all {
        for (number, command) in (1..).zip(*commands) {
            assert_eq!(
                (command.cookie, command.number),
                (*cookie, number),
                "{command:?}"
            );
        }
    }
}

#[test]
fn commands_behind_these_are_the_kernels() {
    use bridge::*;
    check_numbers(&[
        (generic::RMHOOK, 5),
        (generic::NODEINFO, 0x3000_0006),
        (generic::LISTHOOKS, 0x3000_0007),
        (generic::LISTNAMES, 0x3000_0008),
        (generic::LISTNODES, 0x3000_0009),
        (generic::LISTTYPES, 0x3000_000a),
        (generic::TEXT_STATUS, 0x3000_000b),
        (generic::BINARY2ASCII, 0x3000_000c),
        (generic::ASCII2BINARY, 0x3000_000d),
        (generic::TEXT_CONFIG, 14),
        (GET_TABLE, 7),
        (SET_PERSISTENT, 8),
        (MOVE_HOST, 9),
    ]);
}

#[test]
fn other_commands_are_the_kernels() {
    check_numbers(&[
        (device::GET_DEVNAME, 0),
        (device::ETHERALIGN, 1),
        (ether::SET_ENADDR, 4),
        (ether::GET_PROMISC, 5),
        (ether::SET_PROMISC, 6),
        (ether::GET_AUTOSRC, 7),
        (ether::SET_AUTOSRC, 8),
        (ether::ADD_MULTI, 9),
        (ether::DEL_MULTI, 10),
        (ether::DETACH, 11),
        (flow::LINK_IS_UP, 32),
        (flow::LINK_IS_DOWN, 33),
    ]);
    assert_eq!((flow::COOKIE, device::COOKIE), (0x32c3_7e5d, 0x4109_4f5a));
}

fn check_numbers(commands: &[(Command, u32)]) {
    for (command, number) in commands {
        assert_eq!(command.number, *number, "{command:?}");
    }
}
