//! Which rows make which plot.

mod across;
mod amounts;
mod latencies;
mod ratios;

use super::Plot;
use super::bars::Bars;
use super::lines::Lines;
use crate::bench::about::{sentence, title};

pub(super) use across::{scales, sizes};
pub(super) use amounts::{amounts, cpu};
pub(super) use latencies::latencies;
pub(super) use ratios::ratios;

/// Fewer places are no line.
const PLACES: usize = 3;

impl Lines {
    fn plot(&self, section: &str, name: &str) -> Plot {
        Plot {
            section: section.to_owned(),
            file: file(section, name),
            title: self.title.clone(),
            svg: self.draw(),
        }
    }
}

impl Bars {
    fn plot(&self, section: &str, name: &str) -> Plot {
        Plot {
            section: section.to_owned(),
            file: file(section, name),
            title: self.title.clone(),
            svg: self.draw(),
        }
    }
}

/// A name of a file, of letters, digits and hyphens.
fn file(section: &str, name: &str) -> String {
    let both = format!("{section} {name}").to_lowercase();
    let words = both.split(|c: char| !c.is_ascii_alphanumeric());
    let mut words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    words.dedup();
    format!("{}.svg", words.join("-"))
}

/// The heading of the section, and what the plot shows of it, where the one does not say the other.
fn heading(section: &str, name: &str) -> String {
    let title = title(section);
    let [longer, shorter] = [name, title].map(str::to_lowercase);
    if shorter.contains(&longer) {
        return title.to_owned();
    }
    match longer.contains(&shorter) {
        true => sentence(name),
        false => format!("{title}: {name}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_have_names_that_any_system_takes() {
        assert_eq!(file("tcp", "round trip: 1/2"), "tcp-round-trip-1-2.svg");
        assert_eq!(file("memory", "memory"), "memory.svg");
    }

    #[test]
    fn headings_say_nothing_twice() {
        assert_eq!(heading("memory", "memory"), "Memory");
        assert_eq!(heading("udp", "datagrams"), "UDP: datagrams");
        let idle = "round trip beside idle connections";
        assert_eq!(heading("idle", idle), "Round trip beside idle connections");
    }
}
