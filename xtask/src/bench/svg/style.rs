//! What pictures look like: two sets of colours, of which the reader's preference chooses.

use net_backend::bench::Role;

/// Sizes of text, in pixels.
pub(super) const TITLE: f64 = 17.0;
/// Everything but the title.
pub(super) const TEXT: f64 = 13.0;

/// How many colours there are for lines.
const COLOURS: usize = 7;

/// Colours that people tell apart who do not see all of them, dark ones for white paper.
const LIGHT: [&str; COLOURS] = [
    "#0067b0", "#d55e00", "#00855f", "#a64d8f", "#8a6a00", "#3b93cf", "#7a4fc9",
];
/// The same, for black paper.
const DARK: [&str; COLOURS] = [
    "#58a6ff", "#ff8c4a", "#2fc79a", "#e58cc6", "#e6b422", "#9ad4ff", "#b79cff",
];

/// The style sheet. Pictures bring their own paper: whoever embeds one may have another preference than the reader.
pub(super) fn sheet() -> String {
    let light = Ink {
        paper: "#ffffff",
        text: "#1f2328",
        quiet: "#59636e",
        grid: "#e3e6ea",
        axis: "#818b98",
        limit: "#6e7781",
        by_hand: "#24292f",
        bars: ["#0067b0", "#c96a1b", "#8c959f", "#3f9c8b"],
        lines: LIGHT,
    };
    let dark = Ink {
        paper: "#0d1117",
        text: "#e6edf3",
        quiet: "#9ba5b0",
        grid: "#262c36",
        axis: "#6e7681",
        limit: "#9198a1",
        by_hand: "#f0f6fc",
        bars: ["#4493e6", "#e0873c", "#768390", "#4fb8a5"],
        lines: DARK,
    };
    let fixed = "text { font-family: system-ui, -apple-system, 'Segoe UI', 'Noto Sans', Helvetica, Arial, sans-serif; }\n\
                 .strong { font-weight: 600; }\n\
                 .front { stroke-width: 4; paint-order: stroke; }\n\
                 .number { font-variant-numeric: tabular-nums; }\n\
                 .grid, .axis, .one, .leader, .whisker { fill: none; stroke-width: 1; }\n\
                 .one { stroke-width: 1.5; }\n\
                 .leader { stroke-dasharray: 1 3; }\n\
                 .whisker { stroke-width: 1.5; }\n\
                 .line { fill: none; stroke-linejoin: round; stroke-width: 2.6; }\n\
                 .line.peer { stroke-width: 1.3; }\n\
                 .line.limit { stroke-width: 1.5; stroke-dasharray: 7 4; }\n\
                 .line.by-hand { stroke-width: 1.5; stroke-dasharray: 2 3; }\n\
                 .range { fill: none; stroke-width: 1; }\n\
                 .mark { stroke-width: 1.5; }\n";
    format!(
        "\n{fixed}{}@media (prefers-color-scheme: dark) {{\n{}}}\n",
        light.rules(),
        dark.rules()
    )
}

/// The classes of a contestant's line: how it is drawn, and its colour.
pub(super) fn line(role: Role, at: usize) -> String {
    match role {
        Role::Limit | Role::ByHand => class(role).to_owned(),
        role => format!("{} c{}", class(role), at % COLOURS),
    }
}

/// The class of a role.
pub(super) fn class(role: Role) -> &'static str {
    match role {
        Role::Library => "library",
        Role::ByHand => "by-hand",
        Role::Limit => "limit",
        _ => "peer",
    }
}

/// What a role is called where colours are explained.
pub(super) fn name(role: Role) -> &'static str {
    match role {
        Role::Library => "this library",
        Role::ByHand => "the same by hand",
        Role::Limit => "limit of the machine",
        _ => "other programs and libraries",
    }
}

/// The shape of the marks on a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    Disc,
    Square,
    Triangle,
    Diamond,
}

impl Mark {
    /// Another one for each of the first lines, so that colour is not all that tells them apart.
    pub(super) fn of(at: usize) -> Self {
        let all = [Self::Disc, Self::Square, Self::Triangle, Self::Diamond];
        let mut all = all.into_iter().cycle();
        all.nth(at % COLOURS).unwrap_or(Self::Disc)
    }
}

/// One set of colours.
struct Ink {
    paper: &'static str,
    text: &'static str,
    quiet: &'static str,
    grid: &'static str,
    axis: &'static str,
    limit: &'static str,
    by_hand: &'static str,
    /// Of the library, peers, limits, and what is done by hand.
    bars: [&'static str; 4],
    lines: [&'static str; COLOURS],
}

impl Ink {
    fn rules(&self) -> String {
        let Self {
            paper,
            text,
            quiet,
            grid,
            axis,
            limit,
            by_hand,
            bars: [library, peer, bar_limit, bar_by_hand],
            lines,
        } = self;
        let mut rules = format!(
            ".paper {{ fill: {paper}; }}\n\
             text {{ fill: {text}; }}\n\
             text.quiet {{ fill: {quiet}; }}\n\
             .front {{ stroke: {paper}; }}\n\
             .grid {{ stroke: {grid}; }}\n\
             .axis, .leader {{ stroke: {axis}; }}\n\
             .one, .whisker {{ stroke: {text}; }}\n\
             .limit {{ stroke: {limit}; }}\n\
             .by-hand {{ stroke: {by_hand}; }}\n\
             .mark.limit {{ fill: {limit}; }}\n\
             .mark.by-hand {{ fill: {by_hand}; }}\n\
             .mark.peer {{ fill: {paper}; }}\n\
             .bar {{ stroke: none; }}\n\
             .bar.library {{ fill: {library}; }}\n\
             .bar.peer {{ fill: {peer}; }}\n\
             .bar.limit {{ fill: {bar_limit}; }}\n\
             .bar.by-hand {{ fill: {bar_by_hand}; }}\n"
        );
        for (at, colour) in lines.iter().enumerate() {
            rules += &format!(
                ".c{at} {{ stroke: {colour}; }}\n.mark.library.c{at} {{ fill: {colour}; }}\n"
            );
        }
        rules
    }
}
