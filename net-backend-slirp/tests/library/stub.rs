//! Copies of the library that plays libslirp, and a host for them.

use std::env;
use std::fs;
use std::os::fd::RawFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use libtest_mimic::Failed;
use net_backend_core::Error;
use tempfile::TempDir;

use crate::Case;
use crate::sys::{Events, Host, Library};

/// Writes down what it is told.
#[derive(Debug, Default)]
pub(crate) struct Silent {
    pub(crate) told: Vec<String>,
    pub(crate) alive: Arc<()>,
}

impl Host for Silent {
    fn send_packet(&mut self, frame: &[u8]) {
        self.told.push(format!("frame {frame:?}"));
    }

    fn guest_error(&mut self, message: &str) {
        self.told.push(message.to_owned());
    }

    fn register(&mut self, descriptor: RawFd) {
        self.told.push(format!("register {descriptor}"));
    }

    fn unregister(&mut self, descriptor: RawFd) {
        self.told.push(format!("unregister {descriptor}"));
    }

    fn notify(&mut self) {}

    fn want(&mut self, descriptor: RawFd, events: Events) -> i32 {
        self.told.push(format!("want {descriptor} {events:?}"));
        5
    }

    fn ready(&mut self, index: i32) -> Events {
        self.told.push(format!("ready {index}"));
        Events::OUT | Events::HANG_UP
    }
}

/// A case that needs the library.
pub(crate) fn case(name: &'static str, run: fn() -> Result<(), Failed>) -> Case {
    let needs = stub().map(drop);
    Case { name, run, needs }.with_files()
}

pub(crate) fn failure(path: &Path) -> Error {
    match Library::open(Some(path)) {
        Ok(library) => panic!("{library:?} is no libslirp"),
        Err(error) => error,
    }
}

/// The library that plays libslirp, which cargo puts beside the directory of the tests.
pub(crate) fn stub() -> Result<PathBuf, String> {
    let program = env::current_exe().map_err(|error| error.to_string())?;
    let directory = program.parent().and_then(Path::parent);
    let path = directory
        .unwrap_or(Path::new(""))
        .join("examples/libstub_libslirp.so");
    match path.exists() {
        true => Ok(path),
        false => Err(format!(
            "{} is missing; `cargo build --example stub_libslirp` makes it, and so does `cargo test` without --test",
            path.display()
        )),
    }
}

/// A copy whose name says how it behaves.
pub(crate) fn stub_as(directory: &TempDir, name: &str) -> Result<PathBuf, Failed> {
    stub_without(directory, name, &[])
}

/// A copy in which some functions have other names.
pub(crate) fn stub_without(
    directory: &TempDir,
    name: &str,
    functions: &[&str],
) -> Result<PathBuf, Failed> {
    let mut library = fs::read(stub()?)?;
    for function in functions {
        let name = [b"\0", function.as_bytes(), b"\0"].concat();
        let starts = 0..library.len() - name.len();
        let found = starts.filter(|at| library[*at..].starts_with(&name));
        let found: Vec<usize> = found.collect();
        assert!(!found.is_empty(), "the stub has no {function}");
        for at in found {
            library[at + 1] = b'x';
        }
    }
    // Another file for each, as the loader knows libraries by their files.
    let place = tempfile::tempdir_in(directory.path())?.keep();
    let path = place.join(format!("{name}.so"));
    fs::write(&path, library)?;
    Ok(path)
}
