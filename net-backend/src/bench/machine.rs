//! What figures were measured on, and how busy it was.

use std::fs;
use std::time::Instant;

use serde::{Deserialize, Serialize};

use super::cpus::usable_cpus;

/// What figures were measured on, and how busy it was.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Machine {
    /// Release of the kernel.
    pub kernel: String,
    /// Name of the CPU.
    pub cpu: String,
    /// CPUs that run, whichever this process may use.
    pub cpus: usize,
    /// What the kernel does against the CPU's flaws. It makes system calls slow.
    pub mitigations: Vec<String>,
    /// Other software that takes part, with its versions. Empty unless somebody fills it in, before the measurement or after.
    pub software: Vec<String>,
    /// Load average of the last minute, before.
    pub load_before: String,
    /// Load average of the last minute, after.
    pub load_after: String,
    /// Percent of all CPU time that went to other machines on this host while measuring.
    pub steal_percent: f64,
    /// Seconds that the run took.
    pub seconds: f64,
    /// When [`now`](Self::now) was.
    #[serde(skip)]
    began: Began,
}

impl Machine {
    /// As it is before the measurement. It is learnt from Linux' /proc and /sys: elsewhere texts are `unknown`, the CPUs are those
    /// that this thread may use, and there are no mitigations and no steal.
    #[must_use]
    pub fn now() -> Self {
        Self {
            kernel: line("/proc/sys/kernel/osrelease"),
            cpu: cpu().unwrap_or_else(|| "unknown".to_owned()),
            cpus: cpus(),
            mitigations: mitigations(),
            load_before: load(),
            began: Began {
                at: Some(Instant::now()),
                ticks: ticks(),
            },
            ..Self::default()
        }
    }

    /// Adds how busy it was until now. [`Bench::report`](super::Bench::report) does it by itself.
    #[must_use]
    pub fn finish(mut self) -> Self {
        let Began { at, ticks: before } = self.began;
        let now = ticks();
        let all = now.all - before.all;
        if all > 0.0 {
            self.steal_percent = (now.stolen - before.stolen) / all * 100.0;
        }
        self.load_after = load();
        self.seconds = at.map_or(0.0, |at| at.elapsed().as_secs_f64());
        self
    }
}

/// What the clock and /proc/stat say. Two machines do not differ by it.
#[derive(Clone, Copy, Debug, Default)]
struct Began {
    at: Option<Instant>,
    ticks: Ticks,
}

impl PartialEq for Began {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

/// What /proc/stat counts.
#[derive(Clone, Copy, Debug, Default)]
struct Ticks {
    all: f64,
    stolen: f64,
}

fn line(path: &str) -> String {
    let text = fs::read_to_string(path).unwrap_or_default();
    text.lines().next().unwrap_or("unknown").trim().to_owned()
}

/// Those that run, whichever this process may use, where that is known.
fn cpus() -> usize {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let lines = text.lines();
    match lines.filter(|it| it.starts_with("processor")).count() {
        0 => usable_cpus(),
        cpus => cpus,
    }
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
