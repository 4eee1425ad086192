//! The server of UDP: counts what comes, and sends what is asked for.

use std::collections::HashMap;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::event::PollFlags;
use rustix::net::sockopt::{set_socket_recv_buffer_size, set_socket_recv_buffer_size_force};
use rustix::net::{RecvFlags, recv, recvfrom};

use super::super::link;
use super::super::message::{Kind, Message};

/// Bytes that may wait here, as far as this is allowed: what is lost should be lost on the way.
const BACKLOG: usize = 4 << 20;
/// How many datagrams may be on their way: less than a socket's buffer holds by default.
pub(in super::super) const AHEAD: u64 = 64;
/// What was not heard of for so long is lost.
const SILENCE: Duration = Duration::from_millis(5);

/// Serves until `stop`. Sends for `duration` whenever it is asked to.
pub(super) fn serve(socket: &UdpSocket, duration: Duration, stop: &AtomicBool) {
    // The first is for root only.
    let _smaller = set_socket_recv_buffer_size_force(socket, BACKLOG)
        .or_else(|_| set_socket_recv_buffer_size(socket, BACKLOG));
    let mut buffer = vec![0; 1 << 16];
    let mut clients: HashMap<SocketAddr, Known> = HashMap::new();
    while !stop.load(Ordering::SeqCst) {
        // Errors are of those who have gone. Without a sender: the socket was shut down, where std's own call panics.
        let Ok((length, _, Some(client))) = recvfrom(socket, &mut *buffer, RecvFlags::empty())
        else {
            continue;
        };
        let Ok(client) = SocketAddr::try_from(client) else {
            continue;
        };
        let said = Message::decode(buffer.get(..length).unwrap_or_default());
        if let Some(message) = said {
            let known = clients.entry(client).or_default();
            known.hear(&message, duration, &mut ToClient { socket, client });
        }
    }
}

/// What a client is talked to with.
trait Line {
    /// Sends a datagram; whether that worked.
    fn send(&mut self, bytes: &[u8]) -> bool;

    /// The next message; `None` when none comes.
    fn hear(&mut self) -> Option<Message>;
}

struct ToClient<'a> {
    socket: &'a UdpSocket,
    client: SocketAddr,
}

impl Line for ToClient<'_> {
    fn send(&mut self, bytes: &[u8]) -> bool {
        self.socket.send_to(bytes, self.client).is_ok()
    }

    fn hear(&mut self) -> Option<Message> {
        let mut buffer = [0; Message::BYTES];
        link::wait(&[(self.socket.as_fd(), PollFlags::IN)], SILENCE).ok()?;
        recv(self.socket, &mut buffer, RecvFlags::DONTWAIT).ok()?;
        Message::decode(&buffer)
    }
}

/// What is known of a client's last run.
#[derive(Debug, Default)]
struct Known {
    run: Option<u32>,
    /// Datagrams of it that came, or were sent.
    count: u64,
}

impl Known {
    fn hear(&mut self, message: &Message, duration: Duration, line: &mut dyn Line) {
        let is_new = self.run != Some(message.run);
        if is_new {
            *self = Self {
                run: Some(message.run),
                count: 0,
            };
        }
        match message.kind {
            Kind::Data => {
                self.count += 1;
                return;
            }
            Kind::Heard | Kind::Count => return,
            Kind::Request if is_new => self.count = produce(message, duration, line),
            Kind::Request | Kind::End => {}
        }
        let answer = Message {
            kind: Kind::Count,
            run: message.run,
            number: self.count,
        };
        line.send(&answer.encode(Message::BYTES));
    }
}

/// Sends data, and returns how many there were.
fn produce(request: &Message, duration: Duration, line: &mut dyn Line) -> u64 {
    let data = Message {
        kind: Kind::Data,
        ..*request
    };
    let bytes = data.encode(usize::try_from(request.number).unwrap_or(0).min(1472));
    // Heard of, or given up.
    let (mut sent, mut known, mut lost) = (0, 0, 0);
    let start = Instant::now();
    while start.elapsed() < duration {
        while sent < known + lost + AHEAD {
            if !line.send(&bytes) {
                return sent;
            }
            sent += 1;
        }
        match line.hear() {
            Some(heard) if heard.run == request.run && heard.kind == Kind::Heard => {
                known = heard.number.clamp(known, sent - lost);
            }
            Some(_) => {}
            None => lost = sent - known,
        }
    }
    sent
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Keeps what it is told, and hears of all but the first.
    #[derive(Default)]
    struct Client {
        told: Vec<Message>,
    }

    impl Line for Client {
        fn send(&mut self, bytes: &[u8]) -> bool {
            self.told.extend(Message::decode(bytes));
            true
        }

        fn hear(&mut self) -> Option<Message> {
            let last = *self.told.last()?;
            let number = self.told.len() as u64 - 1;
            (number != AHEAD - 1).then_some(Message {
                kind: Kind::Heard,
                number,
                ..last
            })
        }
    }

    fn hear(known: &mut Known, kind: Kind, run: u32) -> Vec<Message> {
        let mut client = Client::default();
        let message = Message {
            kind,
            run,
            number: 64,
        };
        known.hear(&message, Duration::from_millis(1), &mut client);
        client.told
    }

    #[test]
    fn what_came_is_counted_for_each_run() {
        let mut known = Known::default();
        for run in [1, 2] {
            for _ in 0..3 {
                assert!(hear(&mut known, Kind::Data, run).is_empty());
            }
            let answer = hear(&mut known, Kind::End, run);
            assert_eq!((answer[0].kind, answer[0].number), (Kind::Count, 3));
        }
    }

    #[test]
    fn what_was_sent_is_told_in_the_end_and_again() {
        let mut known = Known::default();
        let sent = hear(&mut known, Kind::Request, 1);
        let (last, data) = sent.split_last().unwrap();
        assert!(data.iter().all(|it| it.kind == Kind::Data));
        assert!(data.len() as u64 > AHEAD, "it went on after a loss");
        assert_eq!(last.number, data.len() as u64);
        assert_eq!(hear(&mut known, Kind::Request, 1), [*last]);
    }
}
