//! What every node can be told and asked.

use super::Client;
use crate::ng::names;
use crate::ng::{
    Address, AsciiMessage, BinaryMessage, Command, Error, HookList, HookName, MalformedMessage,
    Message, NodeId, NodeInfo, NodeName, Path, TypeInfo, TypeName, generic, socket,
};

impl Client {
    /// The number of the client's own node.
    ///
    /// # Errors
    ///
    /// As [`ask`](Self::ask).
    pub fn id(&mut self) -> Result<NodeId, Error> {
        Ok(self.node_info(&Address::own())?.id)
    }

    /// Makes a node and connects it with the one at the address (`NGM_MKPEER`). The kernel loads the type's module,
    /// `ng_TYPE`, when it does not know the type.
    ///
    /// # Errors
    ///
    /// [`Error`] with `EEXIST` when the node at the address has the hook already, `ENXIO` and `ENOENT` when there is no
    /// such type, `EPERM` when its module may not be loaded, `EINVAL` when one of the nodes does not want the hook or the
    /// type makes its nodes itself. Nothing is left of the new node then.
    pub fn make_peer(
        &mut self,
        at: &Address,
        type_: &TypeName,
        our_hook: &HookName,
        peer_hook: &HookName,
    ) -> Result<(), Error> {
        let arguments = generic::make_peer(type_, our_hook, peer_hook);
        self.tell(at, generic::MKPEER, &arguments)
            .map_err(|error| error.about(format_args!("a {type_} with hook {peer_hook}")))
    }

    /// Connects the node at the address with another (`NGM_CONNECT`), whose path is as seen from the node at the address.
    ///
    /// # Errors
    ///
    /// [`Error`] with `EEXIST` when one of the hooks is taken, `ENOENT` when one of the nodes is not there, `EINVAL` and
    /// others when one of the nodes does not want the hook.
    pub fn connect(
        &mut self,
        at: &Address,
        to: &Path,
        our_hook: &HookName,
        peer_hook: &HookName,
    ) -> Result<(), Error> {
        let arguments = generic::connect(to, our_hook, peer_hook);
        self.tell(at, generic::CONNECT, &arguments)
            .map_err(|error| error.about(format_args!("{to} hook {peer_hook}")))
    }

    /// Names a node (`NGM_NAME`), also one that has a name.
    ///
    /// # Errors
    ///
    /// [`Error`] with `EADDRINUSE` when a node has the name, this one too.
    pub fn name_node(&mut self, at: &Address, name: &NodeName) -> Result<(), Error> {
        self.tell(at, generic::NAME, &generic::name(name))
            .map_err(|error| error.about(name))
    }

    /// Removes a hook, and the one that it is connected to (`NGM_RMHOOK`). That it is not there is no error.
    ///
    /// # Errors
    ///
    /// As [`tell`](Self::tell).
    pub fn remove_hook(&mut self, at: &Address, hook: &HookName) -> Result<(), Error> {
        self.tell(at, generic::RMHOOK, &generic::remove_hook(hook))
    }

    /// Removes a node with its hooks (`NGM_SHUTDOWN`). Of a node of type `ether` only the hooks go.
    ///
    /// # Errors
    ///
    /// As [`tell`](Self::tell).
    pub fn shut_down(&mut self, at: &Address) -> Result<(), Error> {
        self.tell(at, generic::SHUTDOWN, &[])
    }

    /// What a node is (`NGM_NODEINFO`).
    ///
    /// # Errors
    ///
    /// As [`ask`](Self::ask).
    pub fn node_info(&mut self, at: &Address) -> Result<NodeInfo, Error> {
        self.question(at, generic::NODEINFO, &[], NodeInfo::decode)
    }

    /// What a node is, and what it is connected to (`NGM_LISTHOOKS`).
    ///
    /// # Errors
    ///
    /// As [`ask`](Self::ask).
    pub fn hooks(&mut self, at: &Address) -> Result<HookList, Error> {
        self.question(at, generic::LISTHOOKS, &[], HookList::decode)
    }

