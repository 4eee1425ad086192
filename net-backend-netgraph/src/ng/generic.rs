//! The messages that every node understands: netgraph(4), "Generic control messages", and `netgraph/ng_message.h`.

use super::fields::{Reader, Writer, terminated};
use super::names::{HookName, NAME_BYTES, NodeId, NodeName, PATH_BYTES, Path, TypeName};
use super::{Command, MalformedMessage, Message};

/// Whose commands these are (`NGM_GENERIC_COOKIE`).
pub const COOKIE: u32 = 1_137_070_366;

/// Said of a command that changes nothing (`NGM_READONLY`), in its number.
pub const READ_ONLY: u32 = 0x1000_0000;

/// Said of a command that is always answered (`NGM_HASREPLY`), in its number.
pub const HAS_REPLY: u32 = 0x2000_0000;

/// Removes the node, or its hooks only if it stays for as long as a device or a setting wants it.
pub const SHUTDOWN: Command = plain("NGM_SHUTDOWN", 1);
/// Makes a node and connects it: [`make_peer`].
pub const MKPEER: Command = plain("NGM_MKPEER", 2);
/// Connects two nodes: [`connect`].
pub const CONNECT: Command = plain("NGM_CONNECT", 3);
/// Names the node: [`name`].
pub const NAME: Command = plain("NGM_NAME", 4);
/// Removes a hook and the one that it is connected to: [`remove_hook`].
pub const RMHOOK: Command = plain("NGM_RMHOOK", 5);
/// Asks for a [`NodeInfo`].
pub const NODEINFO: Command = asking("NGM_NODEINFO", 6);
/// Asks for a [`HookList`].
pub const LISTHOOKS: Command = asking("NGM_LISTHOOKS", 7);
/// Asks for all nodes that have a name: [`decode_nodes`].
pub const LISTNAMES: Command = asking("NGM_LISTNAMES", 8);
/// Asks for all nodes: [`decode_nodes`].
pub const LISTNODES: Command = asking("NGM_LISTNODES", 9);
/// Asks for the types that the kernel knows: [`decode_types`].
pub const LISTTYPES: Command = asking("NGM_LISTTYPES", 10);
/// Asks for a text for humans, which few types of nodes have: [`decode_text`].
pub const TEXT_STATUS: Command = asking("NGM_TEXT_STATUS", 11);
/// Has a message for this node written as text: [`AsciiMessage`].
pub const BINARY2ASCII: Command = asking("NGM_BINARY2ASCII", 12);
/// Has text read as a message for this node: [`BinaryMessage`].
pub const ASCII2BINARY: Command = asking("NGM_ASCII2BINARY", 13);
/// Reads or sets a text configuration, which hardly any type of nodes has.
pub const TEXT_CONFIG: Command = plain("NGM_TEXT_CONFIG", 14);

/// Arguments of [`MKPEER`], 96 bytes (`struct ngm_mkpeer`): the new node's type, the hook of the node that has the
/// message, and the new node's.
pub fn make_peer(type_: &TypeName, our_hook: &HookName, peer_hook: &HookName) -> Vec<u8> {
    Writer::default()
        .string(type_.as_str(), NAME_BYTES)
        .string(our_hook.as_str(), NAME_BYTES)
        .string(peer_hook.as_str(), NAME_BYTES)
        .done()
}

/// Arguments of [`CONNECT`], 576 bytes (`struct ngm_connect`): the other node as seen from the one that has the message,
/// the hook of the one that has the message, and the other one's.
pub fn connect(to: &Path, our_hook: &HookName, peer_hook: &HookName) -> Vec<u8> {
    Writer::default()
        .string(to.as_str(), PATH_BYTES)
        .string(our_hook.as_str(), NAME_BYTES)
        .string(peer_hook.as_str(), NAME_BYTES)
        .done()
}

/// Arguments of [`NAME`], 32 bytes (`struct ngm_name`).
pub fn name(name: &NodeName) -> Vec<u8> {
    Writer::default().string(name.as_str(), NAME_BYTES).done()
}

/// Arguments of [`RMHOOK`], 32 bytes (`struct ngm_rmhook`).
pub fn remove_hook(our_hook: &HookName) -> Vec<u8> {
    Writer::default()
        .string(our_hook.as_str(), NAME_BYTES)
        .done()
}

/// A node, as `struct nodeinfo` tells of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct NodeInfo {
    /// Its name, if it has one.
    pub name: Option<NodeName>,
    /// What it is.
    pub type_name: TypeName,
    /// Its number.
    pub id: NodeId,
    /// How many hooks it has.
    pub hooks: u32,
}

