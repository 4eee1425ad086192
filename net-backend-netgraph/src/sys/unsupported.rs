//! Systems without netgraph.

use std::io;

use crate::gate::{Control, Data, Kernel};

/// There is none.
#[derive(Debug)]
pub(crate) struct SystemKernel;

/// No errno does.
#[cfg(any(test, feature = "testing"))]
pub(crate) fn is_of_sandbox(_: i32) -> bool {
    false
}

impl Kernel for SystemKernel {
    fn control(&self) -> io::Result<Box<dyn Control>> {
        unsupported()
    }

    fn data(&self) -> io::Result<Box<dyn Data>> {
        unsupported()
    }

    fn passed_data(&self, _: i32) -> io::Result<Box<dyn Data>> {
        unsupported()
    }

    fn device(&self, _: &str) -> io::Result<Box<dyn Data>> {
        unsupported()
    }

    fn passed_device(&self, _: i32) -> io::Result<Box<dyn Data>> {
        unsupported()
    }

    fn load(&self, _: &str) -> io::Result<()> {
        unsupported()
    }

    fn has_interface(&self, _: &str) -> bool {
        false
    }

    fn socket_buffer_limit(&self) -> io::Result<u64> {
        unsupported()
    }
}

fn unsupported<T>() -> io::Result<T> {
    Err(io::ErrorKind::Unsupported.into())
}
