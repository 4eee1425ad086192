//! Linux: veths by rtnetlink(7).
#![expect(
    clippy::unwrap_used,
    reason = "what is not as it should be fails the test"
)]

use std::io;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use net_backend_tap::testing::Interface;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, send, socket_with,
};

/// `VETH_INFO_PEER` (include/uapi/linux/veth.h).
const VETH_INFO_PEER: u16 = 1;
/// `NLM_F_REQUEST`, `NLM_F_ACK`, `NLM_F_CREATE` and `NLM_F_EXCL`.
const NEW: u16 = 0x1 | 0x4 | 0x400 | 0x200;
/// Bytes of `struct nlmsghdr` and of `struct ifinfomsg`.
const HEADER: usize = 16;
const LINK: usize = 16;
/// How long the system may take to forget an interface.
const PATIENCE: Duration = Duration::from_secs(5);

pub(crate) fn is_supported() -> bool {
    true
}

pub(crate) fn add_wire(names: [String; 2], queues: u32) -> io::Result<[String; 2]> {
    let [near, far] = &names;
    let mut peer = vec![0; LINK];
    name_and_queues(&mut peer, far, queues);
    let mut data = Vec::new();
    attribute(&mut data, VETH_INFO_PEER, &peer);
    let mut kind = Vec::new();
    attribute(&mut kind, libc::IFLA_INFO_KIND, b"veth");
    attribute(&mut kind, libc::IFLA_INFO_DATA, &data);
    let mut message = vec![0; LINK];
    name_and_queues(&mut message, near, queues);
    attribute(&mut message, libc::IFLA_LINKINFO, &kind);
    request(libc::RTM_NEWLINK, &message)
        .map_err(|error| io::Error::new(error.kind(), format!("making a veth: {error}")))?;
    for name in &names {
        Interface::named(name).disable_ipv6()?;
    }
    Ok(names)
}

/// Deletes an interface. The system waits for whoever has it open to let go of it, so a thread does, until it may.
///
/// Returns when nobody finds the interface any more.
pub(crate) fn delete(name: &str) -> Option<JoinHandle<()>> {
    let interface = Interface::named(name);
    let deleting = thread::spawn(move || {
        let _gone = interface.delete();
    });
    wait_until(|| deleting.is_finished() || !Interface::named(name).exists());
    Some(deleting)
}

/// Waits until a deleted interface is forgotten, unless somebody still has it.
pub(crate) fn forget(deleting: JoinHandle<()>) {
    wait_until(|| deleting.is_finished());
    if deleting.is_finished() {
        let _quiet = deleting.join();
    }
}

fn wait_until(mut is_over: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_over() && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(1));
    }
}

fn name_and_queues(message: &mut Vec<u8>, name: &str, queues: u32) {
    attribute(message, libc::IFLA_IFNAME, name.as_bytes());
    attribute(message, libc::IFLA_NUM_TX_QUEUES, &queues.to_ne_bytes());
    attribute(message, libc::IFLA_NUM_RX_QUEUES, &queues.to_ne_bytes());
}

/// Appends an attribute, `struct rtattr`, padded to 4 bytes.
fn attribute(message: &mut Vec<u8>, kind: u16, value: &[u8]) {
    let length = u16::try_from(4 + value.len()).unwrap();
    message.extend(length.to_ne_bytes());
    message.extend(kind.to_ne_bytes());
    message.extend(value);
    message.resize(message.len().next_multiple_of(4), 0);
}

fn request(kind: u16, body: &[u8]) -> io::Result<()> {
    // Without a protocol it is NETLINK_ROUTE, which is 0.
    let family = AddressFamily::NETLINK;
    let socket = socket_with(family, SocketType::RAW, SocketFlags::CLOEXEC, None)?;
    let length = u32::try_from(HEADER + body.len()).unwrap();
    let mut message = length.to_ne_bytes().to_vec();
    message.extend(kind.to_ne_bytes());
    message.extend(NEW.to_ne_bytes());
    message.extend([0; 8]);
    message.extend(body);
    send(&socket, &message, SendFlags::empty())?;
    let mut answer = [0; 1024];
    let (_, length) = recv(&socket, answer.as_mut_slice(), RecvFlags::empty())?;
    let errno = answer.get(HEADER..length.min(HEADER + 4));
    let errno = errno.and_then(|bytes| bytes.try_into().ok());
    match errno.map(i32::from_ne_bytes) {
        Some(0) => Ok(()),
        Some(errno) => Err(io::Error::from_raw_os_error(-errno)),
        None => Err(io::Error::other("the kernel's answer is too short")),
    }
}