impl NodeInfo {
    /// Bytes of a `struct nodeinfo`.
    pub const BYTES: usize = 72;

    /// The answer to [`NODEINFO`]. What is behind it is not looked at.
    ///
    /// # Errors
    ///
    /// [`MalformedMessage`] when it is too short, a string has no end, or the type has no name.
    pub fn decode(arguments: &[u8]) -> Result<Self, MalformedMessage> {
        Self::read(&mut Reader::new(arguments))
    }

    /// As the kernel answers.
    pub fn encode(&self) -> Vec<u8> {
        self.write(Writer::default()).done()
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, MalformedMessage> {
        let name = match from.string(NAME_BYTES)? {
            [] => None,
            name => Some(NodeName::of_kernel(name)?),
        };
        Ok(Self {
            name,
            type_name: TypeName::of_kernel(from.string(NAME_BYTES)?)?,
            id: NodeId(from.u32()?),
            hooks: from.u32()?,
        })
    }

    fn write(&self, to: Writer) -> Writer {
        let name = self.name.as_ref().map_or("", NodeName::as_str);
        to.string(name, NAME_BYTES)
            .string(self.type_name.as_str(), NAME_BYTES)
            .u32(self.id.0)
            .u32(self.hooks)
    }
}

/// A hook and what it is connected to, as `struct linkinfo` tells of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HookInfo {
    /// The hook.
    pub our_hook: HookName,
    /// The hook that it is connected to.
    pub peer_hook: HookName,
    /// The node that has that hook.
    pub peer: NodeInfo,
}

impl HookInfo {
    /// Bytes of a `struct linkinfo`.
    pub const BYTES: usize = 136;

    fn read(from: &mut Reader<'_>) -> Result<Self, MalformedMessage> {
        Ok(Self {
            our_hook: HookName::of_kernel(from.string(NAME_BYTES)?)?,
            peer_hook: HookName::of_kernel(from.string(NAME_BYTES)?)?,
            peer: NodeInfo::read(from)?,
        })
    }

    fn write(&self, to: Writer) -> Writer {
        let to = to
            .string(self.our_hook.as_str(), NAME_BYTES)
            .string(self.peer_hook.as_str(), NAME_BYTES);
        self.peer.write(to)
    }
}

/// A node and its hooks, as `struct hooklist` tells of them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HookList {
    /// The node. Its number of hooks is that of `hooks`.
    pub node: NodeInfo,
    /// Its hooks, in no order.
    pub hooks: Vec<HookInfo>,
}

impl HookList {
    /// The answer to [`LISTHOOKS`]. What is behind it is not looked at: the kernel leaves room for hooks that go away
    /// meanwhile.
    ///
    /// # Errors
    ///
    /// [`MalformedMessage`] when there are fewer hooks than it says, a string has no end, or a name is empty.
    pub fn decode(arguments: &[u8]) -> Result<Self, MalformedMessage> {
        let mut reader = Reader::new(arguments);
        let node = NodeInfo::read(&mut reader)?;
        let hooks = reader
            .records(node.hooks, HookInfo::BYTES)?
            .map(|mut record| HookInfo::read(&mut record))
            .collect::<Result<_, _>>()?;
        Ok(Self { node, hooks })
    }

    /// As the kernel answers, with the node's own number of hooks.
    pub fn encode(&self) -> Vec<u8> {
        let node = self.node.write(Writer::default());
        self.hooks
            .iter()
            .fold(node, |to, hook| hook.write(to))
            .done()
    }

    /// The hook of a name.
    pub fn hook(&self, name: &HookName) -> Option<&HookInfo> {
        self.hooks.iter().find(|hook| hook.our_hook == *name)
    }
}

/// A type of nodes, as `struct typeinfo` tells of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TypeInfo {
    /// Its name.
    pub name: TypeName,
    /// How many nodes are of it.
    pub nodes: u32,
}

impl TypeInfo {
    /// Bytes of a `struct typeinfo`.
    pub const BYTES: usize = 36;

    fn read(from: &mut Reader<'_>) -> Result<Self, MalformedMessage> {
        Ok(Self {
            name: TypeName::of_kernel(from.string(NAME_BYTES)?)?,
            nodes: from.u32()?,
        })
    }

    fn write(&self, to: Writer) -> Writer {
        to.string(self.name.as_str(), NAME_BYTES).u32(self.nodes)
    }
}

