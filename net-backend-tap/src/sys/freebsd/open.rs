use std::io;
use std::os::fd::{AsFd, OwnedFd};

use net_backend_core::{Error, ErrorKind, Features, Result};
use rustix::fs::{Mode, OFlags, open as open_file};
use rustix::io::{Errno, ioctl_fionbio};

use super::device::Device;
use super::interface::Interfaces;
use super::link::Link;
use super::name::{can_be_made, driver_of_pattern};
use super::{capability, request, rights};
use crate::config::{TapConfig, TapTarget};
use crate::sys::inherited;

/// A tap that was found or made.
struct Found {
    name: String,
    tap: OwnedFd,
    /// Opened by somebody else, who decides whether it is up.
    passed: bool,
    /// Made by opening it.
    made: bool,
}

/// What the header of a tap can do.
struct Header {
    /// Whether the kernel has one (since FreeBSD 13).
    exists: bool,
    offered: Features,
}

/// Opens everything that `config` names.
pub(crate) fn open(config: &TapConfig) -> Result<Device> {
    refuse_unsupported(config)?;
    let interfaces = Interfaces::new()?;
    let found = match &config.target {
        TapTarget::Name(name) => by_name(name, &interfaces)?,
        TapTarget::Path(path) => return Err(no_paths(path)),
        TapTarget::Descriptors(numbers) => by_descriptors(numbers, config)?,
    };
    let prepared = prepare(&found, &interfaces, config);
    let limited = prepared.and_then(|prepared| {
        limit(&found, &interfaces)?;
        Ok(prepared)
    });
    let (header, link) = match limited {
        Ok(prepared) => prepared,
        Err(error) => {
            discard(found, &interfaces);
            return Err(error);
        }
    };
    let mut config = config.clone();
    if let TapTarget::Name(name) = &mut config.target {
        name.clone_from(&found.name);
    }
    Ok(Device {
        header: header.exists && config.header,
        resettable: header.exists,
        offered: header.offered,
        name: found.name,
        tap: found.tap,
        config,
        interfaces,
        link,
    })
}

/// What FreeBSD does not have is refused before anything happens.
fn refuse_unsupported(config: &TapConfig) -> Result<()> {
    let refuse = |what: String, reason| Err(Error::Unsupported { what, reason });
    let descriptors = match &config.target {
        TapTarget::Path(path) => return Err(no_paths(path)),
        TapTarget::Descriptors(numbers) => numbers.len(),
        TapTarget::Name(_) => 1,
    };
    if config.queues != 1 || descriptors != 1 {
        let count = descriptors.max(usize::from(config.queues));
        return refuse(format!("queues={count}"), "a tap of FreeBSD has one queue");
    }
    if config.transmit_queue_length.is_some() {
        let reason =
            "FreeBSD has one length for all interfaces, the loader tunable net.link.ifqmaxlen";
        return refuse("txqueuelen".to_owned(), reason);
    }
    if config.send_buffer.is_some() {
        let reason = "FreeBSD is done with a frame when the write to the tap returns";
        return refuse("sndbuf".to_owned(), reason);
    }
    Ok(())
}

fn no_paths(path: &str) -> Error {
    Error::Unsupported {
        what: format!("tap:{path}"),
        reason: "macvtap and ipvtap exist on Linux only; write the name of a tap, tap:tap0",
    }
}

