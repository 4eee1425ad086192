//! The same ports from another process, which is this program again.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitCode, Stdio};
use std::time::Instant;

use crate::common;
use crate::refusals::expect_no_switch;
use crate::support::{Active, Case, Outcome, PATIENCE, ensure, frame, program, take};

pub(crate) const CASES: &[Case] = &[
    Case::new("processes/pipe", pipe),
    Case::new("processes/exclusive", exclusive),
    Case::new("processes/shared-port", shared_port),
    Case::new("processes/killed", killed),
];

/// Tells this program that it is the other one, and which port to open.
const PORT: &str = "NET_BACKEND_NETMAP_SECOND";

pub(crate) fn is_second() -> bool {
    std::env::var_os(PORT).is_some()
}

/// The other process: opens a port, says so, and sends back what it receives until its input ends.
pub(crate) fn second() -> ExitCode {
    let port = std::env::var(PORT).unwrap_or_default();
    match Active::new(&port) {
        Err(error) => println!("{}", error.message().unwrap_or_default()),
        Ok(mut port) => {
            println!("open");
            let input = std::thread::spawn(|| std::io::stdin().lines().count());
            while !input.is_finished() {
                let echoed = echo(&mut port);
                if let Err(error) = echoed {
                    println!("{}", error.message().unwrap_or_default());
                    return ExitCode::FAILURE;
                }
            }
        }
    }
    ExitCode::SUCCESS
}

fn echo(port: &mut Active) -> Outcome {
    let source = port.pairs[0].rx.source();
    net_backend_core::testing::ready(source, crate::support::SILENCE)?;
    while let Some(frame) = take(&mut *port.pairs[0].rx)? {
        port.send(&frame)?;
    }
    Ok(())
}

struct Second {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Second {
    /// Starts it, and waits for what it says about its port.
    fn start(port: &str) -> Outcome<(Self, String)> {
        let mut command = Command::new(program()?);
        command.env(PORT, port);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn()?;
        let input = child.stdin.take();
        let output = child.stdout.take().ok_or("no output")?;
        let mut second = Self {
            child,
            input,
            output: BufReader::new(output),
        };
        let mut said = String::new();
        second.output.read_line(&mut said)?;
        Ok((second, said.trim().to_owned()))
    }

    fn open(port: &str) -> Outcome<Self> {
        let (second, said) = Self::start(port)?;
        ensure!(said == "open", "the second process says {said}");
        Ok(second)
    }

    /// Lets it end by itself.
    fn leave(mut self) -> Outcome {
        if let Some(mut input) = self.input.take() {
            input.flush()?;
        }
        let status = self.child.wait()?;
        ensure!(status.success(), "the second process ends with {status}");
        Ok(())
    }
}

impl Drop for Second {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _status = self.child.wait();
    }
}

fn pipe() -> Outcome {
    let id = common::unique();
    let mut near = Active::new(&format!("vale{id}:b{{1"))?;
    let second = Second::open(&format!("vale{id}:b}}1"))?;
    for number in 0..500 {
        near.send(&frame(number, 60 + number as usize * 7))?;
        near.expect(&frame(number, 60 + number as usize * 7))?;
    }
    second.leave()?;
    drop(near);
    expect_no_switch(&id)
}

fn exclusive() -> Outcome {
    let id = common::unique();
    let port = format!("vale{id}:p");
    let _held = common::open(&format!("{port}/x"))?;
    let (second, said) = Second::start(&port)?;
    ensure!(
        said.contains("others have this port for themselves (/x)"),
        "it says {said}"
    );
    second.leave()
}

/// Two processes may have the same rings, if only one of them uses them.
fn shared_port() -> Outcome {
    let id = common::unique();
    let mut far = Active::new(&format!("vale{id}:far"))?;
    let port = common::open(&format!("vale{id}:p"))?;
    let second = Second::open(&format!("vale{id}:p"))?;
    far.send(&frame(1, 60))?;
    far.expect(&frame(1, 60))?;
    second.leave()?;
    let mut port = Active::with_pairs(port, 1)?;
    port.send(&frame(2, 60))?;
    far.expect(&frame(2, 60))
}

/// What a killed process had is free.
fn killed() -> Outcome {
    let id = common::unique();
    let port = format!("vale{id}:p/x");
    let second = Second::open(&port)?;
    ensure!(common::open(&port).is_err(), "two have it exclusively");
    drop(second);
    let deadline = Instant::now() + PATIENCE;
    while let Err(error) = common::open(&port) {
        ensure!(Instant::now() < deadline, "still not free: {error}");
        std::thread::sleep(crate::support::SILENCE);
    }
    expect_no_switch(&id)
}
