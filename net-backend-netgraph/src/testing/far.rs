//! A program of a test on the graph of a model.

use std::io;
use std::sync::Arc;

use net_backend_core::{BorrowedDescriptor, RxSlice};
use rustix::io::Errno;

use super::control::ControlSocket;
use super::data::Plug;
use super::message::{Message, NAME, PATH, cookie, field, number};
use crate::gate::Control;

/// A node of type socket with a control and a data socket, in the hands of a test. Its hooks have the names that it
/// gives them. Dropping it makes the node go away.
#[derive(Debug)]
pub struct Far {
    control: ControlSocket,
    data: Arc<Plug>,
    id: u32,
    token: u32,
}

impl Far {
    pub(super) fn new(control: ControlSocket, data: Arc<Plug>) -> io::Result<Self> {
        let id = control.node();
        data.join(&format!("[{id:x}]:"))?;
        Ok(Self {
            control,
            data,
            id,
            token: 0,
        })
    }

    /// The number of its node.
    pub fn id(&self) -> u32 {
        self.id
    }

    /// The number of its data socket's descriptor, as it is passed to a process.
    pub fn number(&self) -> i32 {
        self.data.number()
    }

    /// Names its node.
    ///
    /// # Errors
    ///
    /// The kernel's.
    pub fn name(&mut self, name: &str) -> io::Result<()> {
        self.control.bind(name)
    }

    /// `NGM_MKPEER`.
    ///
    /// # Errors
    ///
    /// The kernel's.
    pub fn make_peer(&mut self, at: &str, kind: &str, ours: &str, theirs: &str) -> io::Result<()> {
        let names = [kind, ours, theirs].map(|name| field(name.as_bytes(), NAME));
        self.tell(at, cookie::GENERIC, 2, &names.concat())
    }

    /// `NGM_CONNECT`.
    ///
    /// # Errors
    ///
    /// The kernel's.
    pub fn connect(&mut self, at: &str, to: &str, ours: &str, theirs: &str) -> io::Result<()> {
        let mut arguments = field(to.as_bytes(), PATH);
        for name in [ours, theirs] {
            arguments.extend(field(name.as_bytes(), NAME));
        }
        self.tell(at, cookie::GENERIC, 3, &arguments)
    }

    /// `NGM_NAME`.
    ///
    /// # Errors
    ///
    /// The kernel's.
    pub fn name_node(&mut self, at: &str, name: &str) -> io::Result<()> {
        self.tell(at, cookie::GENERIC, 4, &field(name.as_bytes(), NAME))
    }

    /// `NGM_RMHOOK`.
    ///
    /// # Errors
    ///
    /// The kernel's.
    pub fn remove_hook(&mut self, at: &str, hook: &str) -> io::Result<()> {
        self.tell(at, cookie::GENERIC, 5, &field(hook.as_bytes(), NAME))
    }

    /// `NGM_SHUTDOWN`.
    ///
    /// # Errors
    ///
    /// The kernel's.
    pub fn shut_down(&mut self, at: &str) -> io::Result<()> {
        self.tell(at, cookie::GENERIC, 1, &[])
    }

    /// Sends any message.
    ///
    /// # Errors
    ///
    /// The kernel's.
    pub fn tell(
        &mut self,
        at: &str,
        cookie: u32,
        command: u32,
        arguments: &[u8],
    ) -> io::Result<()> {
        self.token += 1;
        let message = Message {
            token: self.token,
            ..Message::new(cookie, command, arguments.to_vec())
        };
        self.control.send(at, &message.bytes())
    }

    /// Sends any message, and receives its answer, which has to be the next message that comes.
    ///
    /// # Errors
    ///
    /// The kernel's; `EAGAIN` when there is no answer, `EBADMSG` when something else came.
    pub fn ask(
        &mut self,
        at: &str,
        cookie: u32,
        command: u32,
        arguments: &[u8],
    ) -> io::Result<Vec<u8>> {
        self.tell(at, cookie, command, arguments)?;
        let answer = self.hear()?.ok_or(Errno::PIPE)?;
        let is_answer = answer.is_answer() && answer.token == self.token;
        match is_answer {
            true => Ok(answer.arguments),
            false => Err(Errno::BADMSG.into()),
        }
    }

    /// The next message: cookie, command, and arguments; `None` when the node is gone.
    ///
    /// # Errors
    ///
    /// `EAGAIN` when there is none.
    pub fn next_message(&mut self) -> io::Result<Option<(u32, u32, Vec<u8>)>> {
        let message = self.hear()?;
        Ok(message.map(|it| (it.cookie, it.command, it.arguments)))
    }

    /// Sends a frame, by the only hook or by the one of that name.
    ///
    /// # Errors
    ///
    /// What the kernel said, and the nodes on the way.
    pub fn send(&self, hook: Option<&str>, frame: &[u8]) -> io::Result<()> {
        Ok(self.data.send(hook, frame)?)
    }

    /// The next frame, and the hook that it came by.
    ///
    /// # Errors
    ///
    /// `EAGAIN` when there is none, `ENOTCONN` when the node is gone.
    pub fn receive(&self) -> io::Result<(String, Vec<u8>)> {
        let mut frame = vec![0; 1 << 17];
        let mut into = [RxSlice::new(&mut frame)];
        let length = crate::sys::socket::receive(self.data.end.descriptor(), &mut into)?;
        frame.truncate(length);
        let hook = self.data.end.taken(length);
        Ok((String::from_utf8_lossy(&hook).into_owned(), frame))
    }

    /// What is readable when there is a frame, or the node is gone.
    pub fn descriptor(&self) -> BorrowedDescriptor<'_> {
        self.data.end.descriptor()
    }

    /// Sets the buffers of its data socket, in bytes; 0 leaves one as it is.
    ///
    /// # Errors
    ///
    /// `ENOBUFS` when that is more than the system allows.
    pub fn set_buffers(&self, send: usize, receive: usize) -> io::Result<()> {
        let most = self.data.model.graph.lock().settings.socket_buffer_limit;
        self.data.end.set_buffers(send, receive, most)?;
        Ok(())
    }

    fn hear(&self) -> io::Result<Option<Message>> {
        let mut bytes = vec![0; 1 << 17];
        let (length, _) = self.control.receive(&mut bytes)?;
        bytes.truncate(length);
        if length == 0 {
            return Ok(None);
        }
        let message = Message::parse(&bytes);
        let said = number(&bytes, 4).map(|length| length as usize);
        let is_whole = message.as_ref().map(|it| it.arguments.len()) == said;
        Ok(Some(message.filter(|_| is_whole).ok_or(Errno::BADMSG)?))
    }
}
