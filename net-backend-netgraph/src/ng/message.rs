//! What goes through a control socket: a header and arguments.

use super::fields::{Reader, Writer};

/// The version of the header (`NG_VERSION` in `netgraph/ng_message.h`).
pub const VERSION: u8 = 8;

/// Bytes of the header (`struct ng_msghdr`).
pub const HEADER_BYTES: usize = 56;

/// Bytes of the command's name in the header, with the NUL at its end (`NG_CMDSTRSIZ`).
pub const COMMAND_TEXT_BYTES: usize = 32;

/// Said of an answer in the flags of its header (`NGF_RESP`).
pub const RESPONSE: u32 = 1;

/// What a node can be told: the cookie says whose command it is, the number which.
///
/// Those of the generic messages and of some types of nodes are constants of the modules here. The others are in the
/// types' headers, `netgraph/ng_*.h`:
///
/// ```
/// use net_backend_netgraph::ng::Command;
///
/// const ADD_FILTER: Command = Command::new("NGM_VLAN_ADD_FILTER", 1068486472, 1);
/// assert_eq!(ADD_FILTER.name, "NGM_VLAN_ADD_FILTER");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Command {
    /// As its header calls it. Errors name it, and the first 31 bytes go along with the message, for humans who trace
    /// messages; the kernel does not look at it.
    pub name: &'static str,
    /// `NGM_…_COOKIE`: of a type of nodes, or of the generic messages.
    pub cookie: u32,
    /// Which of the cookie's commands.
    pub number: u32,
}

impl Command {
    /// A command by its name, its cookie and its number.
    pub const fn new(name: &'static str, cookie: u32, number: u32) -> Self {
        Self {
            name,
            cookie,
            number,
        }
    }

    /// Whether a message is this command, or an answer to it.
    pub fn is(&self, header: &Header) -> bool {
        self.cookie == header.cookie && self.number == header.command
    }
}

/// The header of a message, `struct ng_msghdr` in `netgraph/ng_message.h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// [`VERSION`]; the kernel takes no other.
    pub version: u8,
    /// How many bytes of arguments follow.
    pub argument_length: u32,
    /// Which of the cookie's commands.
    pub command: u32,
    /// [`RESPONSE`] or nothing.
    pub flags: u32,
    /// An answer has that of its question.
    pub token: u32,
    /// Whose command it is.
    pub cookie: u32,
    /// The command's name, for humans and for [`ASCII2BINARY`](super::generic::ASCII2BINARY); with a NUL at its end.
    pub command_text: [u8; COMMAND_TEXT_BYTES],
}

impl Header {
    /// Of a question without arguments.
    pub fn new(command: Command, token: u32) -> Self {
        let mut header = Self {
            version: VERSION,
            argument_length: 0,
            command: command.number,
            flags: 0,
            token,
            cookie: command.cookie,
            command_text: [0; COMMAND_TEXT_BYTES],
        };
        header.set_command_name(command.name);
        header
    }

    /// Whether it is an answer (`NGF_RESP`).
    pub fn is_response(&self) -> bool {
        self.flags & RESPONSE != 0
    }

    /// The command's name up to the NUL; what is no UTF-8 shows as U+FFFD.
    pub fn command_name(&self) -> String {
        let end = self.command_text.iter().position(|byte| *byte == 0);
        let text = self.command_text.get(..end.unwrap_or(COMMAND_TEXT_BYTES));
        String::from_utf8_lossy(text.unwrap_or_default()).into_owned()
    }

    /// The header at the front of bytes, whatever it says of what follows.
    ///
    /// # Errors
    ///
    /// [`MalformedMessage::Short`] for fewer than 56 bytes, [`MalformedMessage::Version`] for another version.
    pub fn decode(bytes: &[u8]) -> Result<Self, MalformedMessage> {
        let mut reader = Reader::new(bytes);
        let version = reader.u8()?;
        let _spare: [u8; 3] = reader.array()?;
        let header = Self {
            version,
            argument_length: reader.u32()?,
            command: reader.u32()?,
            flags: reader.u32()?,
            token: reader.u32()?,
            cookie: reader.u32()?,
            command_text: reader.array()?,
        };
        match version {
            VERSION => Ok(header),
            other => Err(MalformedMessage::Version(other)),
        }
    }

