//! What the figures were measured on, and how busy it was.

use std::fs;

use serde::Serialize;

/// The machine.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Machine {
    kernel: String,
    cpu: String,
    cpus: usize,
    /// What the kernel does against the CPU's flaws. It makes system calls slow.
    mitigations: Vec<String>,
    load_before: String,
    load_after: String,
    /// Percent of all CPU time that went to other machines on this host while measuring.
    steal_percent: f64,
    #[serde(skip)]
    ticks: Ticks,
}

/// What /proc/stat counts.
#[derive(Clone, Copy, Debug, Default)]
struct Ticks {
    all: f64,
    stolen: f64,
}

impl Machine {
    /// As it is before the measurement.
    pub(super) fn now() -> Self {
        Self {
            kernel: line("/proc/sys/kernel/osrelease"),
            cpu: cpu().unwrap_or_else(|| "unknown".to_owned()),
            cpus: cpus(),
            mitigations: mitigations(),
            load_before: load(),
            load_after: String::new(),
            steal_percent: 0.0,
            ticks: ticks(),
        }
    }

    /// Adds how busy it was until now.
    pub(super) fn finish(&mut self) {
        let now = ticks();
        let all = now.all - self.ticks.all;
        if all > 0.0 {
            self.steal_percent = (now.stolen - self.ticks.stolen) / all * 100.0;
        }
        self.load_after = load();
    }

    /// A few lines for people.
    pub(super) fn describe(&self) -> String {
        let Self {
            kernel,
            cpu,
            cpus,
            load_before,
            load_after,
            steal_percent,
            ..
        } = self;
        let mitigations = match self.mitigations.is_empty() {
            true => "none".to_owned(),
            false => self.mitigations.join(";\n  "),
        };
        format!(
            "kernel {kernel}, {cpu}, {cpus} CPUs\n\
             mitigations: {mitigations}\n\
             load {load_before} before, {load_after} after; {steal_percent:.1} % stolen by other machines\n"
        )
    }
}

fn line(path: &str) -> String {
    let text = fs::read_to_string(path).unwrap_or_default();
    text.lines().next().unwrap_or("unknown").trim().to_owned()
}

/// Those that run, whichever this process may use.
fn cpus() -> usize {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    text.lines()
        .filter(|line| line.starts_with("processor"))
        .count()
}

fn cpu() -> Option<String> {
    let text = fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split(':').nth(1)?.trim().to_owned())
}

fn load() -> String {
    let line = line("/proc/loadavg");
    line.split(' ').next().unwrap_or("unknown").to_owned()
}

/// `name: what is done`, without the flaws that this CPU does not have.
fn mitigations() -> Vec<String> {
    let entries = fs::read_dir("/sys/devices/system/cpu/vulnerabilities");
    let mut found: Vec<String> = entries
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let state = line(&entry.path().to_string_lossy());
            let name = entry.file_name().to_string_lossy().into_owned();
            let first = state.split([';', ',']).next().unwrap_or_default();
            let what = first.strip_prefix("Mitigation: ").unwrap_or(first);
            (state != "Not affected").then(|| format!("{name}: {}", what.trim()))
        })
        .collect();
    found.sort();
    found
}

/// The first line is the sum of all CPUs; its eighth number is the time that was stolen (proc(5)). The two after
/// that are contained in others.
fn ticks() -> Ticks {
    let line = line("/proc/stat");
    let numbers: Vec<f64> = line
        .split_whitespace()
        .skip(1)
        .take(8)
        .filter_map(|number| number.parse().ok())
        .collect();
    Ticks {
        all: numbers.iter().sum(),
        stolen: numbers.get(7).copied().unwrap_or(0.0),
    }
}
