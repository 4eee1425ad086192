use std::sync::Mutex;

use super::*;
use crate::gate::Data;

/// A kernel that says these things when sockets are made and modules are loaded.
#[derive(Debug)]
struct Host {
    sockets: Mutex<Vec<i32>>,
    load: i32,
    loaded: Mutex<Vec<String>>,
}

impl Host {
    /// Sockets fail with these, then succeed; loading fails with that, unless it is 0.
    fn new(sockets: &[i32], load: i32) -> Self {
        Self {
            sockets: Mutex::new(sockets.iter().rev().copied().collect()),
            load,
            loaded: Mutex::default(),
        }
    }

    fn loaded(&self) -> Vec<String> {
        self.loaded.lock().unwrap().clone()
    }
}

impl Kernel for Host {
    fn control(&self) -> io::Result<Box<dyn Control>> {
        match self.sockets.lock().unwrap().pop() {
            Some(0) => Err(io::ErrorKind::Unsupported.into()),
            Some(errno) => Err(io::Error::from_raw_os_error(errno)),
            None => Ok(Script::client(|_, _| Vec::new()).1.socket()),
        }
    }

    fn load(&self, module: &str) -> io::Result<()> {
        self.loaded.lock().unwrap().push(module.to_owned());
        match self.load {
            0 => Ok(()),
            errno => Err(io::Error::from_raw_os_error(errno)),
        }
    }

    fn data(&self) -> io::Result<Box<dyn Data>> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn passed_data(&self, _: i32) -> io::Result<Box<dyn Data>> {
        self.data()
    }

    fn device(&self, _: &str) -> io::Result<Box<dyn Data>> {
        self.data()
    }

    fn passed_device(&self, _: i32) -> io::Result<Box<dyn Data>> {
        self.data()
    }

    fn has_interface(&self, _: &str) -> bool {
        false
    }

    fn socket_buffer_limit(&self) -> io::Result<u64> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

#[test]
fn what_is_there_is_not_loaded() {
    let host = Host::new(&[], libc::EPERM);
    assert!(Client::open_on(&host).is_ok());
    assert!(host.loaded().is_empty());
}

#[test]
fn the_module_is_loaded_once() {
    let host = Host::new(&[libc::EAFNOSUPPORT], 0);
    assert!(Client::open_on(&host).is_ok());
    assert_eq!(host.loaded(), ["ng_socket"]);

    let host = Host::new(&[libc::EAFNOSUPPORT, libc::EAFNOSUPPORT], 0);
    let error = Client::open_on(&host).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(libc::EAFNOSUPPORT));
    assert_eq!(host.loaded().len(), 1);
}

#[test]
fn a_module_that_may_not_be_loaded_is_named_with_the_command() {
    for errno in [libc::EPERM, libc::ENOENT, libc::ENOEXEC, libc::EIO] {
        let error = Client::open_on(&Host::new(&[libc::EAFNOSUPPORT], errno)).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(errno));
        let text = error.to_string();
        assert!(text.starts_with("kldload on ng_socket: "), "{text}");
        assert!(text.contains("`kldload ng_socket`"), "{text}");
    }
}

#[test]
fn a_socket_that_is_forbidden_is_no_missing_module() {
    let host = Host::new(&[libc::EPERM], 0);
    let error = Client::open_on(&host).unwrap_err();
    assert!(error.to_string().contains("only root"), "{error}");
    let error = net_backend_core::Error::from(error);
    assert_eq!(error.kind(), net_backend_core::ErrorKind::Permission);
    assert!(host.loaded().is_empty());
}

#[test]
fn a_system_without_netgraph_is_said_to_be_one() {
    let error = Client::open_on(&Host::new(&[0], 0)).unwrap_err();
    assert!(error.cause().is_none() && error.raw_os_error().is_none());
    assert!(error.to_string().contains("FreeBSD"), "{error}");
}

#[test]
fn a_name_that_is_taken_is_refused() {
    let mut client = Client::open_on(&Host::new(&[], 0)).unwrap();
    client.name(&"mine".parse().unwrap()).unwrap();
    let error = client.name(&"taken".parse().unwrap()).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(libc::EADDRINUSE));
    assert!(error.to_string().contains("take another"), "{error}");
}
