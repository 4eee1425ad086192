//! What is encoded is decoded to the same, and whatever is decoded ends well.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::ng::bridge::{Config, Host, Link, LinkStats};

fn name() -> impl Strategy<Value = String> {
    "[a-zA-Z0-9_ \\[\\]é-]{1,15}".prop_filter("an identifier", |name| NodeName::new(name).is_ok())
}

prop_compose! {
    fn node()(name in proptest::option::of(name()), kind in name(), id: u32, hooks: u32) -> NodeInfo {
        NodeInfo {
            name: name.map(|name| name.parse().unwrap()),
            type_name: type_(&kind),
            id: NodeId(id),
            hooks,
        }
    }
}

prop_compose! {
    fn link()(ours in name(), theirs in name(), peer in node()) -> HookInfo {
        HookInfo {
            our_hook: hook(&ours),
            peer_hook: hook(&theirs),
            peer,
        }
    }
}

prop_compose! {
    fn host()(address: [u8; 6], link in name(), age: u16, staleness: u16) -> Host {
        Host { address, hook: hook(&link), age, staleness }
    }
}

/// Everything that is decoded anywhere.
fn decode_all(bytes: &[u8]) {
    let _ = Message::decode(bytes);
    let _ = Header::decode(bytes).map(|header| header.command_name());
    let _ = NodeInfo::decode(bytes);
    let _ = HookList::decode(bytes);
    let _ = generic::decode_nodes(bytes);
    let _ = generic::decode_types(bytes);
    let _ = generic::decode_text(bytes);
    let _ = AsciiMessage::decode(bytes);
    let _ = BinaryMessage::decode(bytes);
    let _ = bridge::decode_table(bytes);
    let _ = LinkStats::decode(bytes);
    let _ = Config::decode(bytes);
    let _ = Link::decode(bytes).map(|link| link.encode());
    let _ = eiface::decode_addresses(bytes);
    let _ = ether::decode_mac(bytes);
}

proptest! {
    #[test]
    fn answers_come_back(
        node in node(),
        hooks in vec(link(), 0..5),
        nodes in vec(node(), 0..5),
        types in vec((name(), any::<u32>()), 0..5),
        hosts in vec(host(), 0..5),
    ) {
        prop_assert_eq!(NodeInfo::decode(&node.encode()), Ok(node.clone()));
        let node = NodeInfo { hooks: u32::try_from(hooks.len()).unwrap(), ..node };
        let list = HookList { node, hooks };
        prop_assert_eq!(HookList::decode(&list.encode()), Ok(list));
        prop_assert_eq!(generic::decode_nodes(&generic::encode_nodes(&nodes)), Ok(nodes));
        let info = |(name, nodes): (String, u32)| TypeInfo { name: type_(&name), nodes };
        let types: Vec<_> = types.into_iter().map(info).collect();
        prop_assert_eq!(generic::decode_types(&generic::encode_types(&types)), Ok(types));
        prop_assert_eq!(bridge::decode_table(&bridge::encode_table(&hosts)), Ok(hosts));
    }

    #[test]
    fn messages_come_back(
        cookie: u32, number: u32, token: u32, flags: u32, arguments in vec(any::<u8>(), 0..300)
    ) {
        let mut message = Message::new(Command::new("NGM_ANY", cookie, number), token, &arguments);
        message.header.flags = flags;
        message.header.argument_length = u32::try_from(arguments.len()).unwrap();
        let bytes = message.encode();
        prop_assert_eq!(Message::decode(&bytes), Ok(message));
        let answer = Message::response(&message.header, &[]);
        prop_assert!(answer.header.is_response() && answer.header.token == token);
    }

    #[test]
    fn text_comes_back(command in "[a-z]{1,31}", arguments in "[^\0]{0,200}") {
        let text = AsciiMessage { command, arguments };
        prop_assert_eq!(AsciiMessage::decode(&text.encode()), Ok(text));
    }

    #[test]
    fn garbage_ends_well(bytes in vec(any::<u8>(), 0..600)) {
        decode_all(&bytes);
    }

    /// Garbage that begins as it should gets farther.
    #[test]
    fn garbage_in_answers_ends_well(
        hooks in vec(link(), 0..4), node in node(), at: proptest::sample::Index, byte: u8, length: u16
    ) {
        let answer = HookList { node, hooks }.encode();
        let message = Message::new(generic::LISTHOOKS, 1, &answer).encode();
        for mut bytes in [answer, message] {
            *at.get_mut(&mut bytes) = byte;
            bytes.truncate(usize::from(length) + 1);
            decode_all(&bytes);
        }
    }

    /// What stands behind the arguments has no part in them.
    #[test]
    fn nothing_is_read_beyond_the_arguments(node in node(), behind in vec(any::<u8>(), 0..200)) {
        let mut bytes = Message::new(generic::NODEINFO, 1, &node.encode()).encode();
        bytes.extend(&behind);
        let (message, rest) = Message::decode_front(&bytes).unwrap();
        prop_assert_eq!((NodeInfo::decode(message.arguments), rest), (Ok(node), &behind[..]));
    }
}
