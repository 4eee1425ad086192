//! The figures as a page, with plots.

mod cells;
mod glance;
mod prose;
mod tables;

use std::fs;
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, Result};
use net_backend::bench::Report;

use super::about::{about, sections, title};
use super::svg::Plot;
use cells::escape;

/// A page of all that was measured.
#[derive(Debug)]
pub(super) struct Page<'a> {
    /// What is shown.
    pub(super) report: &'a Report,
    /// What somebody types to measure it again.
    pub(super) command: String,
    /// The plots, and the directory that they are in, if there are any.
    pub(super) plots: Option<(&'a [Plot], &'a Path)>,
}

impl Page<'_> {
    /// Writes it to a file. Links to plots are from there.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub(super) fn write(&self, file: &Path) -> Result<()> {
        let directory = file.parent().unwrap_or(Path::new(""));
        fs::create_dir_all(directory).with_context(|| directory.display().to_string())?;
        fs::write(file, self.text(file)?).with_context(|| file.display().to_string())
    }

    /// The page, for this place.
    fn text(&self, file: &Path) -> Result<String> {
        let pictures = self.plots.map(|(_, directory)| from(file, directory));
        let pictures = pictures.transpose()?;
        let mut parts = vec![prose::beginning(&self.command)];
        parts.extend(glance::glance(self.report));
        parts.push(prose::method(self.report));
        for (section, rows) in sections(&self.report.rows) {
            parts.push(format!("## {}", escape(title(section))));
            parts.extend(about(section).map(|it| it.text.to_owned()));
            if let (Some((plots, _)), Some(pictures)) = (self.plots, &pictures) {
                let plots = plots.iter().filter(|plot| plot.section == section);
                parts.extend(plots.map(|plot| picture(plot, pictures)));
            }
            parts.extend(tables::tables(&rows));
        }
        parts.extend(prose::end(self.report));
        Ok(parts.join("\n\n") + "\n")
    }
}

fn picture(plot: &Plot, directory: &str) -> String {
    let file = match directory {
        "" => plot.file.clone(),
        directory => format!("{directory}/{}", plot.file),
    };
    // Spaces and brackets would end the link.
    let file = file.replace('%', "%25").replace(' ', "%20");
    let file = file.replace('(', "%28").replace(')', "%29");
    format!("![{}]({file})", escape(&plot.title))
}

/// The way from a file to a directory, with `/` between names.
fn from(file: &Path, directory: &Path) -> Result<String> {
    let page = absolute(file)?;
    let page: Vec<&Path> = page
        .parent()
        .into_iter()
        .flat_map(Path::iter)
        .map(Path::new)
        .collect();
    let pictures = absolute(directory)?;
    let pictures: Vec<&Path> = pictures.iter().map(Path::new).collect();
    let common = page.iter().zip(&pictures);
    let common = common.take_while(|(one, other)| one == other).count();
    let up = page.iter().skip(common).map(|_| "..".to_owned());
    let down = pictures.iter().skip(common);
    let down = down.map(|name| name.to_string_lossy().into_owned());
    Ok(up.chain(down).collect::<Vec<_>>().join("/"))
}

/// The path from the root, without `.` and `..`.
fn absolute(path: &Path) -> Result<PathBuf> {
    let whole = std::path::absolute(path).with_context(|| path.display().to_string())?;
    let mut plain = PathBuf::new();
    for part in whole.components() {
        match part {
            Component::ParentDir => {
                plain.pop();
            }
            Component::CurDir => {}
            part => plain.push(part),
        }
    }
    Ok(plain)
}

#[cfg(test)]
mod tests {
    use super::super::{svg, synthetic};
    use super::*;

    fn page(report: &Report) -> String {
        let plots = svg::plots(report);
        let page = Page {
            report,
            command: "cargo xtask bench --peers".to_owned(),
            plots: Some((&plots, Path::new("docs/pictures of it"))),
        };
        page.text(Path::new("docs/page.md")).unwrap()
    }

    #[test]
    fn a_page_has_every_row_and_every_plot() {
        let report = synthetic::report();
        let page = page(&report);
        for plot in svg::plots(&report) {
            let link = format!("(pictures%20of%20it/{})", plot.file);
            assert!(page.contains(&link), "{link}: {page}");
        }
        let names = report.rows.iter().flat_map(|row| &row.figures);
        for figure in names {
            assert!(
                page.contains(&escape(&figure.contestant)),
                "{}",
                figure.contestant
            );
        }
        for text in [
            "cargo xtask bench --peers",
            "spectre\\_v2: Retpolines",
            "sent again 3 times",
        ] {
            assert!(page.contains(text), "{text}: {page}");
        }
    }

    #[test]
    fn tables_have_as_many_cells_in_every_line() {
        let page = page(&synthetic::report());
        let mut last: Option<usize> = None;
        for line in page.lines() {
            let cells = line.replace("\\|", "").matches('|').count();
            let is_table = line.starts_with('|');
            if let Some(last) = last.filter(|_| is_table) {
                assert_eq!(cells, last, "{line}");
            }
            last = is_table.then_some(cells);
        }
    }

    #[test]
    fn a_page_without_plots_has_no_pictures() {
        let report = synthetic::report();
        let page = Page {
            report: &report,
            command: String::new(),
            plots: None,
        };
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("new/page.md");
        page.write(&file).unwrap();
        let text = fs::read_to_string(file).unwrap();
        assert!(
            text.contains("| slirp4netns |") && !text.contains("!["),
            "{text}"
        );
    }

    #[test]
    fn plots_are_found_from_the_page() {
        let way =
            |file: &str, directory: &str| from(Path::new(file), Path::new(directory)).unwrap();
        assert_eq!(way("docs/benchmarks.md", "docs/benchmarks"), "benchmarks");
        assert_eq!(way("page.md", "."), "");
        assert_eq!(way("a/b/page.md", "a/c/../pictures"), "../pictures");
        assert_eq!(way("/a/page.md", "/b"), "../b");
    }
}
