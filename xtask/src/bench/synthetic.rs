//! A report that nobody measured, for tests.

use net_backend::bench::{
    Better, Clock, Compared, Figure, Goal, Latency, LeftOut, Machine, Plan, Report, Role, Row,
    Spread, Unit,
};

/// With a row of each kind.
pub(super) fn report() -> Report {
    let sizes = [64.0, 512.0, 1514.0, 9014.0, 65160.0];
    let mut rows: Vec<Row> = sizes.map(frames).into();
    rows.extend([upload("upload", 0.9), upload("download", 1.1), round_trip()]);
    rows.extend([idle(), queues(), memory(), detail("send 64 bytes", 1.01)]);
    rows.push(detail("receive <64> & \"more\" | bytes", 1.07));
    let mut report = Report::new(machine(), Plan::default(), rows);
    (report.copy, report.call) = (spread(25.0), spread(250.0));
    report.left_out.push(LeftOut {
        what: "netgraph:?bridge=bench0".to_owned(),
        why: "there is no netgraph here".to_owned(),
        is_failure: false,
    });
    report
}

fn machine() -> Machine {
    let machine = serde_json::json!({
        "kernel": "6.18",
        "cpu": "Some CPU",
        "cpus": 2,
        "mitigations": ["spectre_v2: Retpolines"],
        "load_before": "0.10",
        "load_after": "1.00",
        "steal_percent": 0.4,
        "seconds": 61.0,
    });
    serde_json::from_value(machine).unwrap()
}

fn frames(size: f64) -> Row {
    let cost = |each: f64| each + size * 0.02;
    let mut row = row("frames", &format!("send {size} bytes"), Unit::Frame);
    row.at = Some(size);
    row.figures = vec![
        figure("tap:", Role::Library, cost(1400.0)),
        figure("slirp:?thread=none", Role::Library, cost(2400.0)),
        figure("write(2) on a tap", Role::ByHand, cost(1390.0)),
        figure("memcpy", Role::Limit, cost(4.0)),
    ];
    row.comparisons = vec![
        compared("tap:", "write(2) on a tap", Better::Less, 1.01),
        compared("tap:", "memcpy", Better::Less, 280.0),
        compared("tap:", "tun-rs", Better::Less, 0.95),
    ];
    if size < 9000.0 {
        let mut peer = figure("tun-rs", Role::Peer, cost(1500.0));
        peer.lost = 11;
        row.figures.push(peer);
    }
    row
}

fn upload(name: &str, cost: f64) -> Row {
    let mut row = row("tcp", name, Unit::Byte);
    row.clock = Clock::Wall;
    row.figures = vec![
        figure("slirp:", Role::Library, cost),
        figure("slirp:, guest with TSO", Role::Library, cost * 1.1),
        figure("slirp4netns", Role::Peer, cost * 20.0),
        figure("loopback TCP", Role::Limit, cost * 0.2),
    ];
    let mut judged = compared("slirp:", "slirp4netns", Better::More, 21.6);
    judged.goal = Some(Goal {
        limit: 14.0,
        aim: Some(20.0),
        margin: 0.1,
    });
    row.comparisons = vec![
        judged,
        compared("slirp:", "loopback TCP", Better::More, 0.22),
    ];
    row.left_out = vec![LeftOut {
        what: "passt".to_owned(),
        why: "it is not installed".to_owned(),
        is_failure: false,
    }];
    row.remarks = vec!["slirp4netns: something had to be sent again 3 times".to_owned()];
    row
}

fn round_trip() -> Row {
    let mut row = row("tcp", "round trip", Unit::RoundTrip);
    row.clock = Clock::Wall;
    row.figures = [
        ("slirp:", Role::Library, 26_000),
        ("passt", Role::Peer, 67_000),
    ]
    .map(|(name, role, cost)| {
        let mut figure = figure(name, role, f64::from(cost));
        figure.latency = latency(cost);
        figure
    })
    .into();
    row.comparisons = vec![compared("slirp:", "passt", Better::Less, 0.4)];
    row
}

fn idle() -> Row {
    let mut row = row(
        "idle",
        "round trip beside idle connections",
        Unit::RoundTrip,
    );
    row.clock = Clock::Wall;
    for at in [0.0, 1.0, 10.0, 100.0, 1000.0] {
        let contestants = [
            ("slirp:", Role::Library, 0.5),
            ("slirp4netns", Role::Peer, 135.0),
        ];
        row.figures.extend(contestants.map(|(name, role, each)| {
            let mut figure = figure(name, role, 26e3 + each * at);
            figure.at = Some(at);
            figure
        }));
        let mut compared = compared("slirp:", "slirp4netns", Better::Less, 0.9);
        compared.at = Some(at);
        row.comparisons.push(compared);
    }
    row
}

fn queues() -> Row {
    let mut row = row("queues", "send 1514 bytes", Unit::Frame);
    row.clock = Clock::Wall;
    row.figures = [1.0, 2.0, 4.0]
        .map(|at| {
            let mut figure = figure("tap:", Role::Library, 1400.0 / at);
            figure.at = Some(at);
            figure
        })
        .into();
    row
}

fn memory() -> Row {
    let mut row = row("memory", "NIC", Unit::Memory);
    row.clock = Clock::Value;
    row.figures = vec![
        figure("tap:", Role::Library, 70e3),
        figure("slirp4netns", Role::Peer, 2e6),
    ];
    row
}

fn detail(name: &str, quotient: f64) -> Row {
    let mut row = row("tap", name, Unit::Frame);
    row.figures = vec![
        figure("library", Role::Library, 1400.0 * quotient),
        figure("by hand", Role::ByHand, 1400.0),
    ];
    row.comparisons = vec![compared("library", "by hand", Better::Less, quotient)];
    row
}

fn row(section: &str, name: &str, unit: Unit) -> Row {
    Row::new(section, name, unit, Clock::ThisThread)
}

fn figure(contestant: &str, role: Role, cost: f64) -> Figure {
    let mut figure = Figure::new(contestant, role, spread(cost));
    figure.wall = spread(cost * 1.1);
    figure.units = 1000;
    figure
}

/// From the cost to three times as much.
fn latency(cost: u32) -> Option<Latency> {
    let all = (0..1000).map(|it| cost + cost * it / 500);
    Latency::of(&[all.collect()])
}

fn compared(contender: &str, reference: &str, better: Better, value: f64) -> Compared {
    Compared::new(contender, reference, better, spread(value))
}

fn spread(median: f64) -> Spread {
    Spread {
        lower: median * 0.95,
        median,
        upper: median * 1.06,
    }
}
