//! Answers that say more than they have are refused, and say why.

use super::*;
use crate::ng::bridge::{Config, Host, Link, LinkStats};

/// A list whose count, its first number, is another.
fn with_count(mut list: Vec<u8>, count: u32) -> Vec<u8> {
    list[..4].copy_from_slice(&count.to_ne_bytes());
    list
}

#[test]
fn counts_beyond_the_bytes_are_refused() {
    let nodes = generic::encode_nodes(&[em0(), nameless_bridge()]);
    let types = generic::encode_types(&[TypeInfo {
        name: type_("hub"),
        nodes: 1,
    }]);
    let hosts = bridge::encode_table(&[Host {
        address: [2; 6],
        hook: hook("link0"),
        age: 1,
        staleness: 2,
    }]);
    for count in [3, 0x8000_0000, u32::MAX] {
        let refused = |room| MalformedMessage::Count { count, room };
        let decoded = generic::decode_nodes(&with_count(nodes.clone(), count));
        assert_eq!(decoded, Err(refused(2)));
        let decoded = generic::decode_types(&with_count(types.clone(), count));
        assert_eq!(decoded, Err(refused(1)));
        let decoded = bridge::decode_table(&with_count(hosts.clone(), count));
        assert_eq!(decoded, Err(refused(1)));
        let mut list = em0_and_its_hooks();
        list.node.hooks = count;
        assert_eq!(HookList::decode(&list.encode()), Err(refused(2)));
    }
}

#[test]
fn room_behind_the_last_record_is_left_alone() {
    let mut list = em0_and_its_hooks().encode();
    list.resize(list.len() + HookInfo::BYTES, 0);
    assert_eq!(HookList::decode(&list), Ok(em0_and_its_hooks()));
    let nodes = generic::encode_nodes(&[em0(), nameless_bridge()]);
    assert_eq!(
        generic::decode_nodes(&with_count(nodes, 1)),
        Ok(vec![em0()])
    );
}

#[test]
fn strings_without_an_end_are_refused() {
    let unterminated = MalformedMessage::Unterminated { size: NAME_BYTES };
    let node = em0().encode();
    for field in [0, 32] {
        let mut node = node.clone();
        node[field..field + 32].fill(b'x');
        assert_eq!(NodeInfo::decode(&node), Err(unterminated));
        let mut list = em0_and_its_hooks().encode();
        list[72 + field..72 + field + 32].fill(b'x');
        assert_eq!(HookList::decode(&list), Err(unterminated));
    }
    let text = generic::decode_text(b"em0");
    assert_eq!(text, Err(MalformedMessage::Unterminated { size: 3 }));
    assert_eq!(
        generic::decode_text(&[]),
        Err(MalformedMessage::Unterminated { size: 0 })
    );
}

#[test]
fn names_that_have_to_be_there_are() {
    let mut node = em0().encode();
    node[..32].fill(0);
    assert_eq!(NodeInfo::decode(&node).unwrap().name, None);
    node[32..64].fill(0);
    assert_eq!(
        NodeInfo::decode(&node),
        Err(MalformedMessage::Nameless("type"))
    );
    let mut list = em0_and_its_hooks().encode();
    list[72..104].fill(0);
    assert_eq!(
        HookList::decode(&list),
        Err(MalformedMessage::Nameless("hook"))
    );
}

#[test]
fn names_of_the_kernels_are_taken_as_they_are() {
    let mut node = em0().encode();
    node[..8].copy_from_slice(b"a.b:\xff\xc3\x28\0");
    let name = NodeInfo::decode(&node).unwrap().name.unwrap();
    assert_eq!(name.as_str(), "a.b:??(");
    // As long as names can be, of bytes that are no text.
    node[..31].fill(0xff);
    let again = NodeInfo::decode(&node).unwrap();
    assert_eq!(again.name.as_ref().unwrap().as_str(), "?".repeat(31));
    assert_eq!(NodeInfo::decode(&again.encode()), Ok(again));
}

