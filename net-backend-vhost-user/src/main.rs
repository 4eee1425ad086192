//! Any backend of the library as a vhost-user device.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use net_backend_vhost_user::sandbox::{Sandbox, SandboxMode};
use net_backend_vhost_user::{Daemon, Device, DeviceOptions, listen};

/// A NIC for virtual machines, by vhost-user
#[derive(Debug, Parser)]
#[command(version)]
struct Options {
    /// The backend, in the words of `net_backend::open`
    #[arg(value_name = "URI")]
    uri: String,
    /// Listen for the virtual machine on this socket
    #[arg(long, value_name = "PATH")]
    socket: PathBuf,
    /// Queue pairs to offer; as many as the backend has, by default
    #[arg(long, value_name = "N")]
    queues: Option<u16>,
    /// Keep out of reach what serving does not need; with `log`, system calls are told to the kernel's log instead of ending the process
    #[arg(long, value_name = "on|off|log", default_value_t)]
    sandbox: SandboxMode,
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("net-backend-vhost-user: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<(), Box<dyn std::error::Error>> {
    let mut sandbox = Sandbox::new(options.sandbox);
    let backend = sandbox.open(&options.uri)?;
    let mut looks = DeviceOptions::default();
    looks.pairs = options.queues;
    let device = Device::new(backend, &looks, |what| {
        eprintln!("net-backend-vhost-user: {what}");
    })?;
    let mut daemon = Daemon::new(Arc::new(device))?;
    let listener = listen(&options.socket)?;
    sandbox.removes(&options.socket);
    sandbox.enter(|what| eprintln!("net-backend-vhost-user: {what}"))?;
    loop {
        let (frontend, _) = listener.accept()?;
        daemon.serve(&frontend)?;
    }
}
