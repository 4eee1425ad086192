//! The file system that a guest starts with: an archive of cpio's `newc` format
//! (Documentation/driver-api/early-userspace/buffer-format.rst of Linux).

use std::collections::BTreeSet;
use std::io::{self, Write};

use anyhow::{Context, Result};
use cpio::newc::{Builder, trailer};

use super::kernel::Modules;
use super::module::Module;

const DIRECTORY: u32 = 0o040_755;
const EXECUTABLE: u32 = 0o100_755;
const CONSOLE: u32 = 0o020_600;

/// An archive while it is being written.
#[derive(Debug)]
pub(super) struct Initramfs<W> {
    output: W,
    entries: u32,
    directories: BTreeSet<String>,
}

impl<W: Write> Initramfs<W> {
    /// An archive with `/dev/console`, which the kernel opens for the first program.
    ///
    /// # Errors
    ///
    /// If `output` cannot be written.
    pub(super) fn new(output: W) -> Result<Self> {
        let mut archive = Self {
            output,
            entries: 0,
            directories: BTreeSet::new(),
        };
        archive.parents("dev/console")?;
        let console = Builder::new("dev/console").mode(CONSOLE);
        archive.entry(console.rdev_major(5).rdev_minor(1), &[])?;
        Ok(archive)
    }

    /// Adds a file that root may execute, and the directories above it. `path` is absolute.
    ///
    /// # Errors
    ///
    /// If the output cannot be written, or the file has 4 GiB or more.
    pub(super) fn file(&mut self, path: &str, bytes: &[u8]) -> Result<()> {
        let path = path.trim_start_matches('/');
        self.parents(path)?;
        self.entry(Builder::new(path).mode(EXECUTABLE), bytes)
            .with_context(|| format!("cannot write {path} to the initramfs"))
    }

    /// Adds modules; where they are in the guest, in an order in which they can be loaded.
    ///
    /// # Errors
    ///
    /// If the output cannot be written.
    pub(super) fn modules(&mut self, modules: &Modules) -> Result<Vec<String>> {
        let add = |module: &Module| {
            let path = format!("/modules/{}.ko", module.info.name);
            self.file(&path, &module.object)?;
            Ok(path)
        };
        modules.in_order().iter().map(add).collect()
    }

    /// Ends the archive.
    ///
    /// # Errors
    ///
    /// If the output cannot be written.
    pub(super) fn finish(self) -> Result<W> {
        let mut output = trailer(self.output)?;
        output.flush()?;
        Ok(output)
    }

    /// The kernel makes no directory that is not in the archive.
    fn parents(&mut self, path: &str) -> Result<()> {
        for (end, _) in path.match_indices('/') {
            let directory = path.get(..end).unwrap_or_default();
            if self.directories.insert(directory.to_owned()) {
                self.entry(Builder::new(directory).mode(DIRECTORY), &[])?;
            }
        }
        Ok(())
    }

    fn entry(&mut self, entry: Builder, mut bytes: &[u8]) -> Result<()> {
        // Entries of the same number would be links to one file.
        self.entries += 1;
        let length = u32::try_from(bytes.len()).context("4 GiB or more")?;
        let mut writer = entry.ino(self.entries).write(&mut self.output, length);
        io::copy(&mut bytes, &mut writer)?;
        writer.finish()?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use cpio::newc::Reader;

    use super::*;

    fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut archive = Initramfs::new(Vec::new()).unwrap();
        for (path, bytes) in files {
            archive.file(path, bytes).unwrap();
        }
        archive.finish().unwrap()
    }

    /// Name, mode, number and bytes of each entry.
    fn entries(archive: &[u8]) -> Vec<(String, u32, u32, Vec<u8>)> {
        let mut entries = Vec::new();
        let mut rest = archive;
        loop {
            let reader = Reader::new(rest).unwrap();
            let entry = reader.entry().clone();
            if entry.is_trailer() {
                return entries;
            }
            let mut bytes = Vec::new();
            rest = reader.to_writer(&mut bytes).unwrap();
            let name = entry.name().to_owned();
            entries.push((name, entry.mode(), entry.ino(), bytes));
        }
    }

    #[test]
    fn each_directory_stands_once_before_what_is_in_it() {
        let bytes = archive(&[("/init", b"first"), ("/a/b/c", b"x"), ("/a/b/d", b"")]);
        let entries = entries(&bytes);
        let names: Vec<&str> = entries.iter().map(|entry| entry.0.as_str()).collect();
        let expected = ["dev", "dev/console", "init", "a", "a/b", "a/b/c", "a/b/d"];
        assert_eq!(names, expected);
        assert_eq!(entries[2].1, 0o100_755);
        assert_eq!(entries[2].3, b"first");
        assert_eq!(entries[3].1, 0o040_755);
        let numbers: BTreeSet<u32> = entries.iter().map(|entry| entry.2).collect();
        assert_eq!(numbers.len(), expected.len());
    }

    #[test]
    fn the_bytes_are_those_of_the_format() {
        let bytes = archive(&[]);
        // Magic, number, mode, user, group, links, time, length, device, device of the node, length of the name, sum.
        let directory = "070701000000010000\
                         41ed000000000000000000000001000000000000000000000000000000000000000000000000\
                         0000000400000000dev\0";
        assert!(bytes.starts_with(directory.as_bytes()));
        let console = bytes.get(116..).unwrap();
        let expected = "0707010000000200002180";
        assert!(console.starts_with(expected.as_bytes()));
        let node = console.get(6 + 9 * 8..6 + 11 * 8).unwrap();
        assert_eq!(node, b"0000000500000001");
    }
}
