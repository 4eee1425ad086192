//! The table of what was measured.

use std::time::Duration;

use super::traffic::Ping;

/// Figures with offloads and without, side by side.
pub(super) struct Table(pub(super) String);

impl Table {
    /// The headline alone.
    pub(super) fn new() -> Self {
        let mut table = Self(String::new());
        table.row("", "with offloads", "without", "ratio");
        table
    }

    fn row(&mut self, what: &str, with: &str, without: &str, ratio: &str) {
        let line = format!("{what:<22}{with:>22}{without:>22}{ratio:>9}");
        self.0.push_str(line.trim_end());
        self.0.push('\n');
    }

    /// A row of bits per second.
    pub(super) fn rate(&mut self, what: &str, [with, without]: [f64; 2]) {
        let rate = |bits: f64| format!("{:.2} Gbit/s", bits / 1e9);
        let ratio = format!("{:.1} x", with / without);
        self.row(what, &rate(with), &rate(without), &ratio);
    }

    /// A row of times.
    pub(super) fn ping(&mut self, what: &str, [with, without]: [Ping; 2]) {
        let micros = |duration: Duration| duration.as_secs_f64() * 1e6;
        let times = |ping: Ping| {
            format!(
                "{:.0} µs, best {:.0} µs",
                micros(ping.average),
                micros(ping.best)
            )
        };
        self.row(what, &times(with), &times(without), "");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_lines_up() {
        let ping = Ping {
            best: Duration::from_micros(20),
            average: Duration::from_micros(31),
        };
        let mut table = Table::new();
        table.ping("ping", [ping, ping]);
        table.rate("TCP", [21e9, 2e9]);
        let lines: Vec<&str> = table.0.lines().collect();
        assert_eq!(lines.len(), 3, "{}", table.0);
        let width = |line: &str| line.chars().count();
        assert_eq!(width(lines[0]), width(lines[2]), "{}", table.0);
        assert!(
            lines[2].ends_with("21.00 Gbit/s           2.00 Gbit/s   10.5 x"),
            "{}",
            table.0
        );
    }
}
