//! What sections are about, in words for pictures and pages.

use net_backend::bench::Row;

/// What a section is about.
#[derive(Clone, Copy, Debug)]
pub(super) struct About {
    /// A heading.
    pub(super) title: &'static str,
    /// What is done, and what counts.
    pub(super) text: &'static str,
}

/// What the section of this name is about; `None` for one that has only its name.
pub(super) fn about(section: &str) -> Option<About> {
    let (_, title, text) = SECTIONS.iter().find(|(name, ..)| *name == section)?;
    Some(About { title, text })
}

/// The heading of a section, whatever it is.
pub(super) fn title(section: &str) -> &str {
    about(section).map_or(section, |it| it.title)
}

/// The text, with a capital letter at its beginning. Units are left as they are: µ has a capital letter that is an M.
pub(super) fn sentence(text: &str) -> String {
    let mut characters = text.chars();
    match characters.next() {
        Some(first) => format!("{}{}", first.to_ascii_uppercase(), characters.as_str()),
        None => String::new(),
    }
}

/// The backend of one of the library's contestants: `slirp` of `slirp:?thread=none`.
pub(super) fn backend(contestant: &str) -> &str {
    let (scheme, _) = contestant.split_once(':').unwrap_or((contestant, ""));
    scheme
}

/// The name of a row without the place that it has among others: `send, two CPUs` of `send 1514 bytes, two CPUs`.
pub(super) fn family(row: &Row) -> String {
    let is_number = |word: &&str| word.starts_with(|c: char| c.is_ascii_digit());
    let words: Vec<&str> = row.name.split_whitespace().collect();
    let number = words.iter().position(is_number);
    let (Some(_), Some(number @ 1..)) = (row.at, number) else {
        return row.name.clone();
    };
    let (before, rest) = words.split_at(number);
    let before = before.join(" ");
    // The number, and what it counts.
    match rest.iter().position(|word| word.ends_with(',')) {
        Some(end) => format!(
            "{before}, {}",
            rest.get(end + 1..).unwrap_or_default().join(" ")
        ),
        None => before.trim_end_matches([',', ':']).to_owned(),
    }
}

/// Rows in groups, in their order: those that differ only by their place are together.
pub(super) fn families<'a>(rows: &[&'a Row]) -> Vec<Vec<&'a Row>> {
    let mut groups: Vec<Vec<&Row>> = Vec::new();
    for row in rows {
        let is_like = |other: &&Row| {
            let places = (row.at.is_some(), other.at.is_some());
            let alike = (row.unit, row.clock) == (other.unit, other.clock);
            places == (true, true) && alike && family(row) == family(other)
        };
        let mut known = groups.iter_mut();
        match known.find(|group| group.first().is_some_and(is_like)) {
            Some(group) => group.push(row),
            None => groups.push(vec![row]),
        }
    }
    for group in &mut groups {
        let place = |row: &Row| row.at.unwrap_or_default();
        group.sort_by(|one, other| place(one).total_cmp(&place(other)));
    }
    groups
}

/// The sections of these rows, in the order in which they first appear.
pub(super) fn sections(rows: &[Row]) -> Vec<(&str, Vec<&Row>)> {
    let mut sections: Vec<(&str, Vec<&Row>)> = Vec::new();
    for row in rows {
        match sections.iter_mut().find(|(name, _)| *name == row.section) {
            Some((_, known)) => known.push(row),
            None => sections.push((&row.section, vec![row])),
        }
    }
    sections
}

/// Name, heading, and what is done.
const SECTIONS: &[(&str, &str, &str)] = &[
    (
        "frames",
        "Frames one by one",
        "One thread sends bursts of frames of one size through a backend, or receives them. What counts is the CPU time of that \
         thread for each frame that arrives. The kernel's part of a system call is in it, and so is what libslirp does with the frame, in a thread \
         of its own too; what the rest of the machine does is not. Frames are counted where they arrive, and those that do not are lost.",
    ),
    (
        "tcp",
        "TCP of a guest in the process",
        "A guest made of prebuilt segments talks TCP to servers on this machine, through the library or through a peer. It needs no virtual \
         machine, costs next to nothing, and is the same for everybody. The MTU is 1500; a guest with TSO hands over and takes longer segments.",
    ),
    (
        "idle",
        "Beside idle connections",
        "Round trips of one byte over one connection, while others are open and say nothing. Whoever looks at all connections in each turn gets slower with \
         their number.",
    ),
    (
        "udp",
        "UDP",
        "Datagrams sent as fast as the sender can. Those that arrived count; the others are lost.",
    ),
    (
        "kernel",
        "A real kernel's TCP behind user-mode networks",
        "The guest is a network namespace with a tap, so that the TCP is that of the Linux kernel. The tap is joined to the user-mode network by a \
         thread of this program, or by the peer itself.",
    ),
    (
        "cables",
        "Two kernels joined by a program",
        "Two network namespaces have a tap each, and a program carries frames from one to the other. This is what a VMM does \
         with a tap, without the VM.",
    ),
    (
        "queues",
        "Several queues at a time",
        "One thread for each pair of queues, on all CPUs of the machine. What counts is the time on the wall for a frame, of all threads together.",
    ),
    (
        "memory",
        "Memory",
        "Private memory of the process for each NIC and for each TCP connection. Memory of the kernel is not counted.",
    ),
    (
        "tap",
        "The library's own part in tap",
        "The library, and a bare loop of the same system calls on the same descriptor, in turns.",
    ),
    (
        "virtqueue",
        "A virtio-net device's own part",
        "Frames between a driver's virtqueue and a tap, through the device that the vhost-user daemon has, and the same tap by itself with the same memory, in \
         turns.",
    ),
    (
        "netgraph",
        "The library's own part in netgraph",
        "The data path of the backend on sockets of this machine, and a bare loop of the same system calls, in turns.",
    ),
    (
        "netmap",
        "The library's own part in netmap",
        "The data path of the backend on rings in memory, and a bare loop over the same rings, in turns. There is no kernel below it.",
    ),
];

#[cfg(test)]
mod tests {
    use super::super::synthetic;
    use super::*;

    #[test]
    fn rows_that_differ_by_size_are_a_family() {
        let report = synthetic::report();
        let sections = sections(&report.rows);
        let names: Vec<&str> = sections.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, ["frames", "tcp", "idle", "queues", "memory", "tap"]);
        let (_, frames) = &sections[0];
        let families = families(frames);
        let sizes: Vec<f64> = families[0].iter().filter_map(|row| row.at).collect();
        assert_eq!(sizes, [64.0, 512.0, 1514.0, 9014.0, 65160.0]);
        assert_eq!(family(families[0][0]), "send");
        let (_, tcp) = &sections[1];
        assert_eq!(family(tcp[0]), "upload");
        let mut parallel = frames[0].clone();
        parallel.name = "send 64 bytes, two CPUs".to_owned();
        assert_eq!(family(&parallel), "send, two CPUs");
    }

    #[test]
    fn unknown_sections_have_their_name() {
        assert_eq!(title("tap"), "The library's own part in tap");
        assert_eq!(title("else"), "else");
        assert_eq!(
            ["slirp:?a=b:c", "library"].map(backend),
            ["slirp", "library"]
        );
        assert_eq!(["", "ab c", "µs"].map(sentence), ["", "Ab c", "µs"]);
    }
}
