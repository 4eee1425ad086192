//! What the device tells the frontend by itself.

use std::os::fd::OwnedFd;

use rustix::net::{SendFlags, send};

/// A socket to the frontend (vhost-user, `VHOST_USER_SET_BACKEND_REQ_FD`).
#[derive(Debug)]
pub(super) struct Channel(OwnedFd);

/// `VHOST_USER_BACKEND_CONFIG_CHANGE_MSG`, version 1, nothing behind the header. No answer is wanted.
const CONFIG_CHANGED: [u32; 3] = [2, 1, 0];

impl Channel {
    pub(super) fn new(socket: OwnedFd) -> Self {
        Self(socket)
    }

    /// Says that the configuration space is another one, so that the frontend reads it again and interrupts the driver. Does
    /// not block: a frontend that does not listen misses it.
    pub(super) fn tell_of_config(&self) {
        let message = CONFIG_CHANGED.map(u32::to_le_bytes).concat();
        let _unheard = send(&self.0, &message, SendFlags::DONTWAIT | SendFlags::NOSIGNAL);
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::os::unix::net::UnixStream;

    use net_backend::memory::{PairConfig, pair};
    use net_backend::{Activation, Features, NetBackend};

    use crate::{Device, DeviceOptions};

    #[test]
    fn a_link_that_goes_up_or_down_is_told_of() {
        let (near, mut far) = pair(&PairConfig::default()).unwrap();
        let device = Device::new(Box::new(near), &DeviceOptions::default(), |_| {}).unwrap();
        let (ours, mut frontend) = UnixStream::pair().unwrap();
        frontend.set_nonblocking(true).unwrap();
        let mut message = [0; 13];
        device.take_events();
        device.talk_to_frontend(ours.into());
        device.take_events();
        assert!(frontend.read(&mut message).is_err());
        let with = Activation::negotiated(Features::VERSION_1, 1);
        let _queues = far.activate(&with).unwrap();
        drop(far);
        device.take_events();
        assert_eq!(frontend.read(&mut message).unwrap(), 12);
        assert_eq!(message[..12], [2, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]);
        device.disconnected();
        assert_eq!(frontend.read(&mut message).unwrap(), 0);
    }
}
