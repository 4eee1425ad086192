//! Sockets as the kernel sees them: what waits to be received lies in a real socket, so that its descriptor is ready
//! when it would be, and is counted as FreeBSD counts it.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};

use rustix::io::Errno;
use rustix::net::{AddressFamily, SendFlags, SocketFlags, SocketType, send, socketpair, sockopt};

use super::graph::{Answer, NodeId};
use super::lock::Lock;

/// `struct socket`, and `struct ngpcb` with it.
#[derive(Debug)]
pub(super) struct Endpoint {
    /// The user's end: readable when something waits, or for ever when the node is gone.
    near: OwnedFd,
    /// What is written here is received there; closed when the node is gone.
    far: Lock<Option<OwnedFd>>,
    buffer: Lock<Buffer>,
    /// `so_snd.sb_hiwat`.
    longest: AtomicUsize,
    /// The node, 0 without one. It stays when the node is gone.
    node: AtomicU32,
    /// `SS_ISCONNECTED`.
    is_connected: AtomicBool,
    /// `soisdisconnected` was called.
    is_gone: AtomicBool,
    /// Of a program in the test: not counted, and nothing befalls it.
    is_own: bool,
}

/// `struct sockbuf`, of the receiving side.
#[derive(Debug)]
struct Buffer {
    /// Bytes that may wait (`sb_hiwat`).
    room: usize,
    /// Bytes that may be taken for it, unused ones included (`sb_mbmax`).
    memory: usize,
    used_room: usize,
    used_memory: usize,
    waiting: VecDeque<Waiting>,
}

/// What was put into the real socket.
#[derive(Debug)]
struct Waiting {
    from: Vec<u8>,
    length: usize,
    room: usize,
    memory: usize,
}

