//! QEMU's monitor protocol (docs/interop/qmp-spec.txt of QEMU).

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use super::pattern::PATIENCE;

/// A connection to the monitor.
#[derive(Debug)]
pub(super) struct Monitor(BufReader<UnixStream>);

impl Monitor {
    /// Greets.
    ///
    /// # Errors
    ///
    /// If that is no monitor.
    pub(super) fn new(stream: UnixStream) -> Result<Self> {
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut monitor = Self(BufReader::new(stream));
        let greeting = monitor.receive()?;
        ensure!(greeting.get("QMP").is_some(), "no greeting, but {greeting}");
        monitor.execute("qmp_capabilities", json!({}))?;
        Ok(monitor)
    }

    /// Executes a command, and waits until it is done.
    ///
    /// # Errors
    ///
    /// If QEMU refuses, or is gone.
    pub(super) fn execute(&mut self, command: &str, arguments: Value) -> Result<()> {
        let request = json!({"execute": command, "arguments": arguments});
        writeln!(self.0.get_mut(), "{request}")?;
        loop {
            let answer = self.receive()?;
            if let Some(error) = answer.get("error") {
                bail!("QEMU refuses {command}: {error}");
            }
            // Others tell of events.
            if answer.get("return").is_some() {
                return Ok(());
            }
        }
    }

    fn receive(&mut self) -> Result<Value> {
        let mut line = String::new();
        let read = self.0.read_line(&mut line);
        ensure!(
            read.context("QEMU's monitor says nothing")? > 0,
            "QEMU is gone"
        );
        serde_json::from_str(&line).with_context(|| format!("from QEMU's monitor: {line}"))
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    /// A monitor that has these lines to say.
    fn monitor(lines: &'static str) -> Result<Monitor> {
        let (here, mut there) = UnixStream::pair()?;
        there.write_all(lines.as_bytes())?;
        // Whoever writes has to find somebody.
        thread::spawn(move || std::io::copy(&mut there, &mut std::io::sink()));
        Monitor::new(here)
    }

    #[test]
    fn events_are_no_answers() {
        let lines = "{\"QMP\": {}}\n{\"return\": {}}\n{\"event\": \"RESET\"}\n{\"error\": {\"desc\": \"no\"}}\n";
        let mut monitor = monitor(lines).unwrap();
        let error = monitor.execute("stop", json!({})).unwrap_err().to_string();
        assert!(
            error.contains("refuses stop") && error.contains("no"),
            "{error}"
        );
    }

    #[test]
    fn what_does_not_greet_is_no_monitor() {
        monitor("{\"return\": {}}\n").unwrap_err();
        monitor("hello\n").unwrap_err();
    }
}
