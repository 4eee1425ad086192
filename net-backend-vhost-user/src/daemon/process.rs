//! The program: devices from the command line, served until a signal ends it.

use std::error::Error;
use std::process::ExitCode;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, mpsc::RecvTimeoutError};
use std::time::{Duration, Instant};
use std::{io, thread};

use clap::Parser;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::{flag, low_level::pipe};

use super::log::{Log, say};
use super::pid_file::PidFile;
use super::{Daemon, DaemonError, Endpoint, Stop};
use crate::device::{Device, DeviceOptions};
use crate::duplicate;
use crate::options::{DeviceArgument, Options, Place};
use crate::sandbox::{Sandbox, SandboxError};

/// What `--print-capabilities` prints (QEMU, docs/interop/vhost-user.json, `VHostUserBackendCapabilities`): NICs have no features there.
const CAPABILITIES: &str = "{\n  \"type\": \"net\"\n}";

/// How long connections have to end. Those that need longer have a frontend that blocks them.
const GRACE: Duration = Duration::from_secs(3);

/// The program `net-backend-vhost-user`: reads the process's arguments, and serves devices until SIGTERM or SIGINT. Blocks.
#[must_use]
pub fn run() -> ExitCode {
    if std::env::args_os().any(|word| word == "--print-capabilities") {
        println!("{CAPABILITIES}");
        return ExitCode::SUCCESS;
    }
    match serve(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&error.to_string());
            ExitCode::FAILURE
        }
    }
}

fn serve(options: &Options) -> Result<(), Box<dyn Error>> {
    let stop = Stop::new()?;
    end_with_signals(&stop)?;
    let arguments = options.devices();
    // Sockets are there when all is ready to be used.
    let mut sandbox = Sandbox::new(options.sandbox);
    let daemons = arguments.iter().map(|it| daemon(it, &mut sandbox));
    let daemons = daemons.collect::<Result<Vec<_>, _>>()?;
    let endpoints = arguments.iter().map(|it| endpoint(it, options.once));
    let endpoints = endpoints.collect::<Result<Vec<_>, _>>()?;
    let pid_file = options.pid_file.as_deref().map(PidFile::write);
    let _pid_file = pid_file.transpose()?;
    enter(sandbox, &arguments, options)?;
    let files: Vec<_> = endpoints.iter().filter_map(Endpoint::file).collect();

    let (sender, ended) = mpsc::channel();
    let count = daemons.len();
    for (daemon, endpoint) in daemons.into_iter().zip(endpoints) {
        start(daemon, endpoint, &stop, sender.clone())?;
    }
    announce(&stop, sender)?;
    let is_clean = wait(count, &ended);
    stop.stop();
    files.iter().for_each(|file| file.remove());
    if !is_clean {
        say("a connection did not end, and is left as it is");
    }
    Ok(())
}

/// Leaves what is needed to take sockets and the file of the process away.
fn enter(
    mut sandbox: Sandbox,
    arguments: &[DeviceArgument],
    options: &Options,
) -> Result<(), SandboxError> {
    for argument in arguments {
        if let Place::Listen(path) = &argument.place {
            sandbox.removes(path);
        }
    }
    if let Some(path) = &options.pid_file {
        sandbox.reads(path);
        sandbox.removes(path);
    }
    sandbox.enter(say)
}

fn end_with_signals(stop: &Stop) -> io::Result<()> {
    let is_second = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        // In this order: the first signal only sets the flag that has the next one end the process.
        flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&is_second))?;
        flag::register(signal, Arc::clone(&is_second))?;
        pipe::register(signal, stop.writer()?)?;
    }
    Ok(())
}

fn daemon(argument: &DeviceArgument, sandbox: &mut Sandbox) -> Result<Daemon, Box<dyn Error>> {
    let backend = sandbox.open(&argument.uri)?;
    let options = DeviceOptions {
        pairs: argument.queues,
        threads: argument.threads,
        mac: argument.mac,
    };
    let log = Log::new(argument.uri.clone());
    let device = Device::new(backend, &options, move |what| log.tell(what))?;
    Ok(Daemon::new(Arc::new(device))?)
}

fn endpoint(argument: &DeviceArgument, once: bool) -> Result<Endpoint, DaemonError> {
    let endpoint = match &argument.place {
        Place::Listen(path) => Endpoint::listen(path)?,
        Place::Connect(path) => Endpoint::connect(path),
        Place::Inherited(number) => {
            let socket =
                duplicate(*number).map_err(|errno| DaemonError::Inherited(errno.into()))?;
            Endpoint::inherited(socket)?
        }
    };
    Ok(if once { endpoint.once() } else { endpoint })
}

/// Why the program looks up.
enum Ended {
    /// A device has no more frontends.
    Device,
    /// All is to end.
    Signal,
}

fn start(
    mut daemon: Daemon,
    mut endpoint: Endpoint,
    stop: &Stop,
    sender: Sender<Ended>,
) -> io::Result<()> {
    let stop = stop.clone();
    let builder = thread::Builder::new().name("vhost-user-nic".to_owned());
    builder.spawn(move || {
        daemon.run(&mut endpoint, &stop);
        // Nobody listens when time is up.
        let _late = sender.send(Ended::Device);
    })?;
    Ok(())
}

/// Tells when all is to end.
fn announce(stop: &Stop, sender: Sender<Ended>) -> io::Result<()> {
    let stop = stop.clone();
    let builder = thread::Builder::new().name("signals".to_owned());
    builder.spawn(move || {
        while !stop.is_stopped() {
            stop.pause(Duration::from_secs(3600));
        }
        let _late = sender.send(Ended::Signal);
    })?;
    Ok(())
}

/// Waits until that many devices have no more frontends; whether they have not, long after all was to end.
fn wait(mut devices: usize, ended: &Receiver<Ended>) -> bool {
    let mut until = None;
    while devices > 0 {
        let left = until.map(|until: Instant| until.saturating_duration_since(Instant::now()));
        let next = match left {
            None => ended.recv().map_err(RecvTimeoutError::from),
            Some(left) => ended.recv_timeout(left),
        };
        match next {
            Ok(Ended::Device) => devices -= 1,
            Ok(Ended::Signal) => until = Some(Instant::now() + GRACE),
            Err(RecvTimeoutError::Timeout) => return false,
            // Threads that panicked say nothing.
            Err(RecvTimeoutError::Disconnected) => return true,
        }
    }
    true
}
