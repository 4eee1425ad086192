//! Reports that `--json` wrote.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use net_backend::bench::Report;
use serde::Deserialize;

/// Reads a report.
///
/// # Errors
///
/// If there is none in the file, or one of another form than this version's.
pub(super) fn read(path: &Path) -> Result<Report> {
    let name = path.display();
    let text = fs::read_to_string(path).with_context(|| {
        format!("{name}: cannot be read; `cargo xtask bench --json FILE` writes such a file")
    })?;
    parse(&text).with_context(|| name.to_string())
}

/// All that reports of any form have.
#[derive(Deserialize)]
struct Form {
    format: u32,
}

fn parse(text: &str) -> Result<Report> {
    let form: Form = match serde_json::from_str(text) {
        Ok(form) => form,
        Err(error) if error.is_data() => {
            bail!("this is no report of `cargo xtask bench --json`: {error}")
        }
        Err(error) => bail!("this is no JSON, or only the beginning of it: {error}; measure again"),
    };
    let (theirs, ours) = (form.format, Report::FORMAT);
    ensure!(
        theirs == ours,
        "this report has form {theirs}, and this version knows form {ours} only; use the version that wrote it, or measure again"
    );
    serde_json::from_str(text)
        .context("this report is damaged, or another version wrote it; measure again")
}

#[cfg(test)]
mod tests {
    use net_backend::bench::{Machine, Plan};

    use super::super::synthetic;
    use super::*;

    fn report() -> Report {
        Report::new(Machine::default(), Plan::default(), Vec::new())
    }

    #[test]
    fn what_was_written_is_read() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("old.json");
        fs::write(&path, serde_json::to_string(&report()).unwrap()).unwrap();
        assert_eq!(read(&path).unwrap(), report());
    }

    #[test]
    fn what_is_not_known_comes_back_as_that() {
        let text = serde_json::to_string(&synthetic::report()).unwrap();
        assert!(text.contains("\"p999\":null"));
        let report = parse(&text).unwrap();
        let figures = report.rows.iter().flat_map(|row| &row.figures);
        let mut latencies = figures.filter_map(|it| it.latency.as_ref());
        assert!(latencies.all(|it| it.p99.is_some() && it.p999.is_none()));
    }

    #[test]
    fn a_bad_file_is_named_with_the_remedy() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("old.json");
        let error = || format!("{:#}", read(&path).unwrap_err());
        let named = |error: &str| error.starts_with(path.to_str().unwrap());
        let missing = error();
        assert!(
            named(&missing) && missing.contains("--json FILE"),
            "{missing}"
        );
        let cut = serde_json::to_string(&report()).unwrap();
        fs::write(&path, &cut[..cut.len() / 2]).unwrap();
        let cut = error();
        assert!(named(&cut) && cut.contains("measure again"), "{cut}");
        fs::write(&path, "{}").unwrap();
        assert!(error().contains("no report"), "{}", error());
        fs::write(&path, r#"{"format": 1, "rows": 3}"#).unwrap();
        assert!(error().contains("damaged"), "{}", error());
    }

    #[test]
    fn another_form_is_refused_whatever_is_in_it() {
        let error = parse(r#"{"format": 99, "tables": []}"#).unwrap_err();
        assert!(error.to_string().contains("form 99"), "{error}");
    }
}