impl Endpoint {
    /// One with buffers of so many bytes in each direction. `most` is `sb_max`.
    pub(super) fn new(bytes: usize, most: usize, is_own: bool) -> io::Result<Self> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let (near, far) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)?;
        // As much as the host allows: the buffer that counts is the model's.
        for bytes in [8 << 20, 4 << 20, 1 << 20, 200 << 10] {
            let sends = sockopt::set_socket_send_buffer_size(&far, bytes).is_ok();
            if sends && sockopt::set_socket_recv_buffer_size(&near, bytes).is_ok() {
                break;
            }
        }
        let buffer = Buffer {
            room: bytes,
            memory: memory_for(bytes, most),
            used_room: 0,
            used_memory: 0,
            waiting: VecDeque::new(),
        };
        Ok(Self {
            near,
            far: Lock::new(Some(far)),
            buffer: Lock::new(buffer),
            longest: AtomicUsize::new(bytes),
            node: AtomicU32::new(0),
            is_connected: AtomicBool::new(false),
            is_gone: AtomicBool::new(false),
            is_own,
        })
    }

    pub(super) fn descriptor(&self) -> BorrowedFd<'_> {
        self.near.as_fd()
    }

    pub(super) fn number(&self) -> i32 {
        self.near.as_raw_fd()
    }

    pub(super) fn is_own(&self) -> bool {
        self.is_own
    }

    pub(super) fn node(&self) -> Option<NodeId> {
        Some(self.node.load(Ordering::Relaxed)).filter(|id| *id != 0)
    }

    pub(super) fn set_node(&self, node: NodeId) {
        self.node.store(node, Ordering::Relaxed);
    }

    pub(super) fn is_connected(&self) -> bool {
        self.is_connected.load(Ordering::Relaxed)
    }

    pub(super) fn set_connected(&self, is_connected: bool) {
        self.is_connected.store(is_connected, Ordering::Relaxed);
    }

    pub(super) fn is_gone(&self) -> bool {
        self.is_gone.load(Ordering::Relaxed)
    }

    /// `soisdisconnected`: what waits can be received, then comes the end.
    pub(super) fn disconnect(&self) {
        self.is_gone.store(true, Ordering::Relaxed);
        self.set_connected(false);
        self.far.lock().take();
    }

    pub(super) fn longest(&self) -> usize {
        self.longest.load(Ordering::Relaxed)
    }

    /// A frame: `sbappendaddr_locked`; for a device, which counts frames, with their most.
    pub(super) fn put(&self, hook: &[u8], bytes: &[u8], most: Option<usize>) -> Answer {
        // `ngs_rcvdata`: an address just long enough for the name and a NUL.
        self.append(Waiting::new(hook, hook.len() + 3, bytes.len()), bytes, most)
    }

    /// A message: `sbappendaddr_locked`, with a whole `struct sockaddr_ng`.
    pub(super) fn put_message(&self, from: &str, bytes: &[u8]) -> Answer {
        self.append(Waiting::new(from.as_bytes(), 34, bytes.len()), bytes, None)
    }

    fn append(&self, waiting: Waiting, bytes: &[u8], most: Option<usize>) -> Answer {
        let mut buffer = self.buffer.lock();
        let is_full = match most {
            Some(most) => buffer.waiting.len() >= most,
            None => !buffer.has_room(&waiting),
        };
        if is_full {
            return Err(Errno::NOBUFS);
        }
        let far = self.far.lock();
        let far = far.as_ref().ok_or(Errno::PIPE)?;
        // FreeBSD keeps messages apart only where they end.
        match send(far, bytes, SendFlags::NOSIGNAL | SendFlags::EOR) {
            Ok(_) => {
                buffer.push(waiting);
                Ok(())
            }
            // The host's own limit.
            Err(Errno::AGAIN | Errno::MSGSIZE) => Err(Errno::NOBUFS),
            Err(error) => Err(error),
        }
    }

    /// Takes note of what was received from the real socket; returns where it came from. Empty frames before it were
    /// passed over.
    pub(super) fn taken(&self, length: usize) -> Vec<u8> {
        let mut buffer = self.buffer.lock();
        while let Some(waiting) = buffer.pop() {
            if waiting.length > 0 || length == 0 {
                return waiting.from;
            }
        }
        Vec::new()
    }

    /// `SO_SNDBUF` and `SO_RCVBUF`; 0 leaves one as it is. Returns what they are then.
    pub(super) fn set_buffers(
        &self,
        longest: usize,
        room: usize,
        most: usize,
    ) -> Answer<(usize, usize)> {
        // sb_max_adj of sys/kern/uipc_sockbuf.c
        let allowed = most / (MBUF + CLUSTER) * CLUSTER
            + most % (MBUF + CLUSTER) * CLUSTER / (MBUF + CLUSTER);
        if longest > allowed {
            return Err(Errno::NOBUFS);
        }
        if longest > 0 {
            self.longest.store(longest, Ordering::Relaxed);
        }
        if room > allowed {
            return Err(Errno::NOBUFS);
        }
        let mut buffer = self.buffer.lock();
        if room > 0 {
            buffer.room = room;
            buffer.memory = memory_for(room, most);
        }
        Ok((self.longest(), buffer.room))
    }
}

impl Buffer {
    fn has_room(&self, next: &Waiting) -> bool {
        let room = self.room.saturating_sub(self.used_room);
        let memory = self.memory.saturating_sub(self.used_memory);
        // sbspace(): the smaller one of what is left of both.
        next.room <= room.min(memory)
    }

    fn push(&mut self, waiting: Waiting) {
        self.used_room += waiting.room;
        self.used_memory += waiting.memory;
        self.waiting.push_back(waiting);
    }

    fn pop(&mut self) -> Option<Waiting> {
        let waiting = self.waiting.pop_front()?;
        self.used_room -= waiting.room;
        self.used_memory -= waiting.memory;
        Some(waiting)
    }
}

impl Waiting {
    /// A `sockaddr_ng` and a chain of mbufs.
    fn new(from: &[u8], address: usize, length: usize) -> Self {
        let mut memory = 2 * MBUF;
        if length > IN_MBUF {
            memory = MBUF + length.div_ceil(CLUSTER) * (MBUF + CLUSTER);
        }
        Self {
            from: from.to_vec(),
            length,
            room: length + address,
            memory,
        }
    }
}

/// `MSIZE`, `MCLBYTES`, `MHLEN`.
const MBUF: usize = 256;
const CLUSTER: usize = 2048;
const IN_MBUF: usize = 168;

/// `sbreserve_locked`, with `sb_efficiency`.
fn memory_for(bytes: usize, most: usize) -> usize {
    (bytes * 8).min(most)
}