    /// Puts as much of a name there as there is room for.
    pub(super) fn set_command_name(&mut self, name: &str) {
        self.command_text = [0; COMMAND_TEXT_BYTES];
        let name = name.bytes().take(COMMAND_TEXT_BYTES - 1);
        for (to, from) in self.command_text.iter_mut().zip(name) {
            *to = from;
        }
    }

    fn write(&self, to: Writer) -> Writer {
        to.u8(self.version)
            .bytes(&[0; 3])
            .u32(self.argument_length)
            .u32(self.command)
            .u32(self.flags)
            .u32(self.token)
            .u32(self.cookie)
            .bytes(&self.command_text)
    }
}

/// A message: the header, and as many bytes of arguments as it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message<'a> {
    /// The header.
    pub header: Header,
    /// The arguments, in the layout that cookie and command have.
    pub arguments: &'a [u8],
}

impl<'a> Message<'a> {
    /// A question.
    pub fn new(command: Command, token: u32, arguments: &'a [u8]) -> Self {
        Self {
            header: Header::new(command, token),
            arguments,
        }
    }

    /// The answer to a question.
    pub fn response(question: &Header, arguments: &'a [u8]) -> Self {
        Self {
            header: Header {
                flags: question.flags | RESPONSE,
                ..*question
            },
            arguments,
        }
    }

    /// The bytes of header and arguments; the length in the header is that of the arguments.
    pub fn encode(&self) -> Vec<u8> {
        let header = Header {
            argument_length: u32::try_from(self.arguments.len()).unwrap_or(u32::MAX),
            ..self.header
        };
        header.write(Writer::default()).bytes(self.arguments).done()
    }

    /// A message that fills `bytes`, as a control socket receives it.
    ///
    /// # Errors
    ///
    /// As [`Header::decode`], and [`MalformedMessage::Length`] when there are more or fewer bytes behind the header than
    /// it says.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, MalformedMessage> {
        let (message, rest) = Self::decode_front(bytes)?;
        match rest {
            [] => Ok(message),
            _ => Err(MalformedMessage::Length {
                said: message.header.argument_length,
                length: bytes.len() - HEADER_BYTES,
            }),
        }
    }

    /// A message at the front of `bytes`, and what follows it.
    ///
    /// # Errors
    ///
    /// As [`Header::decode`], and [`MalformedMessage::Length`] when there are fewer bytes behind the header than it
    /// says.
    pub fn decode_front(bytes: &'a [u8]) -> Result<(Self, &'a [u8]), MalformedMessage> {
        let header = Header::decode(bytes)?;
        let behind = bytes.get(HEADER_BYTES..).unwrap_or_default();
        let said = usize::try_from(header.argument_length).unwrap_or(usize::MAX);
        match behind.split_at_checked(said) {
            Some((arguments, rest)) => Ok((Self { header, arguments }, rest)),
            None => Err(MalformedMessage::Length {
                said: header.argument_length,
                length: behind.len(),
            }),
        }
    }
}

/// Why bytes are no message, or no arguments of the kind that they should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MalformedMessage {
    /// It ends too early.
    #[error("{needed} bytes are needed, there are {length}")]
    Short {
        /// How long it has to be at least, in bytes.
        needed: usize,
        /// How long it is.
        length: usize,
    },
    /// It is longer than its kind ever is.
    #[error("there are {length} bytes, {expected} were expected")]
    Long {
        /// How long it should be, in bytes.
        expected: usize,
        /// How long it is.
        length: usize,
    },
    /// Another version of the header than 8.
    #[error("the header is of version {0}; 8 is known")]
    Version(u8),
    /// The header lies about the length of the arguments.
    #[error("the header says {said} bytes of arguments, {length} are there")]
    Length {
        /// What the header says, in bytes.
        said: u32,
        /// How many bytes are there.
        length: usize,
    },
    /// There are not as many records as the answer says.
    #[error("{count} records are said to be there, {room} are")]
    Count {
        /// What the answer says.
        count: u32,
        /// How many there can be at most.
        room: usize,
    },
    /// No NUL ends a string.
    #[error("no NUL ends a string of at most {size} bytes")]
    Unterminated {
        /// Bytes of its field.
        size: usize,
    },
    /// A name that has to be there is empty.
    #[error("the name of a {0} is empty")]
    Nameless(&'static str),
}
