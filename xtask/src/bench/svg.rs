//! Plots that one can read at a glance, by day and by night.

mod bars;
mod element;
mod lines;
mod picture;
mod plots;
mod scale;
mod style;
mod words;

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use net_backend::bench::Report;

use super::about::sections;

/// A picture of some rows.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Plot {
    /// The section that it is about.
    pub(super) section: String,
    /// The name of its file.
    pub(super) file: String,
    /// What it is, in a few words.
    pub(super) title: String,
    /// The document.
    svg: String,
}

/// All plots that there are rows for, in the order of the rows.
pub(super) fn plots(report: &Report) -> Vec<Plot> {
    let sections = sections(&report.rows);
    let plots = sections.iter().flat_map(|(section, rows)| {
        let kinds = [
            plots::sizes(section, rows),
            plots::scales(section, rows),
            plots::amounts(section, rows),
            plots::cpu(section, rows),
            plots::latencies(section, rows),
            plots::ratios(section, rows),
        ];
        kinds.into_iter().flatten()
    });
    plots.collect()
}

/// Writes plots to files in a directory, which is made if it is not there.
///
/// # Errors
///
/// If something cannot be written.
pub(super) fn write(plots: &[Plot], directory: &Path) -> Result<()> {
    fs::create_dir_all(directory).with_context(|| directory.display().to_string())?;
    for plot in plots {
        let path = directory.join(&plot.file);
        fs::write(&path, &plot.svg).with_context(|| path.display().to_string())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
