//! Who sends and who receives on a real switch: threads with the library, and netmap's own program.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::{env, io};

use anyhow::{Context, Result, bail};
use net_backend::{Interest, Source, TxQueue, TxSlice};
use net_backend_netmap::{Netmap, ReceiveQueue, TransmitQueue};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::thread::{CpuSet, sched_setaffinity};

use super::model::{self, BATCH, Header};

/// Which way frames go, seen from who does it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Sender,
    Receiver,
}

/// Does it until it is dropped.
pub(super) trait End {
    /// Waits for a good moment, and tells how many frames there were until then.
    ///
    /// # Errors
    ///
    /// If it has ended.
    fn count(&mut self) -> Result<u64>;
}

/// A thread with the library.
pub(super) struct Thread {
    count: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<Result<()>>>,
}

impl Thread {
    /// Opens a port of the system's kernel, and begins on one CPU.
    ///
    /// # Errors
    ///
    /// If the port cannot be opened.
    pub(super) fn start(port: &str, role: Role, length: usize, cpu: usize) -> Result<Self> {
        let (backend, receive, transmit) = open(port)?;
        let (count, stop) = (
            Arc::new(AtomicU64::new(0)),
            Arc::new(AtomicBool::new(false)),
        );
        let shared = (Arc::clone(&count), Arc::clone(&stop));
        let thread = thread::spawn(move || {
            let mut only = CpuSet::new();
            only.set(cpu);
            sched_setaffinity(None, &only)?;
            let _open = backend;
            match role {
                Role::Sender => send(transmit, length, &shared.0, &shared.1),
                Role::Receiver => receive_all(receive, &shared.0, &shared.1),
            }
        });
        Ok(Self {
            count,
            stop,
            thread: Some(thread),
        })
    }
}

impl End for Thread {
    fn count(&mut self) -> Result<u64> {
        if let Some(thread) = self.thread.take_if(|thread| thread.is_finished()) {
            match thread.join() {
                Ok(outcome) => outcome?,
                Err(_) => bail!("it panicked"),
            }
        }
        Ok(self.count.load(Ordering::Relaxed))
    }
}

impl Drop for Thread {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // Whatever it has to say was asked for before.
            let _outcome = thread.join();
        }
    }
}

/// A port of the system's kernel with all that netmap can.
pub(super) fn open(port: &str) -> Result<(Netmap, ReceiveQueue, TransmitQueue)> {
    let mut backend = Netmap::open(&model::config(port)?)?;
    let queues = backend.queues(&Header::None.activation())?.pop();
    let (receive, transmit) = queues.context("no queue")?;
    Ok((backend, receive, transmit))
}

fn send(mut tx: TransmitQueue, length: usize, count: &AtomicU64, stop: &AtomicBool) -> Result<()> {
    let frame = model::frame(length, 1);
    let frame = [TxSlice::new(&frame)];
    while !stop.load(Ordering::Relaxed) {
        let mut sent = 0;
        while sent < 8 * BATCH && tx.send(&frame)? == net_backend::Sent::Queued {
            sent += 1;
        }
        tx.flush()?;
        if sent == 0 {
            wait(tx.source())?;
        }
        count.fetch_add(u64::try_from(sent)?, Ordering::Relaxed);
    }
    Ok(())
}

fn receive_all(mut rx: ReceiveQueue, count: &AtomicU64, stop: &AtomicBool) -> Result<()> {
    use net_backend::RxQueue;
    while !stop.load(Ordering::Relaxed) {
        let mut received = 0;
        while let Some(frame) = rx.lend()? {
            frame.release();
            received += 1;
            if received >= 8 * BATCH {
                break;
            }
        }
        count.fetch_add(u64::try_from(received)?, Ordering::Relaxed);
        if received < 8 * BATCH {
            wait(rx.source())?;
        }
    }
    Ok(())
}

