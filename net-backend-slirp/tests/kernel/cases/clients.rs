//! Programs that others wrote, in the guest.

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::guest::{Guest, HOST, PATIENCE, Setting};
use crate::harness::{Case, Outcome};
use crate::stream::Pattern;

/// Bytes of a file.
const LENGTH: usize = 100 << 20;

pub(super) fn cases() -> impl Iterator<Item = Case> {
    let kinds = [
        ("offloads", Setting::with_offloads()),
        ("plain", Setting::plain()),
    ];
    kinds.into_iter().flat_map(|(name, setting)| {
        [
            Case::new(format!("curl/{name}"), setting.clone(), curl).with_program("curl"),
            Case::new(format!("iperf3/{name}"), setting, iperf3).with_program("iperf3"),
        ]
    })
}

fn curl(setting: &Setting) -> Outcome {
    let guest = Guest::new(setting)?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let port = listener.local_addr()?.port();
    let server = thread::spawn(move || -> Outcome {
        serve(listener.accept()?.0)?;
        serve(listener.accept()?.0)
    });
    let mut download = start(&guest, port, &[])?;
    Pattern::new().read(output_of(&mut download)?, LENGTH)?;
    finish(download)?;
    let mut upload = start(&guest, port, &["-H", "Expect:", "-T", "-"])?;
    let input = upload.stdin.take().ok_or("curl has no input")?;
    Pattern::new().write(input, LENGTH)?;
    finish(upload)?;
    server.join().map_err(|_| "the server panicked")?
}

/// Answers one request: with the file, or by comparing what is uploaded.
fn serve(stream: TcpStream) -> Outcome {
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut reader = BufReader::new(&stream);
    let mut request = String::new();
    while !request.ends_with("\r\n\r\n") {
        if reader.read_line(&mut request)? == 0 {
            return Err(format!("half a request: {request}").into());
        }
    }
    let mut answer = &stream;
    if request.starts_with("GET") {
        write!(
            answer,
            "HTTP/1.1 200 OK\r\nContent-Length: {LENGTH}\r\nConnection: close\r\n\r\n"
        )?;
        return Pattern::new().write(answer, LENGTH);
    }
    Pattern::new().read(Chunks::new(&mut reader), LENGTH)?;
    Ok(answer
        .write_all(b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")?)
}

/// The content of a body in chunks (RFC 9112, 7.1).
struct Chunks<R> {
    reader: R,
    /// Bytes of this chunk that are left.
    left: usize,
}

impl<R: BufRead> Chunks<R> {
    fn new(reader: R) -> Self {
        Self { reader, left: 0 }
    }
}

impl<R: BufRead> std::io::Read for Chunks<R> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        if self.left == 0 {
            let mut line = String::new();
            while line.trim().is_empty() && self.reader.read_line(&mut line)? > 0 {}
            let length = usize::from_str_radix(line.trim(), 16);
            self.left = length.map_err(std::io::Error::other)?;
        }
        let most = into.len().min(self.left);
        let count = self.reader.read(into.get_mut(..most).unwrap_or_default())?;
        self.left -= count;
        Ok(count)
    }
}

/// curl in the guest, about a file of the host.
fn start(guest: &Guest, port: u16, arguments: &[&'static str]) -> Outcome<Child> {
    let mut command = Command::new("curl");
    command
        .args(["--silent", "--show-error", "--fail", "--noproxy", "*"])
        .args(arguments)
        .arg(format!("http://{HOST}:{port}/file"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    Ok(guest.network.run(move || command.spawn())?)
}

fn output_of(child: &mut Child) -> Outcome<ChildStdout> {
    Ok(child.stdout.take().ok_or("no output")?)
}

fn finish(child: Child) -> Outcome {
    succeeded(&child.wait_with_output()?)
}

fn succeeded(output: &Output) -> Outcome {
    match output.status.success() {
        true => Ok(()),
        false => Err(format!("{output:?}").into()),
    }
}

fn iperf3(setting: &Setting) -> Outcome {
    let guest = Guest::new(setting)?;
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
    let port = free.port().to_string();
    for arguments in [&[][..], &["--reverse"], &["--parallel", "4"]] {
        let mut server = Command::new("iperf3")
            .args([
                "--server",
                "--one-off",
                "--bind",
                "127.0.0.1",
                "--port",
                &port,
            ])
            .stdout(Stdio::null())
            .spawn()?;
        let outcome = wait_for(&mut server, &port).and_then(|()| {
            let mut client = Command::new("iperf3");
            client
                .args([
                    "--client",
                    &HOST.to_string(),
                    "--port",
                    &port,
                    "--bytes",
                    "20M",
                ])
                .args(arguments);
            succeeded(&guest.network.run(move || client.output())?)
        });
        if outcome.is_err() {
            server.kill()?;
        }
        server.wait()?;
        outcome?;
    }
    Ok(())
}

/// Waits until somebody listens on the host's port, by the table of the kernel: a connection would be the one that
/// the server takes.
fn wait_for(server: &mut Child, port: &str) -> Outcome {
    let listens = format!("0100007F:{:04X} 00000000:0000 0A", port.parse::<u16>()?);
    let start = Instant::now();
    while !std::fs::read_to_string("/proc/net/tcp")?.contains(&listens) {
        if start.elapsed() > PATIENCE || server.try_wait()?.is_some() {
            return Err("the server of iperf3 does not listen".into());
        }
        thread::sleep(Duration::from_millis(10));
    }
    Ok(())
}
