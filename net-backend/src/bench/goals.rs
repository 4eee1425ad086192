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
mod tests {
    use super::super::case::Role;
    use super::super::text::samples::{figure, report, row};
    use super::*;

    fn rule(rows: &str, contender: &str, reference: &str, limit: f64) -> Rule {
        Rule {
            rows: rows.to_owned(),
            contender: contender.to_owned(),
            reference: reference.to_owned(),
            at: None,
            better: Better::Less,
            goal: Goal {
                limit,
                aim: None,
                margin: 0.05,
            },
            why: String::new(),
            needs: None,
        }
    }

    fn measured() -> Report {
        let figures = vec![
            figure("library", Role::Library, 1.1),
            figure("by hand", Role::ByHand, 1.0),
        ];
        report(vec![
            row("tap/send 64 bytes", figures.clone()),
            row("tap/receive 64 bytes", figures),
        ])
    }

    #[test]
    fn stars_stand_for_any_text() {
        let yes = [
            ("tap/*", "tap/send"),
            ("*", ""),
            ("a*b*c", "a-b-b-c"),
            ("*µ", "1 µ"),
            ("tap", "tap"),
        ];
        assert!(yes.iter().all(|(pattern, text)| matches(pattern, text)));
        let no = [
            ("tap/*", "tcp/send"),
            ("a*b", "a-b-c"),
            ("tap", "taps"),
            ("", "x"),
        ];
        assert!(!no.iter().any(|(pattern, text)| matches(pattern, text)));
    }

    #[test]
    fn the_first_rule_that_fits_is_the_goal() {
        let goals = Goals {
            rules: vec![
                rule("tap/send*", "library", "by *", 1.2),
                rule("tap/*", "lib*", "by hand", 1.0),
            ],
        };
        let mut report = measured();
        assert_eq!(goals.attach(&mut report), []);
        let limits = report
            .rows
            .iter()
            .map(|row| row.comparisons[0].goal.unwrap().limit);
        assert_eq!(limits.collect::<Vec<_>>(), [1.2, 1.0]);
        let row = &report.rows[0];
        assert_eq!(goals.rule(row, &row.comparisons[0]), goals.rules.first());
    }

    #[test]
    fn goals_are_for_one_cpu() {
        let rules = vec![rule("tap/*", "library", "by hand", 1.2)];
        let mut report = measured();
        report.plan.cpus = 2;
        assert_eq!(Goals { rules }.attach(&mut report), []);
        assert_eq!(report.rows[0].comparisons[0].goal, None);
    }

    #[test]
    fn a_rule_for_nothing_is_told_of_where_the_machine_is_no_excuse() {
        let why = |rule: Rule| {
            let mut report = measured();
            let left_out = LeftOut {
                what: "passt".to_owned(),
                why: "it is not installed".to_owned(),
                is_failure: false,
            };
            report.rows[0].left_out.push(left_out);
            let rules = vec![rule];
            let unused = Goals { rules }.attach(&mut report);
            unused.into_iter().map(|it| it.why).next()
        };
        let missing = why(rule("tap/snd*", "library", "by hand", 1.0)).unwrap();
        assert_eq!(missing, "no row has that name");
        let missing = why(rule("tap/*", "library", "by hnd", 1.0)).unwrap();
        assert!(missing.contains("in tap/send 64 bytes") || missing.contains("nobody"));
        let mut turned = rule("tap/*", "library", "by hand", 1.0);
        turned.better = Better::More;
        assert!(why(turned).unwrap().contains("at-least where less"));
        assert_eq!(why(rule("tap/*", "library", "passt", 1.0)), None);
        assert_eq!(why(rule("netmap/*", "library", "by hand", 1.0)), None);
        let mut rare = rule("tap/snd*", "library", "by hand", 1.0);
        rare.needs = Some("another kernel".to_owned());
        assert_eq!(why(rare), None);
    }

    #[test]
    fn what_means_nothing_is_refused() {
        let entry = |at_most, at_least, aim, margin| Entry {
            rows: "tap/*".to_owned(),
            contender: String::new(),
            reference: String::new(),
            at: None,
            at_most,
            at_least,
            aim,
            margin,
            why: String::new(),
            needs: None,
        };
        let good = Rule::try_from(entry(None, Some(2.0), Some(3.0), None)).unwrap();
        assert_eq!((good.better, good.goal.margin), (Better::More, 0.05));
        let bad = [
            entry(None, None, None, None),
            entry(Some(1.0), Some(1.0), None, None),
            entry(Some(1.0), None, Some(1.1), None),
            entry(None, Some(1.0), Some(0.9), None),
            entry(Some(0.0), None, None, None),
            entry(Some(1.0), None, None, Some(5.0)),
        ];
        assert!(bad.into_iter().all(|it| Rule::try_from(it).is_err()));
    }
}
