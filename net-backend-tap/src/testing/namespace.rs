//! A network of one thread.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread::{Builder, JoinHandle};

use crate::sys::testing as imp;

/// A network namespace with a thread in it. Dropped, it ends with the last socket and tap made in it.
#[derive(Debug)]
pub struct NetworkNamespace {
    /// `None` once it is being dropped.
    jobs: Option<mpsc::Sender<Job>>,
    thread: Option<JoinHandle<()>>,
    path: PathBuf,
}

type Job = Box<dyn FnOnce() + Send>;

impl NetworkNamespace {
    /// Makes a namespace. Its loopback interface is up, its TCP uses Reno where that can be chosen.
    ///
    /// # Errors
    ///
    /// What the system says; `PermissionDenied` unless [`enter_private_network`](super::enter_private_network) or
    /// [`allow_namespaces`](super::allow_namespaces) was called before, or root does it.
    pub fn new() -> io::Result<Self> {
        let (jobs, queue) = mpsc::channel::<Job>();
        let (ready, is_ready) = mpsc::channel();
        let thread = Builder::new().name("namespace".to_owned()).spawn(move || {
            let entered = imp::enter_new_network().and_then(|()| imp::network_path());
            let failed = entered.is_err();
            if ready.send(entered).is_ok() && !failed {
                queue.into_iter().for_each(|job| job());
            }
        })?;
        let path = is_ready.recv().map_err(io::Error::other)??;
        Ok(Self {
            jobs: Some(jobs),
            thread: Some(thread),
            path,
        })
    }

    /// Where programs that may do so can enter it, as `nsenter --net=PATH` does. Good as long as this lives.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Runs `job` in the namespace and waits for it. Sockets, taps and threads that it makes stay in the
    /// namespace, wherever they are used. A panic of `job` goes on here.
    pub fn run<T: Send + 'static>(&self, job: impl FnOnce() -> T + Send + 'static) -> T {
        let (answer, answers) = mpsc::sync_channel(1);
        let job = Box::new(move || {
            let outcome = catch_unwind(AssertUnwindSafe(job));
            // Whoever asked waits for it below.
            let _nobody = answer.send(outcome);
        });
        if let Some(jobs) = &self.jobs {
            let _ended = jobs.send(job);
        }
        match answers.recv() {
            Ok(Ok(value)) => value,
            Ok(Err(panic)) => resume_unwind(panic),
            Err(_) => resume_unwind(Box::new("the thread of the namespace has ended")),
        }
    }
}

impl Drop for NetworkNamespace {
    fn drop(&mut self) {
        drop(self.jobs.take());
        if let Some(thread) = self.thread.take() {
            // Jobs do not unwind into the thread.
            let _never = thread.join();
        }
    }
}
