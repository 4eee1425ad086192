// UNSAFETY: unshare(2) is unsafe in rustix, because one of its flags unshares descriptors.
#![expect(unsafe_code, reason = "rustix offers unshare only as unsafe function")]

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rustix::io::Errno;
use rustix::process::{getegid, geteuid};
use rustix::thread::{CapabilitySet, UnshareFlags, capabilities, unshare_unsafe};

use super::interface;

/// Where the kernel says how TCP controls congestion; it shows the namespace of the thread that looks.
const CONGESTION_CONTROL: &str = "/proc/sys/net/ipv4/tcp_congestion_control";

pub(crate) fn enter_private_network() -> io::Result<()> {
    match unshare(UnshareFlags::NEWNET) {
        Err(Errno::PERM) => enter_user_namespace(UnshareFlags::NEWNET)?,
        other => other.map_err(super::failed("unshare of the network namespace"))?,
    }
    prepare()
}

pub(crate) fn prepare_interfaces() -> io::Result<()> {
    enter_private_network()
}

pub(crate) fn allow_namespaces() -> io::Result<()> {
    let capabilities = capabilities(None)?;
    if !capabilities.effective.contains(CapabilitySet::SYS_ADMIN) {
        enter_user_namespace(UnshareFlags::empty())?;
    }
    Ok(())
}

pub(crate) fn enter_new_network() -> io::Result<()> {
    unshare(UnshareFlags::NEWNET).map_err(super::failed(
        "unshare of the network namespace (needs CAP_SYS_ADMIN, or a private network to begin with)",
    ))?;
    prepare()
}

pub(crate) fn network_path() -> io::Result<PathBuf> {
    // Its own thread's namespace is what another thread's /proc/self does not show.
    let thread = fs::read_link("/proc/thread-self")
        .map_err(|error| io::Error::new(error.kind(), format!("/proc/thread-self: {error}")))?;
    Ok(Path::new("/proc").join(thread).join("ns/net"))
}

/// A user namespace in which this user is root, and the namespaces of `others` in it.
fn enter_user_namespace(others: UnshareFlags) -> io::Result<()> {
    let (user, group) = (geteuid(), getegid());
    unshare(UnshareFlags::NEWUSER | others).map_err(|errno| {
        let advice = match errno {
            Errno::INVAL => "this process has several threads already, and only one may ask for a user namespace",
            Errno::PERM => {
                "user namespaces are not for ordinary users here; run as root, or set kernel.unprivileged_userns_clone=1 \
                 (Debian) or kernel.apparmor_restrict_unprivileged_userns=0 (Ubuntu) with sysctl"
            }
            Errno::NOSPC | Errno::USERS => "there may be no more user namespaces; raise user.max_user_namespaces",
            _ => "unshare",
        };
        super::failed(format!("no user namespace: {advice}"))(errno)
    })?;
    // Groups cannot be given up before the mapping is written (user_namespaces(7)).
    write("/proc/self/setgroups", "deny")?;
    write("/proc/self/uid_map", &format!("0 {} 1", user.as_raw()))?;
    write("/proc/self/gid_map", &format!("0 {} 1", group.as_raw()))
}

fn prepare() -> io::Result<()> {
    interface::set_up("lo", true).map_err(|error| match error.kind() {
        io::ErrorKind::PermissionDenied => {
            let advice = "the user namespace came without rights, as AppArmor does it on Ubuntu: run as root, or set \
                          kernel.apparmor_restrict_unprivileged_userns=0 with sysctl";
            io::Error::new(error.kind(), format!("{advice} ({error})"))
        }
        _ => error,
    })?;
    // Reno is always there, and behaves the same everywhere. A kernel without the choice has only Reno.
    if Path::new(CONGESTION_CONTROL).exists() {
        let _kept = fs::write(CONGESTION_CONTROL, "reno");
    }
    Ok(())
}

fn write(path: &str, text: &str) -> io::Result<()> {
    fs::write(path, text)
        .map_err(|error| io::Error::new(error.kind(), format!("writing {path}: {error}")))
}

fn unshare(flags: UnshareFlags) -> rustix::io::Result<()> {
    // SAFETY: the flags are those of namespaces; FILES is not among them, so descriptors stay shared.
    unsafe { unshare_unsafe(flags) }
}
