//! What a page says beside its tables.

use net_backend::bench::{LeftOut, Report, Verdict};

use super::cells::{escape, spread};

/// What the page is, and how to write it again.
pub(super) fn beginning(command: &str) -> String {
    format!("# Benchmarks\n\n{WHAT}\n\n{}", reproduce(command))
}

/// On what it was measured, how, and how it is to be read.
pub(super) fn method(report: &Report) -> String {
    let parts = [
        "## The machine".to_owned(),
        machine(report),
        warnings(report),
        "## How it is measured".to_owned(),
        rounds(report),
        "## How to read the tables".to_owned(),
        READ.to_owned(),
        "## What is not claimed".to_owned(),
        NOT_CLAIMED.to_owned(),
    ];
    let parts: Vec<String> = parts.into_iter().filter(|it| !it.is_empty()).collect();
    parts.join("\n\n")
}

/// What became of goals, and who is not in the tables.
pub(super) fn end(report: &Report) -> Vec<String> {
    let parts = [goals(report), left_out(report)];
    parts.into_iter().flatten().collect()
}

const WHAT: &str = "What a frame, a byte, a connection and a round trip cost through each backend: beside the same work done by hand, beside what the \
                    machine can do at most, and beside other programs and libraries.";

fn reproduce(command: &str) -> String {
    format!(
        "This page, its figures and its plots were written by the command below. What is changed by hand is lost with the next run.\n\n\
         ```sh\n{}\n```\n\n\
         `--setup` installs what is compared (on Debian), `--peers` lets other programs take part, `--quick` is a first look in two minutes instead of a quarter \
         of an hour. `cargo xtask bench 'slirp:' 'tap:'` measures only what is named. `--json FILE` keeps the figures, and `--compare FILE` shows later what changed \
         beyond noise. A VMM measures its own backend with the module `net_backend::bench`. `cargo xtask bench --help` has the rest.",
        command.replace("```", "")
    )
}

fn machine(report: &Report) -> String {
    let machine = &report.machine;
    let mitigations: Vec<String> = machine.mitigations.iter().map(|it| escape(it)).collect();
    let lines = [
        ("CPU", escape(&machine.cpu)),
        ("CPUs", machine.cpus.to_string()),
        ("kernel", escape(&machine.kernel)),
        ("mitigations", mitigations.join("; ")),
        ("other software", escape(&machine.software.join(", "))),
        (
            "load",
            format!(
                "{} before, {} after",
                escape(&machine.load_before),
                escape(&machine.load_after)
            ),
        ),
        (
            "time that other machines took",
            format!("{:.1} %", machine.steal_percent),
        ),
        (
            "a copy of 1514 bytes",
            format!("{} ns", spread(report.copy)),
        ),
        (
            "a system call that does nothing",
            format!("{} ns", spread(report.call)),
        ),
        ("the run took", format!("{:.0} s", machine.seconds)),
    ];
    let lines = lines.map(|(name, value)| format!("- {name}: {value}"));
    lines.join("\n")
}

fn warnings(report: &Report) -> String {
    let warnings = report.warnings();
    let lines = warnings
        .iter()
        .map(|it| format!("> **Warning:** {}.", escape(it)));
    lines.collect::<Vec<_>>().join("\n>\n")
}

fn rounds(report: &Report) -> String {
    let plan = &report.plan;
    let cpus = match plan.cpus {
        1 => "Everything runs on one CPU: what is measured, its peers, and the kernel's part of both. Nothing is told by that of what several CPUs do at a time, \
              and what it costs to wake another one; rows that say so run on more."
            .to_owned(),
        cpus => format!("Everything runs on {cpus} CPUs. Goals are for one, so that none is judged here."),
    };
    let quick = match plan.quick {
        true => " This run was a first look: its runs are shorter than they should be.",
        false => "",
    };
    format!(
        "- All contestants of a row run in each of {} rounds, in another order each time. The first round warms up and does not count.{quick}\n\
         - What counts are quotients of two contestants in the same round. Other work on the machine disturbs both, so that quotients are \
         steady where times are not.\n\
         - {cpus}\n\
         - Single frames are measured in CPU time of the thread that moves them, TCP in time on the wall.\n\
         - What arrives is counted at the far end. What does not is shown as lost.\n\
         - A copy and a system call that are always the same run in each round as a control. Where they vary by more than {:.0} %, the page has a warning.",
        plan.rounds,
        Report::NOISE * 100.0,
    )
}

