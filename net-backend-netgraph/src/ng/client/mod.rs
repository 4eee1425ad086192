//! A control socket, and the questions that are asked through it.

mod messages;
#[cfg(test)]
mod tests;
mod types;

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use net_backend_core::{Interest, Source};

use super::data::with_module;
use super::remedies::{BIND, RECEIVE};
use super::{
    Address, Command, Error, FlowEvent, HEADER_BYTES, Header, Message, NodeId, NodeName, Signal,
};
use crate::gate::{Control, Farewell, Kernel};
use crate::sys::SystemKernel;

/// How long an answer may take if nothing is said.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The receive buffer that is asked for, in bytes: the system gives 20 KiB by itself, which a list of 280 nodes fills.
const RECEIVE_BUFFER: usize = 1 << 20;

/// How long one wait lasts at most; the time that is left may be longer than clocks count.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);

/// More messages than wait in the receive buffer: an answer that is behind so many was not there in time.
const WAITING_MESSAGES: u32 = 1 << 15;

/// How many unsolicited messages are kept.
const KEPT_MESSAGES: usize = 64;

/// How many bytes of arguments they may have together.
const KEPT_BYTES: usize = 256 << 10;

/// A control socket of ng_socket(4): a node of type `socket`, which sends messages to others and receives answers.
///
/// The node lives until the client is dropped; its hooks go with it. Paths begin at this node.
///
/// A question blocks until it is answered, at most for the [timeout](Self::set_timeout). The kernel hands it to the node
/// before the system call that sends it returns, and the answer with it, so that this takes microseconds, unless the
/// node is busy or its type has to be loaded.
///
/// An answer is one that has token, cookie and command of its question. The sender's address is not compared: a question
/// goes to a path, and which node that leads to is not known; nor could anybody but root make up an answer.
#[derive(Debug)]
pub struct Client {
    control: Box<dyn Control>,
    /// As large as the receive buffer, and so than any message.
    buffer: Vec<u8>,
    timeout: Duration,
    token: u32,
    kept: VecDeque<Unsolicited>,
}

/// A message that answers nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsolicited {
    /// Who sent it, if the kernel says that.
    pub sender: Option<NodeId>,
    /// Its header.
    pub header: Header,
    /// Its arguments.
    pub arguments: Vec<u8>,
}

impl Client {
    /// A control socket and its node, which has no name yet. Loads ng_socket(4) when the kernel does not have it, which
    /// blocks for as long as that takes.
    ///
    /// # Errors
    ///
    /// [`Error`] when ng_socket(4) is neither there nor can be loaded, and without permission; on other systems than
    /// FreeBSD.
    pub fn open() -> Result<Self, Error> {
        Self::open_on(&SystemKernel)
    }

    /// The same, of another kernel.
    pub(crate) fn open_on(kernel: &dyn Kernel) -> Result<Self, Error> {
        let control = with_module(kernel, "NG_CONTROL", || kernel.control())?;
        Ok(Self::over(control))
    }

    /// A client over a control socket. Its receive buffer becomes larger.
    pub(crate) fn over(control: Box<dyn Control>) -> Self {
        // What cannot be had shows when an answer does not fit, and is said then.
        let room = control
            .set_receive_buffer(RECEIVE_BUFFER)
            .unwrap_or(RECEIVE_BUFFER);
        Self {
            control,
            buffer: vec![0; room.max(HEADER_BYTES)],
            timeout: TIMEOUT,
            token: first_token(),
            kept: VecDeque::new(),
        }
    }

    /// What shuts the client's node down before its last socket is closed, where that is needed.
    ///
    /// # Errors
    ///
    /// What the system said.
    pub(crate) fn farewell(&self) -> Result<Option<Arc<dyn Farewell>>, Error> {
        let farewell = self.control.farewell();
        farewell.map_err(|cause| Error::system("F_DUPFD_CLOEXEC", "the control socket", cause))
    }

