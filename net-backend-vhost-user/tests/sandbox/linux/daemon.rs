//! The program, started.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use libtest_mimic::Failed;
use tempfile::TempDir;

/// A daemon that is killed in the end.
pub(crate) struct Daemon {
    child: Child,
    socket: PathBuf,
    _directory: TempDir,
}

impl Daemon {
    /// Starts it, and waits until it listens.
    pub(crate) fn start(uri: &str, queues: usize, options: &[&str]) -> Result<Self, Failed> {
        let directory = tempfile::tempdir()?;
        let socket = directory.path().join("socket");
        let child = command(&socket, uri)
            .args(["--queues", &queues.to_string()])
            .args(options)
            .spawn()?;
        let mut daemon = Self {
            child,
            socket,
            _directory: directory,
        };
        let begin = Instant::now();
        while !daemon.socket.exists() {
            if let Some(status) = daemon.child.try_wait()? {
                return Err(format!("the daemon ended: {status}").into());
            }
            if begin.elapsed() > super::SOON {
                return Err("the daemon does not listen".into());
            }
            sleep(Duration::from_millis(5));
        }
        Ok(daemon)
    }

    /// What it says when it does not start.
    pub(crate) fn refusal(uri: &str) -> Result<String, Failed> {
        let directory = tempfile::tempdir()?;
        let mut child = command(&directory.path().join("socket"), uri)
            .stderr(Stdio::piped())
            .spawn()?;
        let mut said = String::new();
        if let Some(stderr) = &mut child.stderr {
            stderr.read_to_string(&mut said)?;
        }
        assert!(!child.wait()?.success());
        Ok(said)
    }

    pub(crate) fn socket(&self) -> &Path {
        &self.socket
    }

    /// Their names.
    pub(crate) fn threads(&self) -> Result<Vec<String>, Failed> {
        let statuses = self.statuses()?;
        let names = statuses.iter().map(|status| field(status, "Name"));
        Ok(names
            .map(|name| name.unwrap_or_default().to_owned())
            .collect())
    }

    /// What the kernel says of each of its threads: no capability, no new privileges, and a filter.
    pub(crate) fn assert_restricted(&self) -> Result<(), Failed> {
        for status in self.statuses()? {
            let name = field(&status, "Name").unwrap_or_default();
            for (key, value) in [("NoNewPrivs", "1"), ("Seccomp", "2")] {
                assert_eq!(field(&status, key), Some(value), "{key} of {name}");
            }
            // Whoever may not change the bounding set keeps it.
            let bounding = may_bound()?.then_some("CapBnd");
            for key in ["CapInh", "CapPrm", "CapEff", "CapAmb"]
                .into_iter()
                .chain(bounding)
            {
                let value = field(&status, key);
                assert_eq!(value, Some("0000000000000000"), "{key} of {name}");
            }
        }
        Ok(())
    }

    fn statuses(&self) -> Result<Vec<String>, Failed> {
        let threads = fs::read_dir(format!("/proc/{}/task", self.child.id()))?;
        let mut statuses = Vec::new();
        for thread in threads {
            // One that ends meanwhile has none.
            statuses.extend(fs::read_to_string(thread?.path().join("status")).ok());
        }
        assert!(!statuses.is_empty());
        Ok(statuses)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It may have ended already.
        let _ended = self.child.kill();
        let _status = self.child.wait();
    }
}

fn command(socket: &Path, uri: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_net-backend-vhost-user"));
    command.arg("--socket").arg(socket).arg(uri);
    command
}

fn field<'a>(status: &'a str, key: &str) -> Option<&'a str> {
    let mut lines = status.lines();
    let value = lines.find_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
    value.map(str::trim)
}

/// Whether this process, and those that it starts, have `CAP_SETPCAP`.
fn may_bound() -> Result<bool, Failed> {
    let status = fs::read_to_string("/proc/self/status")?;
    let effective = field(&status, "CapEff").unwrap_or_default();
    Ok(u64::from_str_radix(effective, 16)? & 1 << 8 != 0)
}
