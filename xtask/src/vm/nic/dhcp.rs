//! The least that a DHCP server has to be (RFC 2131), for one guest on a tap.

use std::io;
use std::net::{Ipv4Addr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

const SERVER: u16 = 67;
const CLIENT: u16 = 68;
/// How often the server looks whether it is still wanted.
const PAUSE: Duration = Duration::from_millis(200);
/// Bytes before the options, and what options begin with.
const FIXED: usize = 236;
const COOKIE: [u8; 4] = [99, 130, 83, 99];
/// Options (RFC 2132).
const MASK: u8 = 1;
const ROUTER: u8 = 3;
const NAME_SERVER: u8 = 6;
const LEASE_TIME: u8 = 51;
const MESSAGE_TYPE: u8 = 53;
const SERVER_IDENTIFIER: u8 = 54;
const END: u8 = 255;
/// Message types.
const DISCOVER: u8 = 1;
const OFFER: u8 = 2;
const REQUEST: u8 = 3;
const ACKNOWLEDGEMENT: u8 = 5;

/// What a guest on a tap gets.
pub(super) const ADDRESS: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);

/// A server with a thread of its own, which ends soon after this is dropped.
#[derive(Debug)]
pub(super) struct DhcpServer {
    unwanted: Arc<AtomicBool>,
}

impl DhcpServer {
    /// Serves in the network of the calling thread, which sends broadcasts to the guest: its default route leads there.
    ///
    /// # Errors
    ///
    /// If the port cannot be had.
    pub(super) fn start(host: Ipv4Addr) -> io::Result<Self> {
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, SERVER))?;
        socket.set_broadcast(true)?;
        socket.set_read_timeout(Some(PAUSE))?;
        let unwanted = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&unwanted);
        thread::spawn(move || {
            let mut buffer = [0; 1500];
            while !seen.load(Ordering::Relaxed) {
                let Ok(length) = socket.recv(&mut buffer) else {
                    continue;
                };
                let message = buffer.get(..length).unwrap_or_default();
                if let Some(answer) = answer(message, host) {
                    // While the tap is away there is no way; the guest asks again.
                    let _sent = socket.send_to(&answer, (Ipv4Addr::BROADCAST, CLIENT));
                }
            }
        });
        Ok(Self { unwanted })
    }
}

impl Drop for DhcpServer {
    fn drop(&mut self) {
        self.unwanted.store(true, Ordering::Relaxed);
    }
}

/// The answer to a message of a client, if it wants one.
fn answer(message: &[u8], host: Ipv4Addr) -> Option<Vec<u8>> {
    const BOOT_REQUEST: u8 = 1;
    const BOOT_REPLY: u8 = 2;
    let options = message.get(FIXED..)?.strip_prefix(&COOKIE)?;
    let kind = match (message.first()?, message_type(options)?) {
        (&BOOT_REQUEST, DISCOVER) => OFFER,
        (&BOOT_REQUEST, REQUEST) => ACKNOWLEDGEMENT,
        _ => return None,
    };
    let host = host.octets();
    // The client's transaction and Ethernet address stay; its own address, then the server's, stand between.
    let mut answer = vec![BOOT_REPLY];
    answer.extend(message.get(1..16)?);
    answer.extend(ADDRESS.octets());
    answer.extend(host);
    answer.extend(message.get(24..44)?);
    answer.resize(FIXED, 0);
    answer.extend(COOKIE);
    let options: [(u8, &[u8]); 6] = [
        (MESSAGE_TYPE, &[kind]),
        (SERVER_IDENTIFIER, &host),
        (LEASE_TIME, &3600_u32.to_be_bytes()),
        (MASK, &[255, 255, 255, 0]),
        (ROUTER, &host),
        (NAME_SERVER, &host),
    ];
    for (code, value) in options {
        answer.push(code);
        answer.extend(u8::try_from(value.len()));
        answer.extend(value);
    }
    answer.push(END);
    Some(answer)
}

fn message_type(mut options: &[u8]) -> Option<u8> {
    const PAD: u8 = 0;
    loop {
        match *options {
            [PAD, ref rest @ ..] => options = rest,
            [MESSAGE_TYPE, 1, kind, ..] => return Some(kind),
            [] | [_] | [END, ..] => return None,
            [_, length, ref rest @ ..] => options = rest.get(length.into()..)?,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOST: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);

    fn request(kind: u8) -> Vec<u8> {
        let mut message = vec![1, 1, 6, 0, 0xa, 0xb, 0xc, 0xd];
        message.resize(28, 0);
        message.extend([2, 0, 0, 0, 0, 9]);
        message.resize(FIXED, 0);
        message.extend(COOKIE);
        message.extend([0, 55, 2, 1, 3, MESSAGE_TYPE, 1, kind, END]);
        message
    }

    #[test]
    fn a_client_gets_an_offer_and_then_the_address() {
        for (asked, answered) in [(DISCOVER, OFFER), (REQUEST, ACKNOWLEDGEMENT)] {
            let answer = answer(&request(asked), HOST).unwrap();
            assert_eq!(answer[..8], [2, 1, 6, 0, 0xa, 0xb, 0xc, 0xd]);
            assert_eq!(answer[16..20], ADDRESS.octets());
            assert_eq!(answer[28..34], [2, 0, 0, 0, 0, 9]);
            let options = answer.get(FIXED + 4..).unwrap();
            assert_eq!(message_type(options), Some(answered));
            assert!(options.windows(6).any(|it| it == [1, 4, 255, 255, 255, 0]));
        }
    }

    #[test]
    fn what_is_no_question_gets_no_answer() {
        const RELEASE: u8 = 7;
        assert_eq!(answer(&request(RELEASE), HOST), None);
        let mut reply = request(DISCOVER);
        reply[0] = 2;
        assert_eq!(answer(&reply, HOST), None);
        let whole = request(DISCOVER);
        for length in 0..whole.len() - 1 {
            assert_eq!(answer(&whole[..length], HOST), None, "{length}");
        }
    }
}
