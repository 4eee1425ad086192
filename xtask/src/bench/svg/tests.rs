use std::collections::BTreeSet;

use roxmltree::{Document, Node};

use super::super::synthetic;
use super::words::width;
use super::*;

fn number(node: &Node<'_, '_>, name: &str) -> f64 {
    let value = node.attribute(name).unwrap();
    value.parse().unwrap()
}

fn classes<'a>(node: &Node<'a, '_>) -> Vec<&'a str> {
    let class = node.attribute("class").unwrap_or_default();
    class.split(' ').collect()
}

/// Left, top, right and bottom of everything that an element shows; `None` if it shows nothing.
fn extent(node: &Node<'_, '_>) -> Option<[f64; 4]> {
    let get = |name| number(node, name);
    Some(match node.tag_name().name() {
        "rect" => [
            get("x"),
            get("y"),
            get("x") + get("width"),
            get("y") + get("height"),
        ],
        "circle" => [
            get("cx") - get("r"),
            get("cy") - get("r"),
            get("cx") + get("r"),
            get("cy") + get("r"),
        ],
        "line" => [
            get("x1").min(get("x2")),
            get("y1").min(get("y2")),
            get("x1").max(get("x2")),
            get("y1").max(get("y2")),
        ],
        "polyline" | "polygon" => {
            let pairs = node.attribute("points").unwrap().split(' ');
            let pairs = pairs.map(|pair| pair.split_once(',').unwrap());
            let pairs = pairs.map(|(x, y)| (x.parse::<f64>().unwrap(), y.parse::<f64>().unwrap()));
            pairs.fold(
                [1e9, 1e9, -1e9, -1e9],
                |[left, top, right, bottom], (x, y)| {
                    [left.min(x), top.min(y), right.max(x), bottom.max(y)]
                },
            )
        }
        "text" => {
            let (x, y, size) = (get("x"), get("y"), get("font-size"));
            let width = width(node.text().unwrap(), size);
            let left = match node.attribute("text-anchor").unwrap() {
                "start" => x,
                "middle" => x - width / 2.0,
                _ => x - width,
            };
            [left, y - size, left + width, y + size * 0.3]
        }
        _ => return None,
    })
}

#[test]
fn there_is_a_plot_for_each_kind_of_row() {
    let plots = plots(&synthetic::report());
    let files: Vec<&str> = plots.iter().map(|it| &*it.file).collect();
    let expected = [
        "frames-send.svg",
        "frames-beside-limits.svg",
        "tcp-throughput.svg",
        "tcp-round-trips.svg",
        "tcp-cpu.svg",
        "tcp-round-trip-times.svg",
        "tcp-beside-limits.svg",
        "tcp-beside-peers.svg",
        "idle-round-trip-beside-idle-connections.svg",
        "queues-send-1514-bytes.svg",
        "memory-nic.svg",
        "tap-beside-limits.svg",
    ];
    assert_eq!(files, expected);
    let mut empty = synthetic::report();
    empty.rows.clear();
    assert_eq!(super::plots(&empty), []);
}

#[test]
fn documents_are_well_formed_and_name_everybody() {
    for plot in plots(&synthetic::report()) {
        let document = Document::parse(&plot.svg).unwrap();
        let root = document.root_element();
        let children: Vec<&str> = root.children().map(|it| it.tag_name().name()).collect();
        assert!(
            children.contains(&"title") && children.contains(&"desc"),
            "{children:?}"
        );
        assert!(
            !plot.svg.contains("NaN") && !plot.svg.contains("inf"),
            "{}",
            plot.file
        );
        let style = root.children().find(|it| it.has_tag_name("style")).unwrap();
        let style = style.text().unwrap();
        let colours: Vec<&str> = style.matches("prefers-color-scheme: dark").collect();
        assert_eq!(colours.len(), 1);
    }
    let plots = plots(&synthetic::report());
    let tap = plots.iter().find(|it| it.section == "tap").unwrap();
    let document = Document::parse(&tap.svg).unwrap();
    let texts: Vec<&str> = document.descendants().filter_map(|it| it.text()).collect();
    assert!(
        texts.contains(&"Receive <64> & \"more\" | bytes"),
        "{texts:?}"
    );
}

