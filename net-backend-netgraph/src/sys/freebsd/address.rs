use std::io;

/// `struct sockaddr_ng` (sys/netgraph/ng_socket.h).
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(super) struct Address {
    length: u8,
    family: u8,
    data: [u8; DATA],
}

/// `AF_NETGRAPH` (sys/sys/socket.h).
pub(super) const FAMILY: u8 = 32;

const DATA: usize = 32;
/// Bytes in front of the data.
const OVERHEAD: usize = 2;

const _: () = {
    assert!(size_of::<Address>() == Address::ROOM as usize);
    assert!(align_of::<Address>() == 1);
    assert!(std::mem::offset_of!(Address, data) == OVERHEAD);
};

impl Address {
    /// Bytes that the kernel may write into one.
    pub(super) const ROOM: libc::socklen_t = 34;

    /// What the kernel writes into.
    pub(super) const EMPTY: Self = Self {
        length: 0,
        family: 0,
        data: [0; DATA],
    };

    /// A path to send to. The kernel ends it itself, so that it may fill all of the address (`ngc_send`).
    pub(super) fn of_path(path: &str) -> io::Result<Self> {
        Self::new(path, 0)
    }

    /// A name to bind to, or a path to connect to, ended by a zero (`ng_bind`, `ng_connect_data`).
    pub(super) fn of_name(name: &str) -> io::Result<Self> {
        Self::new(name, 1)
    }

    fn new(text: &str, end: usize) -> io::Result<Self> {
        let mut address = Self::EMPTY;
        let length = text.len() + end;
        let room = address.data.get_mut(..length);
        let room = room.and_then(|room| room.get_mut(..text.len()));
        match room {
            Some(room) if !text.is_empty() => room.copy_from_slice(text.as_bytes()),
            _ => return Err(io::Error::from_raw_os_error(libc::EINVAL)),
        }
        let length = u8::try_from(OVERHEAD + length);
        address.length = length.map_err(|_| io::Error::from_raw_os_error(libc::EINVAL))?;
        address.family = FAMILY;
        Ok(address)
    }

    /// Bytes to tell the kernel.
    pub(super) fn length(&self) -> libc::socklen_t {
        self.length.into()
    }

    /// Whether it is one of netgraph's.
    pub(super) fn is_netgraph(&self) -> bool {
        self.family == FAMILY
    }

    /// The path or name.
    pub(super) fn text(&self) -> String {
        let text = self.data.split(|byte| *byte == 0).next();
        String::from_utf8_lossy(text.unwrap_or_default()).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_laid_out_as_the_kernel_has_it() {
        let path = Address::of_path("em0:").unwrap();
        assert_eq!((path.length, path.family), (6, 32));
        assert_eq!(&path.data[..5], b"em0:\0");
        let name = Address::of_name("vm").unwrap();
        assert_eq!((name.length(), name.text()), (5, "vm".to_owned()));
    }

    #[test]
    fn has_room_for_32_bytes_of_path_and_31_of_name() {
        assert_eq!(Address::of_path(&"x".repeat(32)).unwrap().length(), 34);
        assert_eq!(Address::of_name(&"x".repeat(31)).unwrap().length(), 34);
        for refused in [
            Address::of_path(&"x".repeat(33)),
            Address::of_name(&"x".repeat(32)),
            Address::of_path(""),
        ] {
            assert_eq!(refused.unwrap_err().raw_os_error(), Some(libc::EINVAL));
        }
    }
}