fn by_name(name: &str, interfaces: &Interfaces) -> Result<Found> {
    let driver = driver_of_pattern(name);
    let existed = driver.is_none() && interfaces.index(name).is_some();
    // Only devices of interfaces are opened: opening others can do anything.
    if driver.is_none() && !existed && !can_be_made(name) {
        let remedy =
            "make it, ifconfig tap create name NAME, or write a name that can be made, tap0";
        let missing = io::Error::new(io::ErrorKind::NotFound, "no such interface");
        return Err(Error::system("SIOCGIFINDEX", name, missing, Some(remedy)));
    }
    let node = driver.unwrap_or(name);
    let tap = match character_device(node) {
        // Opening makes the interface only for those who may and with net.link.tap.devfs_cloning on.
        Err(Errno::NOENT) if !existed => made(node, interfaces)?,
        opened => opened.map_err(|errno| refused(node, errno))?,
    };
    let remedy = Some("it is not a tap; take another name");
    let not_a_tap = |operation| move |error| Error::system(operation, name, error, remedy);
    let found = request::name(tap.as_fd()).map_err(not_a_tap("TAPGIFNAME"))?;
    if !request::is_ethernet(tap.as_fd()).map_err(not_a_tap("TAPGIFINFO"))? {
        let tun = io::Error::new(io::ErrorKind::InvalidInput, "it carries no Ethernet frames");
        return Err(not_a_tap("TAPGIFINFO")(tun));
    }
    Ok(Found {
        // The device of an interface that was renamed keeps its name, and was there before.
        made: !existed && (driver.is_some() || found == name),
        name: found,
        tap,
        passed: false,
    })
}

/// Makes the interface, `tap0` or for `tap` any, and opens its device.
fn made(name: &str, interfaces: &Interfaces) -> Result<OwnedFd> {
    let made = interfaces.create(name).map_err(|error| {
        let remedy = match error.raw_os_error() {
            Some(libc::EPERM) => Some(
                "needs root, or a tap that an administrator made: ifconfig tap0 create; sysctl \
                 net.link.tap.user_open=1 lets users make them",
            ),
            Some(libc::EINVAL) => Some("load the module: kldload if_tuntap"),
            Some(libc::EEXIST) => Some("it exists, and its device is hidden: look at devfs.rules"),
            _ => None,
        };
        Error::system("SIOCIFCREATE2", name, error, remedy)
    })?;
    character_device(&made).map_err(|errno| {
        // Destroying what somebody else has open would wait for them.
        if errno != Errno::BUSY {
            let _left_there = interfaces.destroy(&made);
        }
        refused(&made, errno)
    })
}

fn character_device(name: &str) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDWR | OFlags::NONBLOCK | OFlags::CLOEXEC;
    open_file(format!("/dev/{name}"), flags, Mode::empty())
}

fn refused(name: &str, errno: Errno) -> Error {
    let remedy = match errno {
        Errno::NOENT => {
            Some("the interface is no tap, or its device is hidden: look at devfs.rules")
        }
        Errno::ACCESS | Errno::PERM => Some(
            "needs root, or the device given to you, chown USER /dev/tap0, and sysctl net.link.tap.user_open=1",
        ),
        Errno::BUSY => Some("another program has it open; close that one or take another name"),
        _ => None,
    };
    Error::system("open", format!("/dev/{name}"), errno.into(), remedy)
}

fn by_descriptors(numbers: &[i32], config: &TapConfig) -> Result<Found> {
    let not_a_tap = |number, complaint| Error::from(config.descriptor_error(number, complaint));
    let number = numbers.first().copied().unwrap_or(-1);
    let tap = inherited::duplicate(number).ok_or_else(|| {
        let complaint = "is not open; pass it without close-on-exec";
        not_a_tap(number, complaint)
    })?;
    let name = request::name(tap.as_fd()).map_err(|_| not_a_tap(number, "is not a tap"))?;
    if !request::is_ethernet(tap.as_fd()).unwrap_or(false) {
        let complaint = "is a tun, which carries no Ethernet frames; pass a tap";
        return Err(not_a_tap(number, complaint));
    }
    // The mode belongs to the open file, so whoever passed the descriptor has it too.
    ioctl_fionbio(&tap, true)
        .map_err(|errno| Error::system("FIONBIO", format!("fd={number}"), errno.into(), None))?;
    Ok(Found {
        name,
        tap,
        passed: true,
        made: false,
    })
}

