use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use net_backend_core::{Error, Features, Result};
use rustix::fs::{FileType, Mode, OFlags, fcntl_getfl, fcntl_setfl, open as open_file, stat};
use rustix::io::Errno;

use super::device::{AttachedQueue, Device};
use super::interface::Interface;
use super::link::Link;
use super::{offload, request};
use crate::config::{TapConfig, TapTarget};
use crate::sys::inherited;

/// More frames than any queue holds ([`LONGEST_QUEUE`](crate::config::LONGEST_QUEUE)), so that emptying one comes to an
/// end also under load.
pub(super) const QUEUE_BOUND: usize = 1 << 20;

const TUN: &str = "/dev/net/tun";

/// Flags of `TUNSETIFF`; all fit into a `short`.
const TAP: libc::c_short = 0x2;
const NO_PI: libc::c_short = 0x1000;
const HEADER: libc::c_short = 0x4000;
const MULTI_QUEUE: libc::c_short = 0x100;

const _: () = {
    assert!(TAP as libc::c_int == libc::IFF_TAP);
    assert!(NO_PI as libc::c_int == libc::IFF_NO_PI);
    assert!(HEADER as libc::c_int == libc::IFF_VNET_HDR);
    assert!(MULTI_QUEUE as libc::c_int == libc::IFF_MULTI_QUEUE);
};

/// Queues that are attached, and what was found about them.
struct Found {
    name: String,
    queues: Vec<OwnedFd>,
    flags: libc::c_short,
    /// Made by somebody else, who decides whether it is up.
    passed: bool,
    /// A macvtap or ipvtap.
    borrows_address: bool,
}

/// Opens everything that `config` names.
pub(crate) fn open(config: &TapConfig) -> Result<Device> {
    let found = match &config.target {
        TapTarget::Name(name) => by_name(name, config)?,
        TapTarget::Path(path) => by_path(path, config)?,
        TapTarget::Descriptors(numbers) => by_descriptors(numbers, config)?,
    };
    configure(&found, config)?;
    let mut config = config.clone();
    if let TapTarget::Name(name) = &mut config.target {
        name.clone_from(&found.name);
    }
    let header = found.flags & HEADER != 0;
    let offered = if header {
        probe(&found)?
    } else {
        Features::empty()
    };
    let link = Link::new(&found.name)?;
    let interface = Interface::new(&found.name)?;
    // Last, so that an open that fails leaves nothing behind.
    set_persist(&found, config.persist)?;
    Ok(Device {
        offered,
        link,
        interface: interface.index().is_some().then_some(interface),
        header,
        borrows_address: found.borrows_address,
        name: found.name,
        queues: found
            .queues
            .into_iter()
            .map(|tun| AttachedQueue {
                tun,
                attached: true,
            })
            .collect(),
        config,
    })
}

fn by_name(name: &str, config: &TapConfig) -> Result<Found> {
    let first = character_device(TUN)?;
    let mut flags = tap_flags(config);
    // A device that was made for several queues takes no user who does not know of them.
    let name = match request::attach(first.as_fd(), name, flags) {
        Err(error) if config.queues == 1 && error.raw_os_error() == Some(libc::EINVAL) => {
            flags |= MULTI_QUEUE;
            request::attach(first.as_fd(), name, flags)
        }
        attached => attached,
    }
    .map_err(|error| refused(name, error, config.queues))?;
    let mut queues = vec![first];
    for _ in 1..config.queues {
        let queue = character_device(TUN)?;
        request::attach(queue.as_fd(), &name, flags)
            .map_err(|error| refused(&name, error, config.queues))?;
        queues.push(queue);
    }
    Ok(Found {
        name,
        queues,
        flags,
        passed: false,
        borrows_address: false,
    })
}

