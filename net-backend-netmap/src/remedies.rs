//! What went wrong at the kernel's hand, and what to do about it. netmap has few error numbers for many mistakes, and
//! tells the rest to the system's log only.

use std::io;

use net_backend_core::Error;

use crate::{PortKind, PortName};

/// What the kernel was asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    /// To open the control device.
    Open,
    /// To take a descriptor that somebody else opened.
    Pass,
    Register(Port),
    Map,
    PortInfo,
    HeaderGet,
    HeaderSet,
    Attach,
    Detach,
    List,
    InterfaceNew,
    InterfaceDelete,
    PollingEnable,
    PollingDisable,
}

/// What is registered; the kernel makes different mistakes of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Port {
    Interface,
    Vale,
    Pipe,
    Monitor,
}

impl From<&PortName> for Port {
    fn from(name: &PortName) -> Self {
        match name.kind() {
            _ if name.monitor().is_some() => Self::Monitor,
            _ if name.pipe().is_some() => Self::Pipe,
            PortKind::Interface => Self::Interface,
            PortKind::Vale => Self::Vale,
        }
    }
}

impl Operation {
    /// The error of the operation on an object, with what to do about it where that is known.
    pub(crate) fn error(self, object: impl Into<String>, cause: io::Error) -> Error {
        if cause.raw_os_error().is_none() && cause.kind() == io::ErrorKind::Unsupported {
            return Error::Unsupported {
                what: "netmap".to_owned(),
                reason: "netmap runs on Linux and FreeBSD",
            };
        }
        let remedy = cause.raw_os_error().and_then(|errno| self.remedy(errno));
        Error::system(self.name(), object, cause, remedy)
    }

    /// The system call or request.
    fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Pass => "fd",
            Self::Register(_) => "NETMAP_REQ_REGISTER",
            Self::Map => "mmap",
            Self::PortInfo => "NETMAP_REQ_PORT_INFO_GET",
            Self::HeaderGet => "NETMAP_REQ_PORT_HDR_GET",
            Self::HeaderSet => "NETMAP_REQ_PORT_HDR_SET",
            Self::Attach => "NETMAP_REQ_VALE_ATTACH",
            Self::Detach => "NETMAP_REQ_VALE_DETACH",
            Self::List => "NETMAP_REQ_VALE_LIST",
            Self::InterfaceNew => "NETMAP_REQ_VALE_NEWIF",
            Self::InterfaceDelete => "NETMAP_REQ_VALE_DELIF",
            Self::PollingEnable => "NETMAP_REQ_VALE_POLLING_ENABLE",
            Self::PollingDisable => "NETMAP_REQ_VALE_POLLING_DISABLE",
        }
    }

    fn remedy(self, errno: i32) -> Option<&'static str> {
        match self {
            Self::Open => open(errno),
            Self::Pass => pass(errno),
            Self::Register(Port::Interface) => register_interface(errno),
            Self::Register(Port::Vale) => register_vale(errno),
            Self::Register(Port::Pipe) => register_pipe(errno),
            Self::Register(Port::Monitor) => register_monitor(errno),
            Self::Map => map(errno),
            Self::PortInfo => port_info(errno),
            Self::HeaderGet | Self::HeaderSet => header(errno),
            Self::Attach => attach(errno),
            Self::Detach => detach(errno),
            Self::List => list(errno),
            Self::InterfaceNew => interface_new(errno),
            Self::InterfaceDelete => interface_delete(errno),
            Self::PollingEnable if errno == libc::EFAULT => Some("it is polled already"),
            Self::PollingDisable if errno == libc::EFAULT => Some("it is not polled"),
            Self::PollingEnable | Self::PollingDisable => polling(errno),
        }
    }
}

/// The text, and where it says more.
macro_rules! or_see_log {
    ($text:literal) => {
        concat!($text, "; the kernel's log (dmesg) says which")
    };
}

fn open(errno: i32) -> Option<&'static str> {
    Some(match errno {
        libc::ENOENT | libc::ENXIO | libc::ENODEV => {
            "this kernel has no netmap; load it: `kldload netmap` on FreeBSD, `modprobe netmap` on Linux, or `insmod \
             netmap.ko` where it was built from source"
        }
        libc::EACCES | libc::EPERM => {
            "only root may open it; run as root, give /dev/netmap to your group, or pass a descriptor that root opened \
             (fd=)"
        }
        libc::EMFILE | libc::ENFILE => "raise the limit of open files (RLIMIT_NOFILE)",
        _ => return None,
    })
}

