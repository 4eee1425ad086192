//! What becomes of a report beside the table for people: plots, and a page.

use std::env;
use std::fs;
use std::mem;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use clap::Args;
use net_backend::bench::Report;

use super::markdown::Page;
use super::svg;

/// Where plots and the page go.
#[derive(Args, Debug)]
pub(super) struct Publication {
    /// Draw plots of the figures into this directory, as SVG
    #[arg(long, value_name = "DIR")]
    svg: Option<PathBuf>,
    /// Write all figures to this page, with the plots if --svg is there, too
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
    /// Measure nothing, but show the figures that --json wrote to this file
    #[arg(long, value_name = "FILE")]
    from: Option<PathBuf>,
}

impl Publication {
    /// The report that is to be shown instead of a new one, if there is one.
    ///
    /// # Errors
    ///
    /// If it cannot be read, or is of another form.
    pub(super) fn earlier(&self) -> Result<Option<Report>> {
        let Some(path) = &self.from else {
            return Ok(None);
        };
        let of_file = || path.display().to_string();
        let text = fs::read_to_string(path).with_context(of_file)?;
        let report: Report = serde_json::from_str(&text)
            .with_context(|| format!("{}: not what --json writes", path.display()))?;
        ensure!(
            report.format == Report::FORMAT,
            "{}: its form is {}, and this version knows {}: measure again",
            path.display(),
            report.format,
            Report::FORMAT
        );
        Ok(Some(report))
    }

    /// Writes what is asked for.
    ///
    /// # Errors
    ///
    /// If something cannot be written.
    pub(super) fn publish(&self, report: &Report) -> Result<()> {
        let plots = svg::plots(report);
        if let Some(directory) = &self.svg {
            svg::write(&plots, directory)?;
        }
        let Some(file) = &self.markdown else {
            return Ok(());
        };
        let page = Page {
            report,
            command: command(env::args().skip(1)),
            plots: self.svg.as_deref().map(|directory| (&*plots, directory)),
        };
        page.write(file)
    }
}

/// What was typed, for a shell, without what makes no difference to the figures.
fn command(arguments: impl Iterator<Item = String>) -> String {
    let mut is_value = false;
    let arguments = arguments.filter(|it| {
        let has_value = ["--json", "--compare", "--from"].contains(&it.as_str());
        let was_value = mem::replace(&mut is_value, has_value);
        !has_value && !was_value && it != "--gate"
    });
    let is_plain = |it: char| it.is_ascii_alphanumeric() || "-_=+./:,".contains(it);
    let quoted = arguments.map(|it| match it.chars().all(is_plain) && !it.is_empty() {
        true => it,
        false => format!("'{}'", it.replace('\'', "'\\''")),
    });
    let words = ["cargo".to_owned(), "xtask".to_owned()];
    words
        .into_iter()
        .chain(quoted)
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use super::super::synthetic;
    use super::*;

    #[test]
    fn a_report_can_be_shown_again() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        let mut options = Publication {
            svg: Some(path("plots")),
            markdown: Some(path("page.md")),
            from: Some(path("report.json")),
        };
        assert!(options.earlier().is_err());
        let mut report = synthetic::report();
        let write = |report: &Report| {
            fs::write(path("report.json"), serde_json::to_string(report).unwrap()).unwrap();
        };
        write(&report);
        let ids = |report: &Report| {
            report
                .rows
                .iter()
                .map(net_backend::bench::Row::id)
                .collect::<Vec<_>>()
        };
        assert_eq!(ids(&options.earlier().unwrap().unwrap()), ids(&report));
        options.publish(&report).unwrap();
        let page = fs::read_to_string(path("page.md")).unwrap();
        assert!(page.contains("](plots/tcp-throughput.svg)"), "{page}");
        assert!(path("plots/tcp-throughput.svg").exists());
        report.format += 1;
        write(&report);
        let error = options.earlier().unwrap_err();
        assert!(error.to_string().contains("measure again"), "{error:#}");
        options.from = None;
        assert!(options.earlier().unwrap().is_none());
    }

    #[test]
    fn commands_can_be_typed_again() {
        let words = [
            "bench",
            "slirp:?thread=none",
            "--json",
            "/tmp/it",
            "--svg",
            "docs/my plots",
            "",
        ];
        let command = command(words.map(str::to_owned).into_iter());
        assert_eq!(
            command,
            "cargo xtask bench 'slirp:?thread=none' --svg 'docs/my plots' ''"
        );
    }
}
