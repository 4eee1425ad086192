//! A control socket that says what a test wrote down.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use net_backend_core::{Bell, BorrowedDescriptor};

use crate::gate::Control;
use crate::ng::{Client, Command, Header, Message};

/// What a node does with a question.
pub(super) type Answers = Box<dyn FnMut(&Header, &[u8]) -> Vec<Line> + Send>;

/// What happens on the socket.
#[derive(Clone, Debug)]
pub(super) enum Line {
    /// A datagram comes from `[9]:`.
    Datagram(Vec<u8>),
    /// Datagrams that never cease.
    Flood(Vec<u8>),
    /// Nothing comes until somebody waits.
    Pause,
    /// The node is gone.
    End,
    /// The question is refused.
    Refusal(i32),
    /// Receiving fails.
    Failure(i32),
}

impl Line {
    pub(super) fn message(message: &Message<'_>) -> Self {
        Self::Datagram(message.encode())
    }

    pub(super) fn answer(question: &Header, arguments: &[u8]) -> Self {
        Self::message(&Message::response(question, arguments))
    }

    pub(super) fn event(command: Command, arguments: &[u8]) -> Self {
        Self::message(&Message::new(command, 0, arguments))
    }
}

/// The test's side of the socket.
#[derive(Clone)]
pub(super) struct Script(Arc<Mutex<State>>);

struct State {
    answers: Answers,
    lines: VecDeque<Line>,
    sent: Vec<(String, Vec<u8>)>,
    room: usize,
}

impl Script {
    /// A client, and the script that its questions are answered from.
    pub(super) fn client(
        answers: impl FnMut(&Header, &[u8]) -> Vec<Line> + Send + 'static,
    ) -> (Client, Self) {
        let script = Self(Arc::new(Mutex::new(State {
            answers: Box::new(answers),
            lines: VecDeque::new(),
            sent: Vec::new(),
            room: 4096,
        })));
        (Client::over(script.socket()), script)
    }

    pub(super) fn socket(&self) -> Box<dyn Control> {
        Box::new(Socket {
            script: self.clone(),
            bell: Bell::new().unwrap(),
        })
    }

    pub(super) fn push(&self, line: Line) {
        self.0.lock().unwrap().lines.push_back(line);
    }

    /// Addresses and messages, in the order in which they were sent.
    pub(super) fn sent(&self) -> Vec<(String, Vec<u8>)> {
        self.0.lock().unwrap().sent.clone()
    }

    /// How much the receive buffer holds for clients that are made from now on.
    pub(super) fn set_room(&self, room: usize) {
        self.0.lock().unwrap().room = room;
    }
}

struct Socket {
    script: Script,
    bell: Bell,
}

impl std::fmt::Debug for Socket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Socket")
    }
}

impl Control for Socket {
    fn bind(&self, name: &str) -> io::Result<()> {
        match name {
            "taken" => Err(io::Error::from_raw_os_error(libc::EADDRINUSE)),
            _ => Ok(()),
        }
    }

    fn send(&self, address: &str, message: &[u8]) -> io::Result<()> {
        let mut state = self.script.0.lock().unwrap();
        state.sent.push((address.to_owned(), message.to_vec()));
        let question = Message::decode(message).unwrap();
        let lines = (state.answers)(&question.header, question.arguments);
        for line in lines {
            match line {
                Line::Refusal(errno) => return Err(io::Error::from_raw_os_error(errno)),
                line => state.lines.push_back(line),
            }
        }
        Ok(())
    }

    fn receive(&self, into: &mut [u8]) -> io::Result<(usize, String)> {
        let mut state = self.script.0.lock().unwrap();
        match state.lines.front().cloned() {
            None | Some(Line::Pause) => Err(io::Error::from_raw_os_error(libc::EAGAIN)),
            Some(Line::End) => Ok((0, String::new())),
            Some(Line::Refusal(errno) | Line::Failure(errno)) => {
                state.lines.pop_front();
                Err(io::Error::from_raw_os_error(errno))
            }
            Some(Line::Flood(bytes)) => Ok(copy(&bytes, into)),
            Some(Line::Datagram(bytes)) => {
                state.lines.pop_front();
                Ok(copy(&bytes, into))
            }
        }
    }

    fn wait(&self, timeout: Duration) -> io::Result<bool> {
        let mut state = self.script.0.lock().unwrap();
        if matches!(state.lines.front(), Some(Line::Pause)) {
            state.lines.pop_front();
        }
        match state.lines.is_empty() {
            false => Ok(true),
            true => {
                std::thread::sleep(timeout.min(Duration::from_millis(1)));
                Ok(false)
            }
        }
    }

    fn set_receive_buffer(&self, bytes: usize) -> io::Result<usize> {
        match self.script.0.lock().unwrap().room {
            0 => Err(io::Error::from_raw_os_error(libc::ENOBUFS)),
            room => Ok(room.min(bytes)),
        }
    }

    fn limit(&self) -> io::Result<()> {
        Ok(())
    }

    fn descriptor(&self) -> BorrowedDescriptor<'_> {
        self.bell.descriptor()
    }
}

fn copy(bytes: &[u8], into: &mut [u8]) -> (usize, String) {
    let length = bytes.len().min(into.len());
    into[..length].copy_from_slice(&bytes[..length]);
    (length, "[9]:".to_owned())
}