const READ: &str = "- Figures are medians of the rounds. In brackets are the quartiles: at least half of the rounds were between them.\n\
                    - **Bold** names are this library's, in the words of `net_backend::open`. Those in *italics* are the same work done by hand, or a limit of the machine. \
                    The others are other programs and libraries.\n\
                    - Below the figures are quotients: of costs, where less is better and 1.02 is two percent more than the other; of rates, where more is better and 2.00 is twice the \
                    other.\n\
                    - Behind a quotient may be a goal and what became of it: ★ as good as was hoped for, ✓ reached, ~ missed within the margin that noise is given, ✗ missed.\n\
                    - In plots of quotients, right of 1 is always where this library is better.";

const NOT_CLAIMED: &str = "- No figure is a promise. Another machine has others, and so has this one on another day; only quotients of one run are to be compared.\n\
                           - One CPU for all says how much work something is. It does not show that a peer in a process of its own can run beside the guest.\n\
                           - Times of those who sleep and are woken, in a virtual machine, are for the most part those of its hypervisor.\n\
                           - What a row calls a limit is the machine's own cheapest way to do something like it. A veth and loopback TCP have a second end to pay for, so \
                           that a backend with a guest that does little can be faster.\n\
                           - No virtual machine is started. Exits and interrupts of a guest come on top, for everybody.\n\
                           - Loopback and namespaces lose nothing and are near. A TCP with small windows is slower over a long way than it is here.\n\
                           - Peers are as this machine's packages have them, with the options that the rows say. A newer version may be faster.\n\
                           - Who is left out was not measured, and nothing is said about them.";

/// How many were reached, and those that were not.
fn goals(report: &Report) -> Option<String> {
    let judged = report.rows.iter().flat_map(|row| {
        let comparisons = row.comparisons.iter();
        comparisons.filter_map(move |it| Some((row, it, it.verdict()?)))
    });
    let judged: Vec<_> = judged.collect();
    let is_reached = |it: Verdict| matches!(it, Verdict::Aim | Verdict::Reached);
    let reached = judged.iter().filter(|(.., it)| is_reached(*it)).count();
    let missed = judged.iter().filter(|(.., it)| !is_reached(*it));
    let lines = missed.map(|(row, it, verdict)| {
        let word = match verdict {
            Verdict::Margin => "within the margin",
            _ => "**missed**",
        };
        let asked = it
            .goal
            .map_or(String::new(), |asked| super::cells::goal(asked, it.better));
        let at = it.at.map_or(String::new(), |at| format!(" at {at}"));
        let (id, one, other) = (
            escape(&row.id()),
            escape(&it.contender),
            escape(&it.reference),
        );
        format!(
            "\n- {id}: {one}{at} / {other} is {}, asked for was {asked}: {word}",
            super::cells::compared(it)
        )
    });
    let lines: String = lines.collect();
    let count = judged.len();
    (count > 0).then(|| {
        format!("## Goals\n\n{reached} of {count} goals are reached (`bench/goals.toml`).\n{lines}")
            .trim_end()
            .to_owned()
    })
}

/// Each reason once, with the rows that it is the reason for.
fn left_out(report: &Report) -> Option<String> {
    let mut reasons: Vec<(&LeftOut, Vec<String>)> = Vec::new();
    let general = report.left_out.iter().map(|it| (it, None));
    let in_rows = report.rows.iter();
    let in_rows = in_rows.flat_map(|row| row.left_out.iter().map(|it| (it, Some(row.id()))));
    for (it, row) in general.chain(in_rows) {
        match reasons.iter_mut().find(|(known, _)| *known == it) {
            Some((_, rows)) => rows.extend(row),
            None => reasons.push((it, row.into_iter().collect())),
        }
    }
    let lines = reasons.iter().map(|(it, rows)| {
        let place = match rows.is_empty() {
            true => String::new(),
            false => format!(" ({})", escape(&rows.join(", "))),
        };
        let failed = if it.is_failure {
            ", which should have worked"
        } else {
            ""
        };
        format!("- {}{failed}{place}: {}", escape(&it.what), escape(&it.why))
    });
    let lines: Vec<String> = lines.collect();
    (!lines.is_empty()).then(|| format!("## Left out\n\n{}", lines.join("\n")))
}
