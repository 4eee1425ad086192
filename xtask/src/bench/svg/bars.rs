//! Plots of bars.

use net_backend::bench::{Role, Spread};

use super::picture::{LEADING, MARGIN, Picture, Text, WIDTH};
use super::scale::Scale;
use super::style::{self, TEXT};
use super::words::{cut, width};

/// Bars in groups.
#[derive(Clone, Debug)]
pub(super) struct Bars {
    pub(super) title: String,
    /// What is to be known to read it.
    pub(super) explanation: String,
    /// What the numbers are, with their unit.
    pub(super) label: String,
    pub(super) scale: Scale,
    /// Where bars begin.
    pub(super) origin: f64,
    pub(super) groups: Vec<Group>,
}

/// Bars under a heading.
#[derive(Clone, Debug)]
pub(super) struct Group {
    pub(super) heading: String,
    pub(super) bars: Vec<Bar>,
}

/// One bar.
#[derive(Clone, Debug)]
pub(super) struct Bar {
    pub(super) name: String,
    pub(super) role: Role,
    pub(super) value: Spread,
    /// The value, as it is written beside the bar.
    pub(super) number: String,
}

impl Bars {
    /// The document.
    pub(super) fn draw(&self) -> String {
        let mut picture = Picture::new(&self.title, &self.explanation, self.description());
        let roles = self.roles();
        if roles.len() > 1 {
            picture.roles(&roles);
        }
        let all = || self.groups.iter().flat_map(|group| &group.bars);
        let names = all().map(|it| width(&it.name, TEXT)).fold(0.0, f64::max);
        let numbers = all().map(|it| width(&it.number, TEXT)).fold(0.0, f64::max);
        let sides = (
            MARGIN + names.min(NAMES) + 10.0,
            WIDTH - MARGIN - numbers - 14.0,
        );
        let top = picture.top;
        let bottom = top + self.height();
        self.draw_axis(&mut picture, sides, top, bottom);
        self.draw_origin(&mut picture, sides, top, bottom);
        for group in &self.groups {
            picture.top += LEADING + 6.0;
            let heading = Text::new(group.heading.clone()).in_front();
            picture.text(heading, MARGIN, picture.top - 6.0);
            for bar in &group.bars {
                self.draw_bar(&mut picture, sides, bar);
            }
        }
        picture.top = bottom + 2.0 * LEADING + 4.0;
        picture.finish()
    }

    /// What it shows, for those who do not see it.
    pub(super) fn description(&self) -> String {
        let groups = self.groups.iter().map(|group| {
            let bars = group.bars.iter();
            let bars = bars.map(|bar| format!("{} {}", bar.name, bar.number));
            format!("{}: {}", group.heading, bars.collect::<Vec<_>>().join(", "))
        });
        let groups: Vec<String> = groups.collect();
        format!("{}. {}.", self.label, groups.join("; "))
    }

    fn roles(&self) -> Vec<Role> {
        let all = || self.groups.iter().flat_map(|group| &group.bars);
        let roles = [Role::Library, Role::Peer, Role::ByHand, Role::Limit];
        let there = roles.into_iter();
        let there = there.filter(|role| all().any(|bar| bar.role == *role));
        there.collect()
    }

    fn height(&self) -> f64 {
        let groups = self.groups.iter();
        let heights = groups.map(|group| {
            let bars = group.bars.iter().fold(0.0, |sum, _| sum + BAR);
            LEADING + 6.0 + bars
        });
        heights.sum::<f64>() + 6.0
    }

    fn draw_axis(&self, picture: &mut Picture, sides: (f64, f64), top: f64, bottom: f64) {
        for tick in self.scale.ticks() {
            let x = self.across(sides, tick.value);
            picture.line("grid", (x, top), (x, bottom));
            let label = Text::new(tick.label.clone()).quiet().centred();
            picture.text(label, x, bottom + LEADING - 2.0);
        }
        let middle = f64::midpoint(sides.0, sides.1);
        let label = Text::new(self.label.clone()).quiet().centred();
        picture.text(label, middle, bottom + 2.0 * LEADING);
    }

    fn draw_origin(&self, picture: &mut Picture, sides: (f64, f64), top: f64, bottom: f64) {
        let x = self.across(sides, self.origin);
        let class = if self.origin > 0.0 { "one" } else { "axis" };
        picture.line(class, (x, top), (x, bottom));
    }

    fn draw_bar(&self, picture: &mut Picture, sides: (f64, f64), bar: &Bar) {
        let (top, bottom) = (picture.top + 3.0, picture.top + BAR - 3.0);
        let middle = f64::midpoint(top, bottom);
        let name = Text::new(cut(&bar.name, TEXT, NAMES)).at_its_end();
        picture.text(name, sides.0 - 8.0, middle + 4.5);
        let class = format!("bar {}", style::class(bar.role));
        let [origin, end] = [self.origin, bar.value.median].map(|it| self.across(sides, it));
        let hint = format!("{}: {}", bar.name, bar.number);
        picture.bar(&class, (origin, top), (end, bottom), &hint);
        let [low, high] = [bar.value.lower, bar.value.upper].map(|it| self.across(sides, it));
        if high - low > 2.0 {
            picture.line("whisker", (low, middle), (high, middle));
            for x in [low, high] {
                picture.line("whisker", (x, middle - 3.5), (x, middle + 3.5));
            }
        }
        let number = Text::new(bar.number.clone()).at_its_end();
        picture.text(number, WIDTH - MARGIN, middle + 4.5);
        picture.top += BAR;
    }

    fn across(&self, (left, right): (f64, f64), value: f64) -> f64 {
        left + self.scale.place(value) * (right - left)
    }
}

/// Pixels for a bar and what is between it and the next.
const BAR: f64 = 22.0;
/// Pixels for names, at most.
const NAMES: f64 = 400.0;