#[test]
fn nothing_is_outside_and_all_text_can_be_read() {
    for plot in plots(&synthetic::report()) {
        let document = Document::parse(&plot.svg).unwrap();
        let root = document.root_element();
        let (right, bottom) = (number(&root, "width"), number(&root, "height"));
        assert_eq!(
            root.attribute("viewBox").unwrap(),
            format!("0 0 {right} {bottom}")
        );
        let shown = root
            .descendants()
            .filter(|it| !classes(it).contains(&"paper"));
        for node in shown {
            if let Some(extent) = extent(&node) {
                let is_inside = extent[0] >= 0.0 && extent[1] >= 0.0;
                let is_inside = is_inside && extent[2] <= right && extent[3] <= bottom;
                assert!(is_inside, "{}: {node:?} at {extent:?}", plot.file);
            }
            if node.has_tag_name("text") {
                assert!(number(&node, "font-size") >= 12.0);
            }
        }
    }
}

#[test]
fn names_at_lines_do_not_overlap() {
    let mut report = synthetic::report();
    // Everybody costs the same, so that all lines end at the same place.
    let figures = report.rows.iter_mut().flat_map(|row| &mut row.figures);
    figures.for_each(|figure| figure.cost.median = 1000.0);
    let plots = plots(&report);
    let plot = plots
        .iter()
        .find(|it| it.file == "frames-send.svg")
        .unwrap();
    let document = Document::parse(&plot.svg).unwrap();
    let names: BTreeSet<&str> = ["tap:", "memcpy", "tun-rs", "write(2) on a tap"].into();
    let labels = document
        .descendants()
        .filter(|it| it.has_tag_name("text") && it.text().is_some_and(|it| names.contains(it)));
    let mut heights: Vec<f64> = labels.map(|it| number(&it, "y")).collect();
    heights.sort_by(f64::total_cmp);
    assert_eq!(heights.len(), names.len());
    assert!(
        heights.windows(2).all(|it| it[1] - it[0] >= 17.9),
        "{heights:?}"
    );
}

#[test]
fn bars_are_as_long_as_what_they_show() {
    let plots = plots(&synthetic::report());
    let plot = plots
        .iter()
        .find(|it| it.file == "tcp-throughput.svg")
        .unwrap();
    let document = Document::parse(&plot.svg).unwrap();
    let bars = document
        .descendants()
        .filter(|it| classes(it).contains(&"bar"));
    let mut lengths = bars.filter_map(|it| {
        let hint = it.children().find(|it| it.has_tag_name("title"))?;
        let is_bar = hint.text()?.contains(": ") && number(&it, "height") > 13.0;
        is_bar.then(|| (hint.text().unwrap().to_owned(), number(&it, "width")))
    });
    let (first, library) = lengths.next().unwrap();
    assert_eq!(first, "slirp:: 8.89");
    let (limit, length) = lengths.nth(2).unwrap();
    assert_eq!(limit, "loopback TCP: 44.4");
    assert!((length / library - 5.0).abs() < 0.05, "{length} {library}");
}

#[test]
fn the_same_report_makes_the_same_files() {
    let directory = tempfile::tempdir().unwrap();
    let below = directory.path().join("new/pictures");
    let plots = plots(&synthetic::report());
    write(&plots, &below).unwrap();
    assert_eq!(plots, super::plots(&synthetic::report()));
    for plot in &plots {
        assert_eq!(
            fs::read_to_string(below.join(&plot.file)).unwrap(),
            plot.svg
        );
    }
    let error = write(&plots, &below.join("tcp-cpu.svg")).unwrap_err();
    assert!(error.to_string().contains("tcp-cpu.svg"), "{error:#}");
}
