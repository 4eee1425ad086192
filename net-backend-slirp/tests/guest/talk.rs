//! Conversations over TCP, from the guest's side.

use std::net::SocketAddr;

use smoltcp::iface::SocketHandle;
use smoltcp::socket::tcp;

use crate::guest::Guest;
use crate::harness::{Outcome, ensure};

/// A connection with bytes on their way.
pub(crate) struct Talk<'a> {
    socket: SocketHandle,
    outgoing: &'a [u8],
    /// Whether this side finishes once it has sent everything.
    finishes: bool,
    pub(crate) incoming: Vec<u8>,
}

impl<'a> Talk<'a> {
    /// Says `outgoing`, and nothing after it.
    pub(crate) fn says(socket: SocketHandle, outgoing: &'a [u8]) -> Self {
        Self {
            socket,
            outgoing,
            finishes: true,
            incoming: Vec::new(),
        }
    }

    /// Only listens, and leaves its own direction open.
    pub(crate) fn listens(socket: SocketHandle) -> Self {
        Self {
            finishes: false,
            ..Talk::says(socket, &[])
        }
    }

    /// Moves what can be moved; whether everything was said, and the other side has finished.
    pub(crate) fn step(&mut self, guest: &mut Guest) -> bool {
        let said = guest.put(self.socket, self.outgoing);
        self.outgoing = self.outgoing.get(said..).unwrap_or_default();
        if self.outgoing.is_empty() && self.finishes {
            guest.close(self.socket);
            self.finishes = false;
        }
        guest.take(self.socket, &mut self.incoming);
        self.outgoing.is_empty() && guest.is_finished(self.socket)
    }
}

/// A connection that gives back what comes.
pub(crate) struct Echo {
    socket: SocketHandle,
    waiting: Vec<u8>,
    pub(crate) count: usize,
}

impl Echo {
    pub(crate) fn new(socket: SocketHandle) -> Self {
        Self {
            socket,
            waiting: Vec::new(),
            count: 0,
        }
    }

    /// Moves what can be moved; whether both sides have finished.
    pub(crate) fn step(&mut self, guest: &mut Guest) -> bool {
        let before = self.waiting.len();
        guest.take(self.socket, &mut self.waiting);
        self.count += self.waiting.len() - before;
        let said = guest.put(self.socket, &self.waiting);
        self.waiting.drain(..said);
        let socket = guest.socket::<tcp::Socket>(self.socket);
        match socket.state() {
            tcp::State::Closed | tcp::State::TimeWait => return true,
            tcp::State::CloseWait if self.waiting.is_empty() && socket.recv_queue() == 0 => {
                socket.close();
            }
            _ => {}
        }
        false
    }
}

impl Guest {
    /// Says `outgoing` and finishes; returns all that the other side says.
    pub(crate) fn ask(&mut self, socket: SocketHandle, outgoing: &[u8]) -> Outcome<Vec<u8>> {
        let mut talk = Talk::says(socket, outgoing);
        self.until("the end of a conversation", |guest| {
            talk.step(guest).then_some(())
        })?;
        Ok(talk.incoming)
    }

    /// Says `outgoing`, and waits for as many bytes, without finishing.
    pub(crate) fn exchange(
        &mut self,
        socket: SocketHandle,
        outgoing: &[u8],
        count: usize,
    ) -> Outcome<Vec<u8>> {
        let mut talk = Talk {
            finishes: false,
            ..Talk::says(socket, outgoing)
        };
        self.until("an answer", |guest| {
            let is_over = talk.step(guest);
            (is_over || talk.incoming.len() >= count).then_some(())
        })?;
        ensure!(
            talk.incoming.len() == count,
            "an answer of {} bytes instead of {count}",
            talk.incoming.len()
        );
        Ok(talk.incoming)
    }

    /// Waits for a connection to a listening socket.
    pub(crate) fn accepted(&mut self, socket: SocketHandle) -> Outcome<SocketAddr> {
        self.until("a connection into the guest", |guest| {
            let state = guest.settled(socket)?;
            let endpoint = guest.socket::<tcp::Socket>(socket).remote_endpoint()?;
            (state != tcp::State::Closed)
                .then(|| SocketAddr::new(endpoint.addr.into(), endpoint.port))
        })
    }

    /// Connects, and says how that ended: `Established`, or `Closed` when it was refused.
    pub(crate) fn try_connect(&mut self, remote: SocketAddr) -> Outcome<tcp::State> {
        let socket = self.begin(remote)?;
        let state = self.until("an answer to a SYN", |guest| guest.settled(socket))?;
        self.remove(socket);
        Ok(state)
    }
}
