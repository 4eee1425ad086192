mod bytes;
mod golden;
mod lies;
mod random;

use super::*;

/// Bytes as [`bytes`] writes them.
fn bytes(text: &str) -> Vec<u8> {
    let digits = |word: &str| -> Vec<u8> {
        (0..word.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&word[at..at + 2], 16).unwrap())
            .collect()
    };
    text.split(' ')
        .flat_map(|word| match word.strip_prefix("0*") {
            Some(zeros) => vec![0; zeros.parse().unwrap()],
            None => digits(word),
        })
        .collect()
}

fn hook(name: &str) -> HookName {
    name.parse().unwrap()
}

fn type_(name: &str) -> TypeName {
    name.parse().unwrap()
}

fn em0() -> NodeInfo {
    NodeInfo {
        name: Some("em0".parse().unwrap()),
        type_name: type_("ether"),
        id: NodeId(0x0102_0304),
        hooks: 2,
    }
}

fn nameless_bridge() -> NodeInfo {
    NodeInfo {
        name: None,
        type_name: type_("bridge"),
        id: NodeId(0x1f),
        hooks: 3,
    }
}

fn em0_and_its_hooks() -> HookList {
    let link = |our_hook, peer_hook| HookInfo {
        our_hook: hook(our_hook),
        peer_hook: hook(peer_hook),
        peer: nameless_bridge(),
    };
    HookList {
        node: em0(),
        hooks: vec![link("lower", "link0"), link("upper", "link1")],
    }
}
