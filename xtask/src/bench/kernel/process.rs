//! Other programs, each a process that lives as long as it is measured.

use std::fs::{self, File};
use std::io::{self, Read, Seek};
use std::path::Path;
use std::process::{Child, Command};
use std::time::Duration;

use anyhow::{Context, Result};

use crate::bench::sys::companion;

/// Lines that tell why a program ended: the last one may only say that it did.
const LINES: usize = 2;

/// A process that ends with this.
pub(in crate::bench) struct Process {
    name: &'static str,
    child: Child,
    /// What it prints.
    messages: File,
}

impl Process {
    /// The path of the namespace, for the program: its standard input. The kernel shows other programs' threads to nobody
    /// who has given up rights, as pasta does it first.
    pub(in crate::bench) const NAMESPACE: &str = "/proc/self/fd/0";

    /// Starts a program in the network of this thread; a line of words is how. It can enter `namespace`, of another
    /// thread, by [`NAMESPACE`](Self::NAMESPACE).
    ///
    /// # Errors
    ///
    /// If it cannot be started.
    pub(in crate::bench) fn start(
        name: &'static str,
        line: &str,
        namespace: &Path,
    ) -> Result<Self> {
        let messages = tempfile::tempfile()?;
        let mut words = line.split_whitespace();
        let mut command = Command::new(words.next().unwrap_or_default());
        command.args(words).stdin(File::open(namespace)?);
        command.stdout(messages.try_clone()?);
        command.stderr(messages.try_clone()?);
        let child = companion(&mut command).spawn();
        Ok(Self {
            name,
            child: child.with_context(|| format!("cannot start {name}"))?,
            messages,
        })
    }

    /// Why it cannot be expected to do anything; `None` while it runs.
    pub(in crate::bench) fn end(&mut self) -> Option<String> {
        let status = self.child.try_wait().ok()??;
        Some(format!("it ended ({status}): {}", self.said()))
    }

    /// The last lines that it printed, behind its name.
    pub(in crate::bench) fn said(&self) -> String {
        let mut text = String::new();
        let mut messages = &self.messages;
        let read = messages
            .rewind()
            .and_then(|()| messages.read_to_string(&mut text));
        // Without its message there is still the error.
        let _unreadable = read;
        let mut last: Vec<&str> = text.lines().rev().take(LINES).collect();
        last.reverse();
        match last.is_empty() {
            true => format!("{} has printed nothing", self.name),
            false => format!("{}: {}", self.name, last.join("; ")),
        }
    }

    /// The CPU time that its threads have spent so far.
    pub(in crate::bench) fn cpu_time(&self) -> Duration {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.child.id()));
        let spent = tasks.into_iter().flatten().flatten().filter_map(|task| {
            let text = fs::read_to_string(task.path().join("schedstat")).ok()?;
            nanoseconds_on_cpu(&text)
        });
        Duration::from_nanos(spent.sum())
    }

    /// As [`private_memory`].
    ///
    /// # Errors
    ///
    /// If the kernel does not tell, for a program that hides from debuggers, say.
    pub(in crate::bench) fn private_memory(&self) -> Result<u64> {
        let process = self.child.id().to_string();
        private_memory(&process).with_context(|| self.name)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ended: io::Result<()> = self.child.kill();
        let _status = self.child.wait();
    }
}

/// Bytes of memory that a process has written to and shares with nobody, wherever they are: `Private_Dirty` of
/// smaps_rollup (proc_pid_smaps(5)), and what is swapped out. `process` is a number, or `self`.
///
/// # Errors
///
/// If the kernel does not tell.
pub(in crate::bench) fn private_memory(process: &str) -> Result<u64> {
    let path = format!("/proc/{process}/smaps_rollup");
    let text = fs::read_to_string(&path).with_context(|| path.clone())?;
    let dirty =
        kibibytes(&text, "Private_Dirty").with_context(|| format!("Private_Dirty of {path}"))?;
    Ok((dirty + kibibytes(&text, "Swap").unwrap_or(0)) * 1024)
}

fn kibibytes(text: &str, field: &str) -> Option<u64> {
    let mut lines = text.lines();
    let value = lines.find_map(|line| line.strip_prefix(field)?.strip_prefix(':'))?;
    value.trim().strip_suffix(" kB")?.parse().ok()
}

/// The first number of schedstat (Documentation/scheduler/sched-stats.rst of Linux).
fn nanoseconds_on_cpu(text: &str) -> Option<u64> {
    text.split(' ').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start(line: &str) -> Process {
        Process::start("it", line, Path::new("/proc/self/ns/net")).unwrap()
    }

    #[test]
    fn what_the_kernel_tells_is_read() {
        let text = "55d0-7ffe ---p 00000000 00:00 0  [rollup]\nPrivate_Clean:       12 kB\nPrivate_Dirty:      340 kB\n";
        assert_eq!(kibibytes(text, "Private_Dirty"), Some(340));
        assert_eq!(kibibytes(text, "Private"), None);
        assert_eq!(kibibytes(text, "Swap"), None);
        assert_eq!(nanoseconds_on_cpu("123456789 42 7\n"), Some(123_456_789));
    }

    #[test]
    fn a_process_that_ends_says_why() {
        let mut process = start("cat /nonexistent/file");
        process.child.wait().unwrap();
        let why = process.end().unwrap();
        assert!(
            why.contains("exit status: 1") && why.contains("/nonexistent/file"),
            "{why}"
        );
    }

    #[test]
    fn a_process_that_runs_has_memory() {
        let mut process = start("sleep 60");
        assert_eq!(process.end(), None);
        assert!(process.private_memory().unwrap() > 0);
    }

    #[test]
    fn memory_that_is_written_to_counts() {
        const LENGTH: u64 = 16 << 20;
        let before = private_memory("self").unwrap();
        let written = vec![1_u8; usize::try_from(LENGTH).unwrap()];
        let after = private_memory("self").unwrap();
        assert!(
            after >= before + LENGTH / 2,
            "{before} and {after} with {}",
            written.len()
        );
    }
}
