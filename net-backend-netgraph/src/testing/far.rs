//! A program of a test on the graph of a model, or of the system.

use std::io;
use std::os::fd::AsRawFd;
use std::sync::Arc;

use net_backend_core::{BorrowedDescriptor, RxSlice};
use rustix::io::Errno;
use rustix::net::{SendFlags, send};

use super::control::ControlSocket;
use super::data::Plug;
use super::message::{Message, NAME, PATH, READ_ONLY, cookie, field, number};
use crate::gate::{Control, Data, Kernel};
use crate::sys::SystemKernel;

/// A node of type socket with a control and a data socket, in the hands of a test. Its hooks have the names that it
/// gives them. Dropping it makes the node go away.
#[derive(Debug)]
pub struct Far {
    control: Box<dyn Control>,
    frames: Frames,
    id: u32,
    token: u32,
}

/// A data socket.
#[derive(Debug)]
enum Frames {
    Model(Arc<Plug>),
    System(Box<dyn Data>),
}

impl Far {
    /// A program on the kernel that the tests run on. It can send by its only hook, and does not learn by which hook
    /// a frame came.
    ///
    /// # Errors
    ///
    /// `Unsupported` on systems without netgraph; what the kernel said.
    pub fn on_system() -> io::Result<Self> {
        let control = SystemKernel.control()?;
        let frames = Frames::System(SystemKernel.data()?);
        Self::new(control, frames)
    }

    pub(super) fn on_model(control: ControlSocket, data: Arc<Plug>) -> io::Result<Self> {
        Self::new(Box::new(control), Frames::Model(data))
    }

    fn new(control: Box<dyn Control>, frames: Frames) -> io::Result<Self> {
        let mut far = Self {
            control,
            frames,
            id: 0,
            token: 0,
        };
        let info = far.ask(".:", cookie::GENERIC, NODE_INFO, &[])?;
        far.id = number(&info, 2 * NAME).ok_or(Errno::BADMSG)?;
        let address = format!("[{:x}]:", far.id);
        match &far.frames {
            Frames::Model(plug) => plug.join(&address)?,
            Frames::System(data) => data.connect(&address)?,
        }
        Ok(far)
    }

    /// The number of its node.
    pub fn id(&self) -> u32 {
        self.id
    }

    /// The number of its data socket's descriptor, as it is passed to a process.
    pub fn number(&self) -> i32 {
        self.descriptor().as_raw_fd()
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
    /// What the kernel said, and the nodes on the way; `Unsupported` with a name on the system's kernel.
    pub fn send(&self, hook: Option<&str>, frame: &[u8]) -> io::Result<()> {
        match &self.frames {
            Frames::Model(plug) => Ok(plug.send(hook, frame)?),
            Frames::System(_) if hook.is_some() => Err(io::ErrorKind::Unsupported.into()),
            Frames::System(data) => {
                let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
                Ok(send(data.descriptor(), frame, flags).map(drop)?)
            }
        }
    }

    /// The next frame, and the hook that it came by.
    ///
    /// # Errors
    ///
    /// `EAGAIN` when there is none, `ENOTCONN` when the node is gone.
    pub fn receive(&self) -> io::Result<(String, Vec<u8>)> {
        let mut frame = vec![0; 1 << 17];
        let mut into = [RxSlice::new(&mut frame)];
        let length = crate::sys::socket::receive(self.descriptor(), &mut into)?;
        frame.truncate(length);
        let hook = match &self.frames {
            Frames::Model(plug) => plug.end.taken(length),
            Frames::System(_) => Vec::new(),
        };
        Ok((String::from_utf8_lossy(&hook).into_owned(), frame))
    }

    /// What is readable when there is a frame, or the node is gone.
    pub fn descriptor(&self) -> BorrowedDescriptor<'_> {
        match &self.frames {
            Frames::Model(plug) => plug.end.descriptor(),
            Frames::System(data) => data.descriptor(),
        }
    }

    /// Sets the buffers of its data socket, in bytes; 0 leaves one as it is.
    ///
    /// # Errors
    ///
    /// `ENOBUFS` when that is more than the system allows.
    pub fn set_buffers(&self, send: usize, receive: usize) -> io::Result<()> {
        match &self.frames {
            Frames::Model(plug) => {
                let most = plug.model.graph.lock().settings.socket_buffer_limit;
                plug.end.set_buffers(send, receive, most)?;
            }
            Frames::System(data) => {
                data.set_buffers(send, receive)?;
            }
        }
        Ok(())
    }

    /// Sends bytes that need not be a message.
    #[cfg(test)]
    pub(super) fn tell_bytes(&self, at: &str, bytes: &[u8]) -> io::Result<()> {
        self.control.send(at, bytes)
    }

    #[cfg(test)]
    pub(super) fn control(&self) -> &dyn Control {
        &*self.control
    }

    /// Closes the control socket; the data socket stays.
    #[cfg(test)]
    pub(super) fn without_control(self) -> impl Sized {
        self.frames
    }

    /// Closes the data socket; the control socket stays.
    #[cfg(test)]
    pub(super) fn without_data(self) -> Box<dyn Control> {
        self.control
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

/// `NGM_NODEINFO`.
const NODE_INFO: u32 = 6 | READ_ONLY | 0x2000_0000;
