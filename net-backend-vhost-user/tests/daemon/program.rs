//! The program, started and ended.

use std::fs;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

const PROGRAM: &str = env!("CARGO_BIN_EXE_net-backend-vhost-user");

/// Much longer than anything takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A directory for sockets, and one for what the program leaves behind.
pub(crate) struct Home(TempDir);

impl Home {
    pub(crate) fn new() -> Self {
        let home = Self(tempfile::tempdir().unwrap());
        fs::create_dir(home.temporary()).unwrap();
        home
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Starts the program with these words.
    pub(crate) fn start(&self, words: &[&str]) -> Program {
        let mut command = Command::new(PROGRAM);
        command.args(words);
        self.spawn(command, Stdio::null())
    }

    /// The same with descriptor 3.
    pub(crate) fn start_with(&self, descriptor: OwnedFd, words: &[&str]) -> Program {
        let mut command = Command::new("sh");
        let script = r#"exec "$0" "$@" 3<&0 </dev/null"#;
        command.args(["-c", script, PROGRAM]).args(words);
        self.spawn(command, descriptor.into())
    }

    /// Starts it for one device at `path`, and waits until it listens.
    pub(crate) fn serve(&self, path: &Path, words: &[&str]) -> Program {
        let socket = format!("--socket={}", path.display());
        let mut program = self.start(&[&[socket.as_str()], words].concat());
        program.wait_for(path);
        program
    }

    /// What it has left behind among temporary files.
    pub(crate) fn left(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.temporary()).unwrap();
        entries.map(|entry| entry.unwrap().path()).collect()
    }

    fn temporary(&self) -> PathBuf {
        self.path("tmp")
    }

    fn spawn(&self, mut command: Command, stdin: Stdio) -> Program {
        command.env("TMPDIR", self.temporary());
        command.stdin(stdin).stderr(Stdio::piped());
        Program(command.spawn().unwrap())
    }
}

/// The program. It does not outlive this.
pub(crate) struct Program(Child);

impl Program {
    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }

    /// Waits until there is such a file.
    pub(crate) fn wait_for(&mut self, path: &Path) {
        until(|| {
            assert!(self.is_alive(), "it ended: {}", self.said());
            path.exists().then_some(())
        });
    }

    pub(crate) fn is_alive(&mut self) -> bool {
        self.0.try_wait().unwrap().is_none()
    }

    /// Descriptors that it has open.
    pub(crate) fn descriptors(&self) -> usize {
        let entries = fs::read_dir(format!("/proc/{}/fd", self.id()));
        entries.unwrap().count()
    }

    /// Ends it as a management program does; what it returned and said.
    pub(crate) fn terminate(mut self) -> (ExitStatus, String) {
        self.signal(Signal::TERM);
        let status = self.wait();
        (status, self.said())
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let id = Pid::from_raw(self.id().try_into().unwrap()).unwrap();
        kill_process(id, signal).unwrap();
    }

    /// Ends it so that it cannot clean up.
    pub(crate) fn kill(mut self) {
        self.0.kill().unwrap();
        self.wait();
    }

    /// Waits until it has ended.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        until(|| self.0.try_wait().unwrap())
    }

    /// What it said, when it has ended.
    pub(crate) fn said(&mut self) -> String {
        let mut text = String::new();
        if let Some(mut stderr) = self.0.stderr.take() {
            stderr.read_to_string(&mut text).unwrap();
        }
        text
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended already.
        let _ended = self.0.kill();
        let _status = self.0.wait();
    }
}

/// Runs the program until it ends by itself.
pub(crate) fn output(words: &[&str]) -> Output {
    Command::new(PROGRAM).args(words).output().unwrap()
}

/// Asks until there is an answer.
pub(crate) fn until<T>(mut what: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(answer) = what() {
            return answer;
        }
        assert!(start.elapsed() < PATIENCE, "nothing happens");
        sleep(Duration::from_millis(2));
    }
}