/// The answer to [`LISTNODES`] and [`LISTNAMES`] (`struct namelist`): nodes in no order. What is behind it is not looked
/// at: the kernel leaves room for nodes that go away meanwhile.
///
/// # Errors
///
/// [`MalformedMessage`] when there are fewer nodes than it says, a string has no end, or a type has no name.
pub fn decode_nodes(arguments: &[u8]) -> Result<Vec<NodeInfo>, MalformedMessage> {
    let mut reader = Reader::new(arguments);
    let count = reader.u32()?;
    reader
        .records(count, NodeInfo::BYTES)?
        .map(|mut record| NodeInfo::read(&mut record))
        .collect()
}

/// Nodes as the kernel lists them.
pub fn encode_nodes(nodes: &[NodeInfo]) -> Vec<u8> {
    let count = Writer::default().count(nodes.len());
    nodes.iter().fold(count, |to, node| node.write(to)).done()
}

/// The answer to [`LISTTYPES`] (`struct typelist`): types in no order.
///
/// # Errors
///
/// [`MalformedMessage`] when there are fewer types than it says, a string has no end, or a type has no name.
pub fn decode_types(arguments: &[u8]) -> Result<Vec<TypeInfo>, MalformedMessage> {
    let mut reader = Reader::new(arguments);
    let count = reader.u32()?;
    reader
        .records(count, TypeInfo::BYTES)?
        .map(|mut record| TypeInfo::read(&mut record))
        .collect()
}

/// Types as the kernel lists them.
pub fn encode_types(types: &[TypeInfo]) -> Vec<u8> {
    let count = Writer::default().count(types.len());
    types.iter().fold(count, |to, type_| type_.write(to)).done()
}

/// The answer to [`TEXT_STATUS`]: text up to the NUL. Bytes that are no UTF-8 become U+FFFD.
///
/// # Errors
///
/// [`MalformedMessage::Unterminated`] without NUL.
pub fn decode_text(arguments: &[u8]) -> Result<String, MalformedMessage> {
    Ok(String::from_utf8_lossy(terminated(arguments)?).into_owned())
}

/// A message as text, in the notation that ngctl(8) and `ng_parse.c` have: the answer to [`BINARY2ASCII`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AsciiMessage {
    /// The command's short name, `getstats`.
    pub command: String,
    /// The arguments, `{ debugLevel=1 loopTimeout=60 }`; empty when it takes none.
    pub arguments: String,
}

impl AsciiMessage {
    /// The answer to [`BINARY2ASCII`]: a message whose arguments are text.
    ///
    /// # Errors
    ///
    /// [`MalformedMessage`] when it is no message, or the text has no end.
    pub fn decode(arguments: &[u8]) -> Result<Self, MalformedMessage> {
        let message = Message::decode(arguments)?;
        Ok(Self {
            command: message.header.command_name(),
            arguments: decode_text(message.arguments)?,
        })
    }

    /// Arguments of [`ASCII2BINARY`]. A command of more than 31 bytes, and what stands behind a NUL, is lost: the client
    /// refuses that.
    pub fn encode(&self) -> Vec<u8> {
        let arguments = Writer::default()
            .string(&self.arguments, self.arguments.len() + 1)
            .done();
        let mut message = Message::new(Command::new("", 0, 0), 0, &arguments);
        message.header.set_command_name(&self.command);
        message.encode()
    }
}

/// A message that the kernel made of text: the answer to [`ASCII2BINARY`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct BinaryMessage {
    /// Whose command it is.
    pub cookie: u32,
    /// Which of the cookie's commands.
    pub command: u32,
    /// The arguments in the kernel's layout.
    pub arguments: Vec<u8>,
}

impl BinaryMessage {
    /// The answer to [`ASCII2BINARY`].
    ///
    /// # Errors
    ///
    /// [`MalformedMessage`] when it is no message.
    pub fn decode(arguments: &[u8]) -> Result<Self, MalformedMessage> {
        let message = Message::decode(arguments)?;
        Ok(Self {
            cookie: message.header.cookie,
            command: message.header.command,
            arguments: message.arguments.to_vec(),
        })
    }

    /// It as a command under a name of one's own.
    pub fn named(&self, name: &'static str) -> Command {
        Command::new(name, self.cookie, self.command)
    }
}

const fn plain(name: &'static str, number: u32) -> Command {
    Command::new(name, COOKIE, number)
}

const fn asking(name: &'static str, number: u32) -> Command {
    plain(name, number | READ_ONLY | HAS_REPLY)
}
