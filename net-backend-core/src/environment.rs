use std::fmt;
use std::io;
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};

/// What a VMM lends to the backends that it opens.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Environment {
    /// Makes the threads of those backends that need one.
    pub spawner: Arc<dyn Spawn>,
}

impl Default for Environment {
    /// Threads by the standard library.
    fn default() -> Self {
        Self {
            spawner: Arc::new(StandardThreads),
        }
    }
}

/// Makes threads: the hook for a VMM that wants a seccomp filter, a CPU set or a name of its own on them.
pub trait Spawn: fmt::Debug + Send + Sync {
    /// Starts a thread that runs `body`. `name` tells the backend and its purpose, in at most 15 bytes.
    ///
    /// # Errors
    ///
    /// When the system has no thread to give.
    fn spawn(&self, name: &str, body: Box<dyn FnOnce() + Send>) -> io::Result<JoinHandle<()>>;
}

/// Threads by [`std::thread::Builder`], with their name and nothing else.
#[derive(Clone, Copy, Debug, Default)]
pub struct StandardThreads;

impl Spawn for StandardThreads {
    fn spawn(&self, name: &str, body: Box<dyn FnOnce() + Send>) -> io::Result<JoinHandle<()>> {
        Builder::new().name(name.to_owned()).spawn(body)
    }
}
