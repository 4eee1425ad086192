mod asking;
mod events;
mod opening;
mod script;

use script::{Line, Script};

use super::*;
use crate::ng::{Address, Client, NodeInfo};

fn here() -> Address {
    Address::own()
}

fn some_node() -> NodeInfo {
    NodeInfo {
        name: None,
        type_name: "socket".parse().unwrap(),
        id: NodeId(7),
        hooks: 0,
    }
}
