//! How large the buffers of a data socket are.

use std::io;

use net_backend_core::{Error, FrameLength, Result};

use crate::config::NetgraphConfig;
use crate::gate::{Buffers, Data, Kernel};

/// More is of no use: with it, frames of 64 KiB pass at the full rate (bhyve's netgraph backend has the same).
const MOST: usize = 4 << 20;

/// Bytes of an mbuf and of a cluster (`MSIZE` and `MCLBYTES` in sys/sys/param.h). Of what a buffer may take, the kernel
/// counts as much for an mbuf as if each cluster had one (`sbreserve_locked` in sys/kern/uipc_sockbuf.c).
const MBUF: u64 = 256;
const CLUSTER: u64 = 2048;

/// Sets the buffers of a socket of our own as it was asked, or as large as is of use; tells what they are.
pub(crate) fn set(
    kernel: &dyn Kernel,
    data: &dyn Data,
    config: &NetgraphConfig,
) -> Result<Buffers> {
    // Whether a process may ask for the limit or not, less than the limit is found by trying.
    let useful = kernel.socket_buffer_limit().map_or(MOST, useful);
    let send = one("sndbuf", asked(config.send_buffer), useful, |bytes| {
        Ok(data.set_buffers(bytes, 0)?.send)
    })?;
    let receive = one("rcvbuf", asked(config.receive_buffer), useful, |bytes| {
        Ok(data.set_buffers(0, bytes)?.receive)
    })?;
    Ok(Buffers { send, receive })
}

/// Sets the buffers of a socket that was passed only as it was asked: whoever made it has chosen them. Tells what they
/// are, as far as that may be known.
pub(crate) fn adopt(data: &dyn Data, config: &NetgraphConfig) -> Result<Buffers> {
    let (send, receive) = (asked(config.send_buffer), asked(config.receive_buffer));
    match data.set_buffers(send.unwrap_or(0), receive.unwrap_or(0)) {
        Ok(buffers) => Ok(buffers),
        Err(_) if send.or(receive).is_none() => Ok(Buffers {
            send: FrameLength::MAX.bytes(),
            receive: 0,
        }),
        Err(error) => Err(refused(
            "sndbuf, rcvbuf",
            send.or(receive).unwrap_or(0),
            error,
        )),
    }
}

fn asked(bytes: Option<u32>) -> Option<usize> {
    bytes.and_then(|bytes| usize::try_from(bytes).ok())
}

/// The largest buffer that the system gives where `limit` is `kern.ipc.maxsockbuf`, up to what is of use.
fn useful(limit: u64) -> usize {
    let most = limit.saturating_mul(CLUSTER) / (MBUF + CLUSTER);
    usize::try_from(most).map_or(MOST, |most| most.min(MOST))
}

fn one(
    key: &str,
    asked: Option<usize>,
    useful: usize,
    set: impl Fn(usize) -> io::Result<usize>,
) -> Result<usize> {
    if let Some(bytes) = asked {
        return set(bytes).map_err(|error| refused(key, bytes, error));
    }
    // A user may have less than the system would give (`RLIMIT_SBSIZE`).
    let has = set(0).map_err(|error| refused(key, 0, error))?;
    let mut bytes = useful;
    while bytes > has {
        match set(bytes) {
            Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => bytes /= 2,
            other => return other.map_err(|error| refused(key, bytes, error)),
        }
    }
    Ok(has)
}

fn refused(key: &str, bytes: usize, error: io::Error) -> Error {
    let remedy = (error.raw_os_error() == Some(libc::ENOBUFS)).then_some(
        "ask for less, or raise the sysctl kern.ipc.maxsockbuf, of which a ninth is bookkeeping, or the limit sbsize",
    );
    Error::system("setsockopt", format!("{key}={bytes}"), error, remedy)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn the_default_limit_gives_what_bhyve_gets() {
        assert_eq!(useful(2 << 20), 1_864_135);
    }

    #[test]
    fn no_more_than_four_mebibytes_are_of_use() {
        assert_eq!(useful(4_718_592), 4 << 20);
        assert_eq!(useful(4_718_591), (4 << 20) - 1);
        assert_eq!(useful(u64::MAX), 4 << 20);
    }

    #[test]
    fn less_is_tried_until_the_system_gives_it() {
        let last = Cell::new(0);
        let got = one("sndbuf", None, 1 << 20, |bytes| {
            last.set(bytes);
            match bytes {
                0 => Ok(20_480),
                1..=300_000 => Ok(bytes),
                _ => Err(io::Error::from_raw_os_error(libc::ENOBUFS)),
            }
        });
        assert_eq!((got.unwrap(), last.get()), (1 << 18, 1 << 18));
    }

    #[test]
    fn what_was_asked_for_is_given_or_refused() {
        let refuse = |_| Err(io::Error::from_raw_os_error(libc::ENOBUFS));
        let error = one("rcvbuf", Some(1 << 30), 1 << 20, refuse).unwrap_err();
        let text = error.to_string();
        assert!(text.contains("rcvbuf=1073741824"), "{text}");
        assert!(text.contains("kern.ipc.maxsockbuf"), "{text}");
    }
}
