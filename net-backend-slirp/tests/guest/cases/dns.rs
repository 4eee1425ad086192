//! The name server of the guest's network: the host's first.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use crate::guest::Guest;
use crate::harness::{Case, Mode, Outcome, ensure, failed};
use crate::job::same;
use crate::machine::{self, ANSWER};
use crate::packets::NAME_SERVER;
use crate::wire::PATIENCE;

pub(super) const CASES: &[Case] = &[
    Case::new("dns/questions-reach-the-hosts-name-server", datagrams),
    Case::new("dns/questions-over-tcp-too", stream),
    Case::new("dns/questions-over-ipv6-too", datagrams_ipv6),
    Case::new("dns/switched-off-nobody-answers", off),
    Case::new("dns/the-address-can-be-chosen", other_address),
];

/// Any bytes will do: nobody between the guest and the name server looks at them.
const QUESTION: &[u8] = b"\x12\x34who is crocus?";

/// Asks until there is an answer, since libslirp looks at the configuration of the host once in a second.
fn ask(guest: &mut Guest, server: SocketAddr) -> Outcome {
    let socket = guest.udp(5353)?;
    let mut left = PATIENCE;
    while !left.is_zero() {
        let pause = Duration::from_millis(500);
        guest.send_to(socket, server, QUESTION)?;
        if let Some((from, answer)) = guest.within(pause, |guest| guest.datagram(socket))? {
            ensure!(from == server, "{from} answers for {server}");
            return same("an answer", &answer, &[QUESTION, ANSWER].concat());
        }
        left = left.saturating_sub(pause);
    }
    Err(failed(format!("{server} does not answer")))
}

fn server(address: impl Into<IpAddr>) -> SocketAddr {
    SocketAddr::new(address.into(), 53)
}

fn datagrams(mode: Mode) -> Outcome {
    machine::has_name_server()?;
    ask(&mut Guest::open(mode, "slirp:")?, server(NAME_SERVER))
}

fn datagrams_ipv6(mode: Mode) -> Outcome {
    machine::has_name_server()?;
    let address = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 3);
    ask(&mut Guest::open(mode, "slirp:")?, server(address))
}

fn stream(mode: Mode) -> Outcome {
    machine::has_name_server()?;
    let mut guest = Guest::open(mode, "slirp:")?;
    // Makes libslirp look at the configuration.
    ask(&mut guest, server(NAME_SERVER))?;
    let socket = guest.connect(server(NAME_SERVER))?;
    let count = QUESTION.len() + ANSWER.len();
    let answer = guest.exchange(socket, QUESTION, count)?;
    same("an answer", &answer, &[QUESTION, ANSWER].concat())
}

fn off(mode: Mode) -> Outcome {
    machine::has_name_server()?;
    let mut guest = Guest::open(mode, "slirp:?disable-dns=on")?;
    let socket = guest.udp(5353)?;
    // Longer than libslirp keeps what it read of the configuration.
    for _ in 0..3 {
        guest.send_to(socket, server(NAME_SERVER), QUESTION)?;
        let pause = Duration::from_millis(500);
        let answer = guest.within(pause, |guest| guest.datagram(socket))?;
        ensure!(answer.is_none(), "switched off, and it answers: {answer:?}");
    }
    Ok(())
}

fn other_address(mode: Mode) -> Outcome {
    machine::has_name_server()?;
    let mut guest = Guest::open(mode, "slirp:?dns=10.0.2.53")?;
    ask(&mut guest, server([10, 0, 2, 53]))
}
