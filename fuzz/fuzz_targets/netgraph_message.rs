//! Any bytes as a message of netgraph's and as every kind of answer, and any text as names and paths.
#![no_main]

use std::fmt::Debug;
use std::str::FromStr;

use libfuzzer_sys::fuzz_target;
use net_backend::netgraph::ng::bridge::{self, Config, Link, LinkStats};
use net_backend::netgraph::ng::{
    Address, AsciiMessage, BinaryMessage, HookList, HookName, MalformedMessage, Message, NameError,
    NodeId, NodeInfo, NodeName, Path, TypeName, device, eiface, ether, generic,
};

fuzz_target!(|bytes: &[u8]| {
    if let Ok((message, behind)) = Message::decode_front(bytes) {
        assert_eq!(
            message.header.argument_length as usize,
            message.arguments.len()
        );
        assert_eq!(Message::decode(&message.encode()), Ok(message));
        assert_eq!(Message::decode(bytes).is_ok(), behind.is_empty());
        let _ = message.header.command_name();
        answers(message.arguments);
    }
    answers(bytes);
    if let Ok(text) = std::str::from_utf8(bytes) {
        names(text);
    }
});

fn answers(bytes: &[u8]) {
    same(bytes, NodeInfo::decode, NodeInfo::encode);
    same(bytes, HookList::decode, HookList::encode);
    same(bytes, generic::decode_nodes, |nodes| {
        generic::encode_nodes(nodes)
    });
    same(bytes, generic::decode_types, |types| {
        generic::encode_types(types)
    });
    same(bytes, bridge::decode_table, |hosts| {
        bridge::encode_table(hosts)
    });
    same(bytes, Config::decode, Config::encode);
    same(bytes, LinkStats::decode, LinkStats::encode);
    if let Ok(link) = Link::decode(bytes) {
        assert_eq!(Link::of_hook(&link.hook()), Some(link));
    }
    if let Ok(text) = AsciiMessage::decode(bytes) {
        let _ = AsciiMessage::decode(&text.encode());
    }
    if let Ok(binary) = BinaryMessage::decode(bytes) {
        assert!(binary.arguments.len() <= bytes.len());
    }
    let _ = generic::decode_text(bytes);
    let _ = eiface::decode_name(bytes);
    let _ = eiface::decode_addresses(bytes);
    let _ = ether::decode_name(bytes);
    let _ = ether::decode_number(bytes);
    let _ = ether::decode_mac(bytes);
    let _ = device::decode_name(bytes);
}

/// What is decoded is written so that it is decoded again, in no more bytes than there were.
fn same<T: Debug + PartialEq>(
    bytes: &[u8],
    decode: impl Fn(&[u8]) -> Result<T, MalformedMessage>,
    encode: impl Fn(&T) -> Vec<u8>,
) {
    let Ok(decoded) = decode(bytes) else {
        return;
    };
    let encoded = encode(&decoded);
    assert!(encoded.len() <= bytes.len(), "{decoded:?}");
    assert_eq!(decode(&encoded), Ok(decoded));
}

fn names(text: &str) {
    name::<NodeName>(text, 31);
    name::<HookName>(text, 31);
    name::<TypeName>(text, 31);
    name::<Path>(text, 511);
    name::<Address>(text, 32);
    if let Ok(id) = text.parse::<NodeId>() {
        assert!(NodeName::new(text).is_err(), "{text}");
        assert_eq!(id.to_string().parse(), Ok(id));
    }
    if let Ok(address) = text.parse::<Address>() {
        assert_eq!(Address::try_from(Path::from(address.clone())), Ok(address));
    }
}

fn name<N>(text: &str, longest: usize)
where
    N: FromStr<Err = NameError> + AsRef<str>,
{
    match text.parse::<N>() {
        Ok(name) => assert!(name.as_ref() == text && (1..=longest).contains(&text.len())),
        Err(error) => assert!(text.is_char_boundary(error.position()), "{error}"),
    }
}