fn pass(errno: i32) -> Option<&'static str> {
    Some(match errno {
        libc::EBADF => "pass the number of a descriptor that is open in this process",
        libc::EBUSY => "it is bound to a port already; pass one that was opened and nothing else",
        libc::EMFILE | libc::ENFILE => "raise the limit of open files (RLIMIT_NOFILE)",
        libc::EINVAL => "its netmap may be of another version; API 14 is needed",
        _ => "pass a descriptor of /dev/netmap",
    })
}

fn register_interface(errno: i32) -> Option<&'static str> {
    Some(match errno {
        libc::ENXIO => "there is no such interface; a VALE port is written vale0:NAME",
        libc::EBUSY => {
            "others have these rings for themselves (/x), or have them at all when /x is asked for; or the interface is \
             in a VALE switch and has to be detached"
        }
        libc::EINVAL => or_see_log!(
            "the interface has fewer rings, there is no memory region of that number (@), the MTU is larger than \
             netmap's buffers (dev.netmap.buf_size), or netmap is of another version than API 14"
        ),
        libc::ENOMEM => {
            "netmap's memory is used up; raise dev.netmap.buf_num, ring_num, ring_size or if_num while nobody uses it \
             (sysctl, on Linux /sys/module/netmap/parameters)"
        }
        libc::EIO => "the interface's driver is not ready; bring the interface up",
        libc::EOPNOTSUPP => {
            "the interface's driver knows no netmap; allow emulation with dev.netmap.admode=0 (on Linux \
             /sys/module/netmap/parameters/admode)"
        }
        _ => return None,
    })
}

fn register_vale(errno: i32) -> Option<&'static str> {
    Some(match errno {
        libc::EBUSY => {
            "others have this port for themselves (/x), or have it at all when /x is asked for; or it is an interface \
             that is attached to the switch, which only the switch uses"
        }
        libc::EINVAL => or_see_log!(
            "an interface has the port's name, the port has fewer rings, there is no memory region of that number (@), \
             or netmap is of another version than API 14"
        ),
        libc::ENOMEM => {
            "all switches are taken (dev.netmap.max_bridges), the switch is full, or memory is used up: ask for fewer \
             slots, or raise dev.netmap.priv_buf_num and priv_ring_num"
        }
        libc::EACCES => "another kernel module has changed the switch and keeps it",
        _ => return None,
    })
}

fn register_pipe(errno: i32) -> Option<&'static str> {
    Some(match errno {
        libc::ENXIO => "there is no such interface to hang the pipe on",
        libc::EBUSY => {
            "others have this end for themselves (/x), or have it at all when /x is asked for; or the interface that it \
             hangs on is in a VALE switch"
        }
        libc::EINVAL => or_see_log!(
            "the pipe has fewer rings, its port has 64 pipes already, there is no memory region of that number (@), or \
             netmap is of another version than API 14"
        ),
        libc::ENOMEM => {
            "memory is used up: ask for fewer slots, or raise dev.netmap.buf_num and ring_num, of VALE ports \
             dev.netmap.priv_buf_num and priv_ring_num"
        }
        _ => return None,
    })
}

fn register_monitor(errno: i32) -> Option<&'static str> {
    Some(match errno {
        libc::ENXIO | libc::ENODEV => "there is no such port to watch",
        libc::EBUSY => {
            "the port belongs to the kernel, as an interface in a VALE switch does; that cannot be watched"
        }
        libc::EINVAL => {
            "nobody has the port open yet: open it first, then watch it; or it has fewer rings, or another memory region"
        }
        libc::ENOMEM => {
            "memory is used up: ask for fewer slots, or raise dev.netmap.priv_buf_num and priv_ring_num"
        }
        _ => return None,
    })
}

fn map(errno: i32) -> Option<&'static str> {
    match errno {
        libc::ENOMEM => Some("the process has no room for netmap's memory; raise RLIMIT_AS"),
        _ => None,
    }
}

fn port_info(errno: i32) -> Option<&'static str> {
    Some(match errno {
        libc::ENXIO => "there is no such interface",
        libc::EINVAL => "there is no such memory region, or an interface has the VALE port's name",
        libc::ENOMEM => {
            "all VALE switches are taken (dev.netmap.max_bridges), or memory is used up"
        }
        _ => return None,
    })
}

