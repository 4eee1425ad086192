//! What quotients should be, as somebody has written it down.

use serde::Deserialize;

use super::report::{LeftOut, Report};
use super::row::{Better, Compared, Goal, Row};

/// What quotients should be: a list of rules, the first that fits a comparison is its goal.
///
/// It is made for a file of TOML, but deserializes from whatever serde reads:
///
/// ```toml
/// [[goal]]
/// rows = "tap/*"
/// contender = "library"
/// reference = "by hand"
/// at-most = 1.03
/// why = "one system call for a frame, as by hand"
/// ```
///
/// `rows` is for the `SECTION/NAME` of rows; in it and in the names of contestants `*` stands for any text. Either `at-most` or
/// `at-least` is asked for. The other keys are those of [`Rule`]; any other is refused.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Goals {
    /// In the order of the file.
    #[serde(default, rename = "goal")]
    pub rules: Vec<Rule>,
}

/// What some quotients should be.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(try_from = "Entry")]
pub struct Rule {
    /// `SECTION/NAME` of the rows that it is for; `*` stands for any text.
    pub rows: String,
    /// Who is judged; `*` stands for any text.
    pub contender: String,
    /// Beside whom; `*` stands for any text.
    pub reference: String,
    /// Where on a scale the contender takes part; `None` is anywhere.
    pub at: Option<f64>,
    /// What is good: `at-most` asks for less, `at-least` for more.
    pub better: Better,
    /// What is asked for, with `aim` and `margin` of the file; the margin is 0.05 where none is given.
    pub goal: Goal,
    /// Why that can be asked for, in one line.
    pub why: String,
    /// What not every machine has that it is measured with, in words; `None` if it should be measured in every full run.
    pub needs: Option<String>,
}

/// A rule that was used for nothing.
#[derive(Clone, Debug, PartialEq)]
pub struct Unused {
    /// The rule.
    pub rule: Rule,
    /// What it did not find.
    pub why: String,
}

/// A goal that judged nobody in a row, because somebody was left out.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Unjudged {
    /// The rule.
    pub rule: Rule,
    /// `SECTION/NAME` of the row.
    pub row: String,
    /// Who was left out, why, and whether that is a failure.
    pub left_out: LeftOut,
    /// Whether it is who should have been judged, and not whom it should have been compared with.
    pub is_contender: bool,
}

impl Goals {
    /// Gives each comparison of the report the goal that is meant for it. There are none for more than one CPU.
    ///
    /// Returns the rules that were used for nothing though rows of their section were measured, and nothing that was
    /// left out explains it. After a run of everything, these are mistakes.
    pub fn attach(&self, report: &mut Report) -> Vec<Unused> {
        if report.plan.cpus > 1 {
            return Vec::new();
        }
        let mut is_used = vec![false; self.rules.len()];
        for row in &mut report.rows {
            let id = row.id();
            for compared in &mut row.comparisons {
                let rule = self.rules.iter().zip(&mut is_used);
                let mut fitting = rule.filter(|(rule, _)| rule.fits(&id, compared));
                compared.goal = fitting.next().map(|(rule, is_used)| {
                    *is_used = true;
                    rule.goal
                });
            }
        }
        let unused = self.rules.iter().zip(is_used).filter(|it| !it.1);
        let unused = unused.filter_map(|(rule, _)| {
            Some(Unused {
                rule: rule.clone(),
                why: rule.what_is_missing(report)?,
            })
        });
        unused.collect()
    }

    /// The goals that could not be judged, because their contender or their reference was left out.
    #[must_use]
    pub fn unjudged(&self, report: &Report) -> Vec<Unjudged> {
        let mut found = Vec::new();
        for row in &report.rows {
            let id = row.id();
            let rules = || self.rules.iter().filter(|rule| matches(&rule.rows, &id));
            for left_out in row.left_out.iter().chain(&report.left_out) {
                let what = &left_out.what;
                let is_meant =
                    |rule: &Rule| [&rule.contender, &rule.reference].map(|it| matches(it, what));
                found.extend(rules().filter_map(|rule| {
                    let [is_contender, is_reference] = is_meant(rule);
                    (is_contender || is_reference).then(|| Unjudged {
                        rule: rule.clone(),
                        row: id.clone(),
                        left_out: left_out.clone(),
                        is_contender,
                    })
                }));
            }
        }
        found
    }

