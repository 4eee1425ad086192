//! What to do about an errno, by the operation that it ended.

/// The system call behind a new client.
pub(super) const SOCKET: &str = "socket(AF_NETGRAPH)";
/// The system call that loads a module.
pub(super) const LOAD: &str = "kldload";
/// The system call that names a client's own node.
pub(super) const BIND: &str = "bind";
/// The system call that receives a message.
pub(super) const RECEIVE: &str = "recvfrom";

pub(super) fn remedy(operation: &str, errno: i32) -> Option<&'static str> {
    let known = match operation {
        SOCKET => socket(errno),
        LOAD => load(errno),
        BIND | "NGM_NAME" => name(errno),
        "NGM_MKPEER" => make_peer(errno),
        "NGM_CONNECT" => connect(errno),
        "NGM_TEXT_STATUS" if errno == libc::EINVAL => Some("nodes of its type have no text status"),
        "NGM_ASCII2BINARY" | "NGM_BINARY2ASCII" => text(errno),
        _ if operation.starts_with("NGM_BRIDGE_") => bridge(errno),
        _ if operation.starts_with("NGM_ETHER_") => ether(errno),
        _ if operation.starts_with("NGM_EIFACE_") && errno == libc::EINVAL => {
            Some("the node is not of type eiface, or the address is none for an interface")
        }
        _ => None,
    };
    known.or_else(|| message(operation, errno))
}

fn socket(errno: i32) -> Option<&'static str> {
    Some(match errno {
        libc::EAFNOSUPPORT | libc::EPROTONOSUPPORT => "load ng_socket as root: `kldload ng_socket`",
        libc::EPERM | libc::EACCES => {
            "only root may have a control socket, in a jail only if it has a network stack of its own (vnet)"
        }
        libc::EMFILE | libc::ENFILE => "raise the limit of open files (RLIMIT_NOFILE)",
        _ => return None,
    })
}

fn load(errno: i32) -> Option<&'static str> {
    Some(match errno {
        libc::EPERM | libc::EACCES => {
            "only root may load modules, and nobody in a jail or with kern.securelevel raised; on the host, run `kldload \
             ng_socket`, or write ng_socket_load=\"YES\" into /boot/loader.conf"
        }
        libc::ENOENT => {
            "the kernel has no netgraph sockets and the module is not in kern.module_path; install FreeBSD's modules, \
             then `kldload ng_socket`"
        }
        libc::ENOEXEC => {
            "the module does not fit the kernel; install the modules that belong to it, then `kldload ng_socket`"
        }
        _ => "load it by hand: `kldload ng_socket`",
    })
}

fn name(errno: i32) -> Option<&'static str> {
    match errno {
        libc::EADDRINUSE => Some("a node has this name; take another"),
        _ => None,
    }
}

fn make_peer(errno: i32) -> Option<&'static str> {
    Some(match errno {
        libc::EEXIST => "the node has this hook already; take another, or remove it",
        libc::ENOENT => {
            "there is no such node, or no such type of nodes; its module would be ng_TYPE, which `kldload` has to find"
        }
        libc::ENXIO => "there is no such type of nodes",
        libc::EPERM => {
            "the type's module is not loaded, and may not be by this process; load it as root: `kldload ng_TYPE`"
        }
        libc::EINVAL => {
            "one of the nodes takes no hook of this name (a bridge takes link0, link1 and so on), or nodes of this type \
             cannot be made"
        }
        _ => return None,
    })
}

fn connect(errno: i32) -> Option<&'static str> {
    Some(match errno {
        libc::EEXIST | libc::EISCONN => {
            "one of the hooks is connected already; take another, or remove it"
        }
        libc::EINVAL | libc::EPFNOSUPPORT => {
            "one of the nodes takes no hook of this name (a bridge takes link0, link1 and so on)"
        }
        _ => return None,
    })
}

fn text(errno: i32) -> Option<&'static str> {
    Some(match errno {
        libc::ENOSYS => "the node has no such command",
        libc::EINVAL => "the arguments are none for this command",
        libc::ERANGE => "it is longer than the 20 KiB that the kernel makes of it",
        _ => return None,
    })
}

fn bridge(errno: i32) -> Option<&'static str> {
    Some(match errno {
        libc::ENOTCONN => "the bridge has no such link",
        libc::EINVAL => "the node is not of type bridge, or its kernel is too old for this",
        libc::ENOENT => "there is no such node, or the bridge has no such link",
        _ => return None,
    })
}

fn ether(errno: i32) -> Option<&'static str> {
    Some(match errno {
        libc::EINVAL => "the node is not of type ether, or the address is none for an interface",
        libc::EADDRINUSE => "the interface is in this group already",
        _ => return None,
    })
}

/// Said of any message to a node.
fn message(operation: &str, errno: i32) -> Option<&'static str> {
    if !operation.starts_with("NGM_") {
        return None;
    }
    Some(match errno {
        libc::ENOENT => {
            "there is no such node or hook (`ngctl list` shows the nodes); an Ethernet interface has a node when ng_ether \
             is loaded: `kldload ng_ether`"
        }
        libc::ENOBUFS => {
            "the answer does not fit the socket's receive buffer; raise kern.ipc.maxsockbuf and open the client again"
        }
        libc::EMSGSIZE => {
            "the message is longer than the socket's send buffer; raise net.graph.maxdgram and open the client again"
        }
        libc::ENXIO => "the node is going away",
        _ => return None,
    })
}