fn header(errno: i32) -> Option<&'static str> {
    Some(match errno {
        libc::ENXIO | libc::ENODEV => {
            "only a VALE port that is open or attached has a header length"
        }
        libc::EINVAL => "the length is 0, 10 or 12 bytes",
        _ => return None,
    })
}

fn attach(errno: i32) -> Option<&'static str> {
    Some(match errno {
        libc::EBUSY => {
            "it is in a switch already, or a program has it open; detach it, or end that program"
        }
        libc::EINVAL => or_see_log!(
            "there is no such interface, no memory region of that number, or the interface's MTU is larger than \
             netmap's buffers"
        ),
        libc::ENOMEM => {
            "all switches are taken (dev.netmap.max_bridges), the switch is full, or netmap's memory is used up \
             (dev.netmap.buf_num, ring_num)"
        }
        libc::EACCES => "another kernel module has changed the switch and keeps it",
        libc::EOPNOTSUPP => {
            "the interface's driver knows no netmap; allow emulation with dev.netmap.admode=0"
        }
        _ => return None,
    })
}

fn detach(errno: i32) -> Option<&'static str> {
    Some(match errno {
        libc::ENXIO => {
            "it is not attached to that switch, or netmap has forgotten that it is, as it does of a persistent interface \
             when somebody opens it"
        }
        libc::EBUSY => {
            "kernel threads poll it, which has to end first; or it is a port that programs have open, and goes with them"
        }
        libc::EACCES => "another kernel module has changed the switch and keeps it",
        _ => return None,
    })
}

fn list(errno: i32) -> Option<&'static str> {
    (errno == libc::EINVAL).then_some("netmap may be of another version; API 14 is needed")
}

fn interface_new(errno: i32) -> Option<&'static str> {
    Some(match errno {
        libc::EEXIST => "an interface has this name; take another",
        libc::EINVAL => "the name is none for an interface, or there is no such memory region",
        libc::ENOMEM => "memory is used up; ask for fewer slots and rings",
        _ => return None,
    })
}

fn interface_delete(errno: i32) -> Option<&'static str> {
    Some(match errno {
        libc::ENXIO => "there is no such interface",
        libc::EINVAL => "it was not made as a persistent VALE interface",
        libc::EBUSY => "it is open or attached to a switch; close or detach it first",
        _ => return None,
    })
}

fn polling(errno: i32) -> Option<&'static str> {
    Some(match errno {
        libc::ENXIO => "it is not attached to that switch",
        libc::EOPNOTSUPP => "only interfaces in a switch are polled, and only on Linux",
        libc::EINVAL => {
            "fewer CPUs than the machine has can poll, one for all rings or one each, and no more than there are rings"
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use net_backend_core::ErrorKind;

    use super::*;

    fn message(operation: Operation, object: &str, errno: i32) -> String {
        let error = operation.error(object, io::Error::from_raw_os_error(errno));
        error.to_string()
    }

    #[test]
    fn an_error_says_what_to_do() {
        let text = message(Operation::Open, "/dev/netmap", libc::ENOENT);
        assert!(
            text.starts_with("open on /dev/netmap: No such file or directory; "),
            "{text}"
        );
        assert!(text.contains("kldload netmap") && text.contains("modprobe netmap"));
        let text = message(Operation::Register(Port::Interface), "em9", libc::ENXIO);
        assert!(
            text.starts_with("NETMAP_REQ_REGISTER on em9: ") && text.contains("no such interface")
        );
    }

    #[test]
    fn the_same_number_means_another_thing_for_another_port() {
        let ports = ["em0", "vale0:a", "em0{1", "em0/t"];
        let texts = ports.map(|name| {
            let name: PortName = name.parse().unwrap();
            message(Operation::Register(Port::from(&name)), "x", libc::EINVAL)
        });
        for (at, text) in texts.iter().enumerate() {
            assert!(!texts[..at].contains(text), "{text}");
        }
    }

    #[test]
    fn without_a_remedy_the_cause_stands_alone() {
        let text = message(Operation::List, "vale", libc::EIO);
        assert_eq!(text, "NETMAP_REQ_VALE_LIST on vale: Input/output error");
    }

    #[test]
    fn a_system_without_netmap_is_said_to_be_one() {
        let error = Operation::Open.error("/dev/netmap", io::ErrorKind::Unsupported.into());
        assert_eq!(error.kind(), ErrorKind::Unsupported);
    }
}