    /// From now on it can only be listened to: [`next_message`](Self::next_message) and what is built on that.
    ///
    /// # Errors
    ///
    /// What `cap_rights_limit(2)` said.
    pub(crate) fn limit(&self) -> Result<(), Error> {
        let limited = self.control.limit();
        limited.map_err(|cause| Error::system("cap_rights_limit", "the control socket", cause))
    }

    /// How long an answer may take from now on; 5 seconds if nothing is said. Zero takes an answer only if it is there
    /// when the question is sent.
    pub fn set_timeout(&mut self, timeout: Duration) {
        self.timeout = timeout;
    }

    /// Names the client's own node (`bind(2)`, once) so that others find it.
    ///
    /// # Errors
    ///
    /// [`Error`] with `EADDRINUSE` when another node has the name.
    pub fn name(&mut self, name: &NodeName) -> Result<(), Error> {
        self.control
            .bind(name.as_str())
            .map_err(|cause| Error::system(BIND, name, cause))
    }

    /// Sends a message that has no answer. What the node thinks of it is the result.
    ///
    /// # Errors
    ///
    /// [`Error`] with `ENOENT` when no node is there, `EINVAL` when it does not know the command or the arguments are of
    /// another length, and with whatever else the node says.
    pub fn tell(&mut self, to: &Address, command: Command, arguments: &[u8]) -> Result<(), Error> {
        self.send(to, command, arguments).map(drop)
    }

    /// Sends a message and waits for the arguments of its answer.
    ///
    /// # Errors
    ///
    /// As [`tell`](Self::tell); and [`Error`] when there is no answer in time, the answer is malformed, or the client's
    /// own node is gone.
    pub fn ask(
        &mut self,
        to: &Address,
        command: Command,
        arguments: &[u8],
    ) -> Result<Vec<u8>, Error> {
        self.make_room()?;
        let token = self.send(to, command, arguments)?;
        let asked = Instant::now();
        let mut skipped = 0;
        loop {
            let received = self.receive()?;
            let is_empty = received.is_none();
            match received {
                Some(Received::Answer(header, answer)) => {
                    if header.token == token && command.is(&header) {
                        return answer
                            .map_err(|problem| Error::malformed(command.name, to, problem));
                    }
                }
                Some(Received::Unsolicited(message)) => self.keep(message),
                Some(Received::Garbage) | None => {}
            }
            skipped += 1;
            let left = self.timeout.saturating_sub(asked.elapsed());
            match is_empty {
                _ if left.is_zero() && (is_empty || skipped > WAITING_MESSAGES) => {
                    return Err(Error::no_answer(command.name, to, self.timeout));
                }
                true => self.wait(left.min(LONGEST_WAIT))?,
                false => {}
            }
        }
    }

    /// The next message that answers nothing, if there is one. Does not block.
    ///
    /// Those that come while an answer is waited for are kept, the latest 64 of them and at most 256 KiB. So read until
    /// there is none, then wait for the [source](Self::source).
    ///
    /// # Errors
    ///
    /// [`Error`] when the client's own node is gone.
    pub fn next_message(&mut self) -> Result<Option<Unsolicited>, Error> {
        if let Some(message) = self.kept.pop_front() {
            return Ok(Some(message));
        }
        // What comes after so many came since we began, and so makes the source ready once more.
        for _ in 0..WAITING_MESSAGES {
            match self.receive()? {
                Some(Received::Unsolicited(message)) => return Ok(Some(message)),
                Some(_) => {}
                None => break,
            }
        }
        Ok(None)
    }

    /// The next [`next_message`](Self::next_message) that says something of a link; others are skipped, and when there are
    /// many of them, `None` may come before the next that says something. Whoever floods the socket with messages
    /// can make the kernel lose what others say.
    ///
    /// # Errors
    ///
    /// As [`next_message`](Self::next_message).
    pub fn next_event(&mut self) -> Result<Option<FlowEvent>, Error> {
        for _ in 0..WAITING_MESSAGES {
            let Some(message) = self.next_message()? else {
                break;
            };
            if let Some(signal) = Signal::of(&message.header) {
                let sender = message.sender;
                return Ok(Some(FlowEvent { sender, signal }));
            }
        }
        Ok(None)
    }

