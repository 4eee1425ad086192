//! Messages as text, for the commands that are most used: `NGM_BINARY2ASCII` and `NGM_ASCII2BINARY` of
//! sys/netgraph/ng_base.c, without those that answer with lists.

use rustix::io::Errno;

use super::forms::{Form, tokens};
use super::graph::{Answer, Graph, NodeId};
use super::message::{IS_ANSWER, Message, NAME, PATH, READ_ONLY, VERSION, cookie, until_nul};

/// `struct ng_cmdlist`: cookie, command, name, arguments, arguments of the answer.
type Command = (u32, u32, &'static str, Form, Form);

const ASKS: u32 = READ_ONLY | 0x2000_0000;
const NAMED: Form = Form::Buffer(NAME);
const LONG: Form = Form::Number(4);
const QUAD: Form = Form::Number(8);
const NODE_INFO: Form = Form::Struct(&[
    ("name", NAMED),
    ("type", NAMED),
    ("id", Form::Hexadecimal),
    ("hooks", LONG),
]);
const BRIDGE_CONFIG: Form = Form::Struct(&[
    ("debugLevel", Form::Number(1)),
    ("loopTimeout", LONG),
    ("maxStaleness", LONG),
    ("minStableAge", LONG),
]);
const BRIDGE_STATS: Form = Form::Struct(&[
    ("recvOctets", QUAD),
    ("recvPackets", QUAD),
    ("recvMulticast", QUAD),
    ("recvBroadcast", QUAD),
    ("recvUnknown", QUAD),
    ("recvRunts", QUAD),
    ("recvInvalid", QUAD),
    ("xmitOctets", QUAD),
    ("xmitPackets", QUAD),
    ("xmitMulticasts", QUAD),
    ("xmitBroadcasts", QUAD),
    ("loopDrops", QUAD),
    ("loopDetects", QUAD),
    ("memoryFailures", QUAD),
]);

const GENERIC: &[Command] = &[
    (cookie::GENERIC, 1, "shutdown", Form::Nothing, Form::Nothing),
    (
        cookie::GENERIC,
        2,
        "mkpeer",
        Form::Struct(&[("type", NAMED), ("ourhook", NAMED), ("peerhook", NAMED)]),
        Form::Nothing,
    ),
    (
        cookie::GENERIC,
        3,
        "connect",
        Form::Struct(&[
            ("path", Form::Buffer(PATH)),
            ("ourhook", NAMED),
            ("peerhook", NAMED),
        ]),
        Form::Nothing,
    ),
    (
        cookie::GENERIC,
        4,
        "name",
        Form::Struct(&[("name", NAMED)]),
        Form::Nothing,
    ),
    (
        cookie::GENERIC,
        5,
        "rmhook",
        Form::Struct(&[("hook", NAMED)]),
        Form::Nothing,
    ),
    (
        cookie::GENERIC,
        6 | ASKS,
        "nodeinfo",
        Form::Nothing,
        NODE_INFO,
    ),
    (
        cookie::GENERIC,
        11 | ASKS,
        "textstatus",
        Form::Nothing,
        Form::Text,
    ),
];
const BRIDGE: &[Command] = &[
    (cookie::BRIDGE, 1, "setconfig", BRIDGE_CONFIG, Form::Nothing),
    (cookie::BRIDGE, 2, "getconfig", Form::Nothing, BRIDGE_CONFIG),
    (cookie::BRIDGE, 3, "reset", Form::Nothing, Form::Nothing),
    (cookie::BRIDGE, 4, "getstats", LONG, BRIDGE_STATS),
    (cookie::BRIDGE, 5, "clrstats", LONG, Form::Nothing),
    (cookie::BRIDGE, 6, "getclrstats", LONG, BRIDGE_STATS),
    (
        cookie::BRIDGE,
        8,
        "setpersistent",
        Form::Nothing,
        Form::Nothing,
    ),
    (
        cookie::BRIDGE,
        9,
        "movehost",
        Form::Struct(&[("addr", Form::Mac), ("hook", NAMED)]),
        Form::Nothing,
    ),
];
const HUB: &[Command] = &[(
    cookie::HUB,
    1,
    "setpersistent",
    Form::Nothing,
    Form::Nothing,
)];
const EIFACE: &[Command] = &[
    (cookie::EIFACE, 1, "getifname", Form::Nothing, Form::Text),
    (cookie::EIFACE, 3, "set", Form::Mac, Form::Nothing),
];
const ETHER: &[Command] = &[
    (cookie::ETHER, 1, "getifname", Form::Nothing, Form::Text),
    (cookie::ETHER, 9, "addmulti", Form::Mac, Form::Nothing),
    (cookie::ETHER, 10, "delmulti", Form::Mac, Form::Nothing),
    (cookie::ETHER, 11, "detach", Form::Nothing, Form::Nothing),
];
const DEVICE: &[Command] = &[
    (cookie::DEVICE, 0, "getdevname", Form::Nothing, Form::Text),
    (
        cookie::DEVICE,
        1,
        "etheralign",
        Form::Nothing,
        Form::Nothing,
    ),
];

impl Graph {
    /// `NGM_BINARY2ASCII`; the arguments are a message.
    pub(super) fn to_ascii(&self, here: NodeId, message: &Message) -> Answer<Vec<u8>> {
        let inner = Message::parse(&current(&message.arguments)).ok_or(Errno::INVAL)?;
        let is = |command: &&Command| (command.0, command.1) == (inner.cookie, inner.command);
        let (.., name, asked, answered) = self.commands(here).find(is).ok_or(Errno::NOSYS)?;
        let form = if inner.is_answer() { answered } else { asked };
        let mut text = String::new();
        form.write(&inner.arguments, &mut 0, &mut text)?;
        let mut arguments = text.into_bytes();
        arguments.push(0);
        let ascii = Message {
            text: name_field(name),
            arguments,
            ..inner
        };
        Ok(ascii.bytes())
    }

    /// `NGM_ASCII2BINARY`; the arguments are a message with a command as text, and its arguments as text.
    pub(super) fn to_binary(&self, here: NodeId, message: &Message) -> Answer<Vec<u8>> {
        let inner = Message::parse(&current(&message.arguments)).ok_or(Errno::INVAL)?;
        let (_, text) = inner.arguments.split_last().ok_or(Errno::INVAL)?;
        let text = std::str::from_utf8(until_nul(text)).map_err(|_| Errno::INVAL)?;
        let wanted = until_nul(&inner.text);
        let is = |command: &&Command| command.2.as_bytes() == wanted;
        let (cookie, command, _, asked, answered) =
            self.commands(here).find(is).ok_or(Errno::NOSYS)?;
        let form = if inner.flags & IS_ANSWER == 0 {
            asked
        } else {
            answered
        };
        let mut arguments = Vec::new();
        form.read(&mut tokens(text).as_slice(), &mut arguments)?;
        let binary = Message {
            cookie: *cookie,
            command: *command,
            arguments,
            ..inner
        };
        Ok(binary.bytes())
    }

    /// What a node of this type understands.
    fn commands(&self, here: NodeId) -> impl Iterator<Item = &'static Command> {
        let own = match self.nodes.get(&here).map_or("", |node| node.kind.name()) {
            "bridge" => BRIDGE,
            "hub" => HUB,
            "eiface" => EIFACE,
            "ether" => ETHER,
            "device" => DEVICE,
            _ => &[],
        };
        own.iter().chain(GENERIC)
    }
}

/// The message in a message: its version is not looked at.
fn current(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    if let Some(version) = bytes.first_mut() {
        *version = VERSION;
    }
    bytes
}

fn name_field(name: &str) -> [u8; NAME] {
    let mut bytes = [0; NAME];
    for (to, from) in bytes.iter_mut().zip(name.bytes()) {
        *to = from;
    }
    bytes
}