/// Sets what was asked for and finds out what there is.
fn prepare(
    found: &Found,
    interfaces: &Interfaces,
    config: &TapConfig,
) -> Result<(Header, Option<Link>)> {
    if let Some(persist) = config.persist {
        set_persist(found, persist)?;
    }
    let known = interfaces.mtu(&found.name);
    if let Some(mtu) = config.mtu.filter(|mtu| known != Some(*mtu)) {
        interfaces.set_mtu(&found.name, mtu)?;
    }
    let is_up = interfaces.is_up(&found.name).ok();
    match config.up {
        Some(true) if is_up != Some(true) => bring_up(found, interfaces),
        Some(false) if is_up != Some(false) => interfaces.set_up(&found.name, false),
        None if !found.passed && is_up == Some(false) => permitted(bring_up(found, interfaces)),
        _ => Ok(()),
    }?;
    let header = probe(found, interfaces, config)?;
    let link = match Link::listen(&found.name)? {
        None => None,
        Some(route) => interfaces.index(&found.name).map(|index| {
            let up = interfaces.is_up(&found.name).unwrap_or(false);
            Link::new(route, index, up)
        }),
    };
    Ok((header, link))
}

fn set_persist(found: &Found, persist: bool) -> Result<()> {
    match request::set_transient(found.tap.as_fd(), !persist) {
        // Older kernels keep every tap.
        Err(error) if persist && error.raw_os_error() == Some(libc::ENOTTY) => Ok(()),
        Err(error) if error.raw_os_error() == Some(libc::ENOTTY) => Err(Error::Unsupported {
            what: "persist=off".to_owned(),
            reason: "taps that go with their last user need FreeBSD 15; use ifconfig tap0 destroy",
        }),
        other => other.map_err(|error| Error::system("TAPSTRANSIENT", &found.name, error, None)),
    }
}

/// By the interface, which tells everybody and is for root; otherwise by the tap, which is for its user.
fn bring_up(found: &Found, interfaces: &Interfaces) -> Result<()> {
    match interfaces.set_up(&found.name, true) {
        Err(error) if error.kind() == ErrorKind::Permission => {
            let flags = interfaces.flags(&found.name).unwrap_or(0);
            request::bring_up(found.tap.as_fd(), flags).map_err(|_| error)
        }
        other => other,
    }
}

/// Being refused is no error when nobody asked.
fn permitted(result: Result<()>) -> Result<()> {
    match result {
        Err(error) if error.kind() == ErrorKind::Permission => Ok(()),
        other => other,
    }
}

/// Whether there is a header, and what the interface can do with it. Capabilities only show with a header set, and
/// are offered only to those who may switch them, which setting them to what they are tells.
fn probe(found: &Found, interfaces: &Interfaces, config: &TapConfig) -> Result<Header> {
    let tap = found.tap.as_fd();
    let failure = |operation| move |error| Error::system(operation, &found.name, error, None);
    let before = match request::header_length(tap) {
        Ok(before) => before,
        Err(error) if error.raw_os_error() == Some(libc::ENOTTY) => {
            return Ok(Header {
                exists: false,
                offered: Features::empty(),
            });
        }
        Err(error) => return Err(failure("TAPGVNETHDR")(error)),
    };
    let mut offered = Features::empty();
    if config.header {
        if before == 0 {
            request::set_header_length(tap, 12).map_err(failure("TAPSVNETHDR"))?;
        }
        if let Ok(found_there) = interfaces.capabilities(&found.name) {
            let allowed = interfaces.enable(&found.name, found_there.enabled).is_ok();
            offered = capability::offered(if allowed { found_there.possible } else { 0 });
        }
        if before == 0 {
            request::set_header_length(tap, 0).map_err(failure("TAPSVNETHDR"))?;
        }
    }
    Ok(Header {
        exists: true,
        offered,
    })
}

/// What follows is allowed to do no more than it has to. A descriptor that was passed keeps its rights: this is a
/// duplicate.
fn limit(found: &Found, interfaces: &Interfaces) -> Result<()> {
    rights::limit_tap(found.tap.as_fd())
        .and_then(|()| rights::limit_interfaces(interfaces.descriptor()))
        .map_err(|error| Error::system("cap_rights_limit", &found.name, error, None))
}

/// Unmakes what was made for an open that failed.
fn discard(found: Found, interfaces: &Interfaces) {
    drop(found.tap);
    if found.made {
        let _left_there = interfaces.destroy(&found.name);
    }
}