/// Waits for at most a tenth of a second, so that who should stop notices.
fn wait(source: Source<'_>) -> io::Result<()> {
    let flags = match source.interest {
        Interest::Readable => PollFlags::IN,
        _ => PollFlags::OUT,
    };
    let timeout = Timespec {
        tv_sec: 0,
        tv_nsec: 100_000_000,
    };
    poll(
        &mut [PollFd::from_borrowed_fd(source.descriptor, flags)],
        Some(&timeout),
    )?;
    Ok(())
}

/// netmap's `pkt-gen`.
pub(super) struct PacketGenerator {
    process: Child,
    lines: BufReader<ChildStderr>,
    count: u64,
}

impl PacketGenerator {
    /// Where it is: what `NET_BACKEND_PKT_GEN` says, or somewhere in `PATH`.
    pub(super) fn find() -> Option<PathBuf> {
        let named = env::var_os("NET_BACKEND_PKT_GEN").map(PathBuf::from);
        let path = env::var_os("PATH").unwrap_or_default();
        let mut places = env::split_paths(&path).map(|place| place.join("pkt-gen"));
        named.or_else(|| places.find(|place| place.is_file()))
    }

    /// Lets it do something with a port, on one CPU.
    ///
    /// # Errors
    ///
    /// If it cannot be started.
    pub(super) fn start(
        program: &Path,
        port: &str,
        role: Role,
        length: usize,
        cpu: usize,
    ) -> Result<Self> {
        let function = match role {
            Role::Sender => "tx",
            Role::Receiver => "rx",
        };
        let mut process = Command::new(program)
            .args(["-i", port, "-f", function, "-w", "0"])
            .args(["-l", &length.to_string(), "-a", &cpu.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {}", program.display()))?;
        let lines = process.stderr.take().context("no messages")?;
        Ok(Self {
            process,
            lines: BufReader::new(lines),
            count: 0,
        })
    }
}

impl End for PacketGenerator {
    /// It tells every second.
    fn count(&mut self) -> Result<u64> {
        let mut last = String::new();
        loop {
            let mut line = String::new();
            if self.lines.read_line(&mut line)? == 0 {
                bail!("pkt-gen ended: {last}");
            }
            if let Some(packets) = packets(&line) {
                self.count += packets;
                return Ok(self.count);
            }
            last = line;
        }
    }
}

impl Drop for PacketGenerator {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ended: io::Result<()> = self.process.kill();
        let _status = self.process.wait();
    }
}

/// How many packets there were since the last such line: `… 3.400 Mpps (3.401 Mpkts 1.632 Gbps in 1000185 usec) …`.
fn packets(line: &str) -> Option<u64> {
    let (_, rest) = line.split_once("pps ")?;
    let (_, rest) = rest.split_once('(')?;
    let (number, rest) = rest.split_once(' ')?;
    let unit = rest.split_once("pkts ")?.0;
    let factor = match unit {
        "" => 1.0,
        "K" => 1e3,
        "M" => 1e6,
        "G" => 1e9,
        _ => return None,
    };
    let packets = number.parse::<f64>().ok()? * factor;
    // A count, rounded to four digits by who printed it.
    format!("{packets:.0}").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::packets;

    #[test]
    fn packets_are_found_in_reports() {
        let line = "591.146 main_thread [2781] 3.400 Mpps (3.401 Mpkts 1.632 Gbps in 1000185 usec) 512.00 avg_batch";
        assert_eq!(packets(line), Some(3_401_000));
        let line = "591.146 main_thread [2781] 0.000 pps (0.000 pkts 0.000 bps in 1000185 usec) 0.00 avg_batch";
        assert_eq!(packets(line), Some(0));
        let line = "591.1 main_thread [2781] 12.5 Kpps [avg/std 12.5/0.1 Kpps] (12.501 Kpkts 6 Mbps in 1000185 usec)";
        assert_eq!(packets(line), Some(12_501));
        assert_eq!(
            packets("591.146 main [3281] running on 1 cpus (have 2)"),
            None
        );
    }
}
