//! Tests of the model. Those of what nodes do run on the system's kernel too, where there is one: what they expect is
//! what a real one does.

mod bridge;

mod client;
mod data;
mod generic;
mod model;
mod sockets;
mod types;

use std::fmt::Debug;
use std::io;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use rustix::io::Errno;

use super::message::{NAME, READ_ONLY, cookie, number, until_nul};
use super::{Far, Model};
use crate::gate::Kernel;
use crate::sys::SystemKernel;

/// A kernel to try something on.
enum World {
    Model(Model),
    System,
}

/// `NGM_READONLY | NGM_HASREPLY`.
const ASKS: u32 = READ_ONLY | 0x2000_0000;
const NODE_INFO: u32 = 6 | ASKS;
const LIST_HOOKS: u32 = 7 | ASKS;

impl World {
    fn far(&self) -> Far {
        match self {
            Self::Model(model) => model.far().unwrap(),
            Self::System => Far::on_system().unwrap(),
        }
    }

    fn kernel(&self) -> &dyn Kernel {
        match self {
            Self::Model(model) => model,
            Self::System => &SystemKernel,
        }
    }
}

/// Runs a test on the model, and on the system's kernel if there is one.
fn on_both(test: impl Fn(&World)) {
    static TURN: Mutex<()> = Mutex::new(());
    test(&World::Model(Model::new()));
    let _one_at_a_time = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    match SystemKernel.control() {
        Ok(control) => {
            drop(control);
            println!("on the system's kernel:");
            test(&World::System);
        }
        Err(error) => {
            let required = std::env::var("NET_BACKEND_REQUIRE").unwrap_or_default();
            let mut required = required.split(',').map(str::trim);
            let is_required = required.any(|group| group == "netgraph" || group == "all");
            assert!(!is_required, "no netgraph: {error}");
            println!("skipped on the system's kernel: {error}");
        }
    }
}

/// A frame of `length` bytes, addresses included, which are told by their last byte.
fn frame(to: u8, from: u8, length: usize) -> Vec<u8> {
    let mut frame = vec![2, 0, 0, 0, 0, to, 2, 0, 0, 0, 0, from, 0x88, 0xb5];
    frame.resize(length, from);
    frame
}

#[track_caller]
fn refused<T: Debug>(result: io::Result<T>, errno: Errno) {
    let error = result.expect_err("this has to fail");
    let text = errno_name(errno);
    assert_eq!(
        Errno::from_io_error(&error),
        Some(errno),
        "{text} expected: {error}"
    );
}

fn errno_name(errno: Errno) -> String {
    io::Error::from(errno).to_string()
}

/// The next frame; it may take the kernel's threads a while.
#[track_caller]
fn receive(far: &Far) -> Vec<u8> {
    eventually(|| far.receive().ok()).1
}

#[track_caller]
fn nothing(far: &Far) {
    refused(far.receive(), Errno::AGAIN);
}

/// Waits until there is something; what threads of the kernel do is not done when a call returns.
#[track_caller]
fn eventually<T>(mut probe: impl FnMut() -> Option<T>) -> T {
    for _ in 0..1000 {
        if let Some(found) = probe() {
            return found;
        }
        thread::sleep(Duration::from_millis(5));
    }
    panic!("it does not happen");
}

/// Waits until no node has this address.
#[track_caller]
fn gone(far: &mut Far, at: &str) {
    eventually(|| {
        let error = far.ask(at, cookie::GENERIC, NODE_INFO, &[]).err()?;
        (Errno::from_io_error(&error) == Some(Errno::NOENT)).then_some(())
    });
}

/// Name, type, and number of hooks of a node.
fn info(far: &mut Far, at: &str) -> (String, String, u32) {
    let info = far.ask(at, cookie::GENERIC, NODE_INFO, &[]).unwrap();
    assert_eq!(info.len(), 72);
    (
        text(&info, 0),
        text(&info, NAME),
        number(&info, 68).unwrap(),
    )
}

/// The hooks of a node: own name, that of the other side, the other node's name and type.
fn hooks(far: &mut Far, at: &str) -> Vec<[String; 4]> {
    let list = far.ask(at, cookie::GENERIC, LIST_HOOKS, &[]).unwrap();
    let count = number(&list, 68).unwrap() as usize;
    let links = list[72..].chunks_exact(136).take(count);
    let links: Vec<_> = links
        .map(|link| [0, 1, 2, 3].map(|at| text(link, at * NAME)))
        .collect();
    assert_eq!(links.len(), count);
    links
}

fn text(bytes: &[u8], at: usize) -> String {
    String::from_utf8(until_nul(&bytes[at..]).to_vec()).unwrap()
}