fn by_path(path: &str, config: &TapConfig) -> Result<Found> {
    let flags = tap_flags(config);
    let mut queues = Vec::new();
    let mut name = String::new();
    // Opening something else can do anything.
    let kind = stat(path).map(|found| FileType::from_raw_mode(found.st_mode));
    if kind.is_ok_and(|kind| kind != FileType::CharacterDevice) {
        let other = io::Error::new(io::ErrorKind::InvalidInput, "not a character device");
        let remedy = "write the device of a macvtap or ipvtap, /dev/tapN";
        return Err(Error::system("stat", path, other, Some(remedy)));
    }
    for _ in 0..config.queues {
        let queue = character_device(path)?;
        (name, _) = request::attached(queue.as_fd()).map_err(|error| {
            let remedy = "it is not the device of a macvtap or ipvtap, /dev/tapN";
            Error::system("TUNGETIFF", path, error, Some(remedy))
        })?;
        request::attach(queue.as_fd(), &name, flags)
            .map_err(|error| refused(path, error, config.queues))?;
        queues.push(queue);
    }
    Ok(Found {
        name,
        queues,
        flags,
        passed: false,
        borrows_address: true,
    })
}

fn by_descriptors(numbers: &[i32], config: &TapConfig) -> Result<Found> {
    let refuse = |number, complaint| config.descriptor_error(number, complaint).into();
    let mut queues = Vec::new();
    let mut found: Option<(String, libc::c_short)> = None;
    for number in numbers {
        let (tun, identity) = passed(*number, config)?;
        if found.as_ref().is_some_and(|first| *first != identity) {
            let complaint = "is not a queue of the same tap as the first one, with the same flags";
            return Err(refuse(*number, complaint));
        }
        found = Some(identity);
        queues.push(tun);
    }
    if let ([_, second, ..], Some((_, flags))) = (numbers, &found) {
        if flags & MULTI_QUEUE == 0 {
            let complaint =
                "is the same queue once more: the tap has a single one; pass one descriptor";
            return Err(refuse(*second, complaint));
        }
    }
    let none = || refuse(-1, "is none; pass one for each queue");
    let (name, flags) = found.ok_or_else(none)?;
    Ok(Found {
        name,
        queues,
        flags,
        passed: true,
        borrows_address: false,
    })
}

/// A duplicate of a descriptor that somebody else opened, with name and flags of its tap.
fn passed(number: i32, config: &TapConfig) -> Result<(OwnedFd, (String, libc::c_short))> {
    let refuse = |complaint| Error::from(config.descriptor_error(number, complaint));
    let tun = inherited::duplicate(number)
        .ok_or_else(|| refuse("is not open; pass it without close-on-exec"))?;
    let (name, flags) = request::attached(tun.as_fd()).map_err(|error| {
        refuse(match error.raw_os_error() {
            Some(libc::EBADFD) => {
                "is /dev/net/tun without an interface; do TUNSETIFF before passing it"
            }
            _ => "is not a tap",
        })
    })?;
    if flags & TAP == 0 {
        return Err(refuse(
            "is a tun, which carries no Ethernet frames; pass a tap",
        ));
    }
    if flags & NO_PI == 0 {
        return Err(refuse(
            "has packet information in front of frames; open it with IFF_NO_PI",
        ));
    }
    non_blocking(tun.as_fd())
        .map_err(|errno| Error::system("F_SETFL", format!("fd={number}"), errno.into(), None))?;
    Ok((tun, (name, flags)))
}