#[test]
fn every_answer_that_is_cut_is_refused() {
    let refuses = |whole: &[u8], decode: &dyn Fn(&[u8]) -> bool| {
        assert!(decode(whole));
        for length in 0..whole.len() {
            assert!(
                !decode(&whole[..length]),
                "{length} of {} bytes",
                whole.len()
            );
        }
    };
    refuses(&em0().encode(), &|bytes| NodeInfo::decode(bytes).is_ok());
    refuses(&em0_and_its_hooks().encode(), &|bytes| {
        HookList::decode(bytes).is_ok()
    });
    refuses(&generic::encode_nodes(&[em0()]), &|bytes| {
        generic::decode_nodes(bytes).is_ok()
    });
    refuses(&LinkStats::default().encode(), &|bytes| {
        LinkStats::decode(bytes).is_ok()
    });
    refuses(&[0; Config::BYTES], &|bytes| Config::decode(bytes).is_ok());
    refuses(&[0; 4], &|bytes| Link::decode(bytes).is_ok());
    refuses(&[0; 6], &|bytes| ether::decode_mac(bytes).is_ok());
    refuses(&[0; 4], &|bytes| ether::decode_number(bytes).is_ok());
    let message = Message::new(generic::NAME, 1, &[7; 32]).encode();
    refuses(&message, &|bytes| Message::decode(bytes).is_ok());
}

#[test]
fn headers_that_lie_about_length_or_version_are_refused() {
    let mut message = Message::new(generic::NAME, 1, &[7; 32]).encode();
    message.push(0);
    let refused = Message::decode(&message).unwrap_err();
    assert_eq!(
        refused,
        MalformedMessage::Length {
            said: 32,
            length: 33
        }
    );
    let (front, rest) = Message::decode_front(&message).unwrap();
    assert_eq!((front.arguments, rest), (&[7; 32][..], &[0][..]));
    message[4..8].copy_from_slice(&u32::MAX.to_ne_bytes());
    let refused = Message::decode_front(&message).unwrap_err();
    assert_eq!(
        refused,
        MalformedMessage::Length {
            said: u32::MAX,
            length: 33
        }
    );
    message[0] = 7;
    assert_eq!(Message::decode(&message), Err(MalformedMessage::Version(7)));
    let refused = Message::decode(&message[..55]).unwrap_err();
    assert_eq!(
        refused,
        MalformedMessage::Short {
            needed: 56,
            length: 55
        }
    );
}

#[test]
fn addresses_of_interfaces_that_lie_are_refused() {
    let decode = eiface::decode_addresses;
    assert_eq!(decode(&[]), Ok(Vec::new()));
    // An empty one takes a whole long all the same.
    assert_eq!(decode(&[0; 8]), Ok(Vec::new()));
    assert!(decode(&[200, 2, 0, 0, 0, 0, 0, 0]).is_err());
    // IPv4 and IPv6 in too few bytes; an Ethernet address behind the end.
    assert!(decode(&[6, 2, 0, 0, 1, 2, 0, 0]).is_err());
    assert!(decode(&[8, 28, 0, 0, 1, 2, 0, 0]).is_err());
    assert!(decode(&[8, 18, 0, 0, 6, 200, 6, 0]).is_err());
    assert_eq!(
        decode(&[3, 77, 5, 0, 0, 0, 0, 0]).unwrap(),
        [eiface::InterfaceAddress::Other {
            family: 77,
            data: vec![5],
        }]
    );
}

#[test]
fn links_are_hooks_and_back() {
    for (name, link) in [
        ("link0", Link::Link(0)),
        ("link4294967295", Link::Link(u32::MAX)),
        ("uplink1", Link::Uplink(1)),
    ] {
        assert_eq!(Link::of_hook(&hook(name)), Some(link));
        assert_eq!(link.hook(), hook(name));
    }
    for none in [
        "link",
        "link01",
        "link+1",
        "link4294967296",
        "uplink0",
        "uplink",
        "lower",
    ] {
        assert_eq!(Link::of_hook(&hook(none)), None, "{none}");
    }
    for unsayable in [Link::Link(1 << 31), Link::Uplink(0), Link::Uplink(1 << 31)] {
        let text = unsayable.encode().unwrap_err().to_string();
        assert!(text.contains("2147483647"), "{text}");
    }
}