    /// The rule for a comparison.
    #[must_use]
    pub fn rule(&self, row: &Row, compared: &Compared) -> Option<&Rule> {
        let id = row.id();
        self.rules.iter().find(|rule| rule.fits(&id, compared))
    }
}

impl Rule {
    /// By what part of itself a goal may be missed where its rule says nothing.
    const MARGIN: f64 = 0.05;

    fn fits(&self, id: &str, compared: &Compared) -> bool {
        self.better == compared.better && self.is_for(id, compared)
    }

    fn is_for(&self, id: &str, compared: &Compared) -> bool {
        matches(&self.rows, id)
            && matches(&self.contender, &compared.contender)
            && matches(&self.reference, &compared.reference)
            && (self.at.is_none() || self.at == compared.at)
    }

    /// Why it was used for nothing, where this machine is no excuse.
    fn what_is_missing(&self, report: &Report) -> Option<String> {
        let section = self.rows.split('/').next().unwrap_or_default();
        let mut rows = report.rows.iter();
        if self.needs.is_some() || !rows.any(|row| matches(section, &row.section)) {
            return None;
        }
        let ids = report
            .rows
            .iter()
            .filter(|row| matches(&self.rows, &row.id()));
        let rows: Vec<&Row> = ids.collect();
        let Some(first) = rows.first() else {
            return Some("no row has that name".to_owned());
        };
        let in_rows = rows.iter().flat_map(|row| &row.left_out);
        let is_meant =
            |it: &LeftOut| matches(&self.contender, &it.what) || matches(&self.reference, &it.what);
        if report.left_out.iter().chain(in_rows).any(is_meant) {
            return None;
        }
        let comparisons = rows.iter().flat_map(|row| {
            let id = row.id();
            let here = row.comparisons.iter();
            here.filter(move |it| self.is_for(&id, it))
        });
        let found: Vec<&Compared> = comparisons.collect();
        let is_turned = found.iter().any(|it| it.better != self.better);
        Some(match (found.is_empty(), is_turned, self.better) {
            (true, ..) => format!("nobody is compared like that in {}", first.id()),
            (_, true, Better::Less) => "it asks for at-most where more is better".to_owned(),
            (_, true, Better::More) => "it asks for at-least where less is better".to_owned(),
            _ => "rules before it are for the same comparisons".to_owned(),
        })
    }
}

/// A rule as it is written.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Entry {
    rows: String,
    contender: String,
    reference: String,
    at: Option<f64>,
    at_most: Option<f64>,
    at_least: Option<f64>,
    aim: Option<f64>,
    margin: Option<f64>,
    why: String,
    needs: Option<String>,
}

impl TryFrom<Entry> for Rule {
    type Error = String;

    fn try_from(entry: Entry) -> Result<Self, String> {
        let (better, limit) = match (entry.at_most, entry.at_least) {
            (Some(limit), None) => (Better::Less, limit),
            (None, Some(limit)) => (Better::More, limit),
            _ => return Err("a goal has either `at-most` or `at-least`".to_owned()),
        };
        let margin = entry.margin.unwrap_or(Self::MARGIN);
        let numbers = [Some(limit), entry.aim].into_iter().flatten();
        if numbers.into_iter().any(|it| !it.is_finite() || it <= 0.0) {
            return Err("quotients are above 0".to_owned());
        }
        if !(0.0..1.0).contains(&margin) {
            return Err("`margin` is a part of the goal: 0.1 is ten percent".to_owned());
        }
        let is_beyond = |aim: f64| match better {
            Better::Less => aim <= limit,
            Better::More => aim >= limit,
        };
        if !entry.aim.is_none_or(is_beyond) {
            return Err("`aim` is less than what is asked for".to_owned());
        }
        if !entry.rows.contains('/') {
            return Err("`rows` is SECTION/NAME".to_owned());
        }
        Ok(Self {
            rows: entry.rows,
            contender: entry.contender,
            reference: entry.reference,
            at: entry.at,
            better,
            goal: Goal {
                limit,
                aim: entry.aim,
                margin,
            },
            why: entry.why,
            needs: entry.needs,
        })
    }
}

/// Whether the pattern, where `*` stands for any text, is all of the text.
fn matches(pattern: &str, text: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else {
        return pattern == text;
    };
    let Some(text) = text.strip_prefix(start) else {
        return false;
    };
    let mut ends = text.char_indices().map(|(at, _)| at).chain([text.len()]);
    ends.any(|at| text.get(at..).is_some_and(|text| matches(rest, text)))
}

#[cfg(test)]
mod tests;