/// Sets what was asked for, and brings up what was opened by name, where that is allowed.
fn configure(found: &Found, config: &TapConfig) -> Result<()> {
    let interface = Interface::new(&found.name)?;
    let tuns = || found.queues.iter().map(AsFd::as_fd);
    let failure = |operation| move |error| Error::system(operation, &found.name, error, None);
    for (tun, bytes) in tuns().filter_map(|tun| Some((tun, config.send_buffer?))) {
        let bytes = libc::c_int::try_from(bytes).unwrap_or(libc::c_int::MAX);
        request::set_send_buffer(tun, bytes).map_err(failure("TUNSETSNDBUF"))?;
    }
    if let Some(mtu) = config.mtu.filter(|mtu| interface.mtu() != Some(*mtu)) {
        interface.set_mtu(mtu)?;
    }
    if let Some(length) = config.transmit_queue_length {
        interface.set_transmit_queue_length(length)?;
    }
    let is_up = interface.is_up().ok();
    match config.up {
        Some(up) if is_up != Some(up) => interface.set_up(up),
        None if !found.passed && is_up == Some(false) => permitted(interface.set_up(true)),
        _ => Ok(()),
    }
}

fn set_persist(found: &Found, persist: Option<bool>) -> Result<()> {
    match (persist, found.queues.first()) {
        (Some(persist), Some(tun)) => request::set_persist(tun.as_fd(), persist)
            .map_err(|error| Error::system("TUNSETPERSIST", &found.name, error, None)),
        _ => Ok(()),
    }
}

/// What the kernel lets the reader have, found by trying; nothing is left switched on.
fn probe(found: &Found) -> Result<Features> {
    let Some(tun) = found.queues.first().map(AsFd::as_fd) else {
        return Ok(Features::empty());
    };
    let taken = |mask: &u32| request::set_offload(tun, *mask).is_ok();
    let mask = offload::MASKS.into_iter().find(taken).unwrap_or(0);
    request::set_offload(tun, 0)
        .map_err(|error| Error::system("TUNSETOFFLOAD", &found.name, error, None))?;
    Ok(offload::offered(mask))
}

fn tap_flags(config: &TapConfig) -> libc::c_short {
    let header = if config.header { HEADER } else { 0 };
    let queues = if config.queues > 1 { MULTI_QUEUE } else { 0 };
    TAP | NO_PI | header | queues
}

fn character_device(path: &str) -> Result<OwnedFd> {
    let flags = OFlags::RDWR | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
    open_file(path, flags, Mode::empty()).map_err(|errno| {
        let remedy = match errno {
            Errno::NOENT | Errno::NODEV | Errno::NXIO if path == TUN => {
                Some("load the module: modprobe tun")
            }
            Errno::ACCESS | Errno::PERM if path == TUN => {
                Some("distributions ship it open to everybody: chmod 0666 /dev/net/tun")
            }
            Errno::ACCESS | Errno::PERM => Some("give yourself read and write permission on it"),
            Errno::BUSY => Some("another program has it open"),
            _ => None,
        };
        Error::system("open", path, errno.into(), remedy)
    })
}

/// What a refused `TUNSETIFF` means.
fn refused(name: &str, error: io::Error, queues: u16) -> Error {
    let remedy = match error.raw_os_error() {
        Some(libc::EPERM) => Some("needs CAP_NET_ADMIN or a tap owned by you"),
        Some(libc::EBUSY) => {
            Some("another program has it open; close that one or take another name")
        }
        Some(libc::EINVAL) if queues > 1 => Some(
            "it exists and is no tap, or a tap with a single queue; leave out queues or delete it",
        ),
        Some(libc::EINVAL) => Some("it exists and is no tap; take another name"),
        Some(libc::E2BIG) => Some("it has no more queues; ask for fewer"),
        _ => None,
    };
    Error::system("TUNSETIFF", name, error, remedy)
}

/// The mode belongs to the open file, so whoever passed the descriptor has it too.
fn non_blocking(tun: BorrowedFd<'_>) -> rustix::io::Result<()> {
    fcntl_setfl(tun, fcntl_getfl(tun)? | OFlags::NONBLOCK)
}

/// Being refused is no error when nobody asked.
fn permitted(result: Result<()>) -> Result<()> {
    match result {
        Err(error) if error.kind() == net_backend_core::ErrorKind::Permission => Ok(()),
        other => other,
    }
}