    /// Readable when there may be a [`next_message`](Self::next_message), and when the client's own node is gone.
    pub fn source(&self) -> Source<'_> {
        Source {
            descriptor: self.control.descriptor(),
            interest: Interest::Readable,
        }
    }

    /// Sends a message; gives its token.
    fn send(&mut self, to: &Address, command: Command, arguments: &[u8]) -> Result<u32, Error> {
        self.token = self.token.checked_add(1).unwrap_or(1);
        let message = Message::new(command, self.token, arguments).encode();
        match self.control.send(to.as_str(), &message) {
            Ok(()) => Ok(self.token),
            Err(cause) if cause.raw_os_error() == Some(libc::EPIPE) => Err(Error::gone(cause)),
            Err(cause) => Err(Error::system(command.name, to, cause)),
        }
    }

    /// Takes what waits, or the kernel would have no room for an answer.
    fn make_room(&mut self) -> Result<(), Error> {
        for _ in 0..WAITING_MESSAGES {
            match self.receive()? {
                Some(Received::Unsolicited(message)) => self.keep(message),
                Some(_) => {}
                None => break,
            }
        }
        Ok(())
    }

    /// What is there, if anything. Does not block.
    fn receive(&mut self) -> Result<Option<Received>, Error> {
        loop {
            match self.control.receive(&mut self.buffer) {
                Ok((0, _)) => return Err(Error::gone(io::ErrorKind::UnexpectedEof.into())),
                Ok((length, sender)) => {
                    let bytes = self.buffer.get(..length).unwrap_or(&self.buffer);
                    return Ok(Some(Received::of(bytes, &sender)));
                }
                Err(cause) => match cause.kind() {
                    io::ErrorKind::WouldBlock => return Ok(None),
                    io::ErrorKind::Interrupted => {}
                    _ => return Err(Error::system(RECEIVE, "NG_CONTROL", cause)),
                },
            }
        }
    }

    fn wait(&self, timeout: Duration) -> Result<(), Error> {
        let waited = self.control.wait(timeout);
        waited
            .map(drop)
            .map_err(|cause| Error::system("poll", "NG_CONTROL", cause))
    }

    fn keep(&mut self, message: Unsolicited) {
        self.kept.push_back(message);
        let bytes = |kept: &VecDeque<Unsolicited>| -> usize {
            kept.iter().map(|message| message.arguments.len()).sum()
        };
        while self.kept.len() > KEPT_MESSAGES || bytes(&self.kept) > KEPT_BYTES {
            self.kept.pop_front();
        }
    }
}

/// What a datagram is.
enum Received {
    /// To whatever question.
    Answer(Header, Result<Vec<u8>, super::MalformedMessage>),
    Unsolicited(Unsolicited),
    /// No message at all.
    Garbage,
}

impl Received {
    fn of(bytes: &[u8], sender: &str) -> Self {
        let Ok(header) = Header::decode(bytes) else {
            return Self::Garbage;
        };
        let arguments = Message::decode(bytes).map(|message| message.arguments.to_vec());
        match arguments {
            _ if header.is_response() => Self::Answer(header, arguments),
            Ok(arguments) => Self::Unsolicited(Unsolicited {
                sender: sender.parse().ok(),
                header,
                arguments,
            }),
            Err(_) => Self::Garbage,
        }
    }
}

/// Tokens begin anywhere, so that answers to an earlier client on the same socket are not taken for ours.
fn first_token() -> u32 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let now = now.unwrap_or_default();
    now.subsec_nanos() ^ std::process::id().rotate_left(16)
}