    /// All nodes (`NGM_LISTNODES`), in no order.
    ///
    /// # Errors
    ///
    /// As [`ask`](Self::ask); with `ENOBUFS` when the list does not fit the receive buffer.
    pub fn nodes(&mut self) -> Result<Vec<NodeInfo>, Error> {
        let own = Address::own();
        self.question(&own, generic::LISTNODES, &[], generic::decode_nodes)
    }

    /// All nodes that have a name (`NGM_LISTNAMES`), in no order.
    ///
    /// # Errors
    ///
    /// As [`nodes`](Self::nodes).
    pub fn named_nodes(&mut self) -> Result<Vec<NodeInfo>, Error> {
        let own = Address::own();
        self.question(&own, generic::LISTNAMES, &[], generic::decode_nodes)
    }

    /// The types of nodes that the kernel knows at present (`NGM_LISTTYPES`), in no order.
    ///
    /// # Errors
    ///
    /// As [`ask`](Self::ask).
    pub fn types(&mut self) -> Result<Vec<TypeInfo>, Error> {
        let own = Address::own();
        self.question(&own, generic::LISTTYPES, &[], generic::decode_types)
    }

    /// What a node says of itself to humans (`NGM_TEXT_STATUS`), which few types do.
    ///
    /// # Errors
    ///
    /// As [`ask`](Self::ask); with `EINVAL` when the node says nothing.
    pub fn text_status(&mut self, at: &Address) -> Result<String, Error> {
        self.question(at, generic::TEXT_STATUS, &[], generic::decode_text)
    }

    /// A message for a node, or an answer of its, as text (`NGM_BINARY2ASCII`). The node does not act on it.
    ///
    /// # Errors
    ///
    /// As [`ask`](Self::ask); with `ENOSYS` when the node does not know the command, `ERANGE` when the text is longer
    /// than 20 KiB.
    pub fn to_ascii(&mut self, at: &Address, message: &Message<'_>) -> Result<AsciiMessage, Error> {
        let message = message.encode();
        self.question(at, generic::BINARY2ASCII, &message, AsciiMessage::decode)
    }

    /// A message for a node, of text (`NGM_ASCII2BINARY`): `getstats` and `0`. The node does not act on it; the result can
    /// be [told](Self::tell) or [asked](Self::ask).
    ///
    /// # Errors
    ///
    /// As [`ask`](Self::ask); with `ENOSYS` when the node does not know the command, `EINVAL` when the arguments are none
    /// for it; and for a command of more than 31 bytes, or a NUL anywhere.
    pub fn to_binary(
        &mut self,
        at: &Address,
        command: &str,
        arguments: &str,
    ) -> Result<BinaryMessage, Error> {
        names::check_text(command, arguments)
            .map_err(|problem| Error::name(generic::ASCII2BINARY.name, at, problem))?;
        let message = AsciiMessage {
            command: command.to_owned(),
            arguments: arguments.to_owned(),
        };
        let message = message.encode();
        self.question(at, generic::ASCII2BINARY, &message, BinaryMessage::decode)
    }

    /// Whether the client's own node stays when it loses its last hook, as it does if nothing is said, or goes away
    /// (`NGM_SOCK_CMD_LINGER` and `NGM_SOCK_CMD_NOLINGER`).
    ///
    /// # Errors
    ///
    /// As [`tell`](Self::tell).
    pub fn linger(&mut self, linger: bool) -> Result<(), Error> {
        let command = match linger {
            true => socket::LINGER,
            false => socket::NOLINGER,
        };
        self.tell(&Address::own(), command, &[])
    }

    /// Asks, and decodes the answer.
    pub(super) fn question<T>(
        &mut self,
        at: &Address,
        command: Command,
        arguments: &[u8],
        decode: impl FnOnce(&[u8]) -> Result<T, MalformedMessage>,
    ) -> Result<T, Error> {
        let answer = self.ask(at, command, arguments)?;
        decode(&answer).map_err(|problem| Error::malformed(command.name, at, problem))
    }
}
