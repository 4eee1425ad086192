//! What the kernel of a guest said on its console.

/// What stands at the beginning of a line in which the kernel complains.
const BEGINNINGS: &[&str] = &[
    "BUG:",
    "INFO: task",
    "Initramfs unpacking failed",
    "Internal error:",
    "Kernel panic",
    "Oops:",
    "Out of memory:",
    "UBSAN:",
    "WARNING:",
    "divide error:",
    "double fault:",
    "general protection fault",
    "invalid opcode:",
    "kernel BUG at",
    "list_add corruption",
    "list_del corruption",
    "rcu: INFO:",
    "refcount_t:",
    "stack segment:",
    "unregister_netdevice: waiting",
    "watchdog: BUG:",
];

/// What stands somewhere in lines around such complaints.
const PARTS: &[&str] = &["[ cut here ]", "Call Trace:", "detected stall"];

/// How much of the console is shown.
const TAIL: usize = 40;

/// The part of a console that shows what the kernel complains about: the first complaint, and what follows. `None`
/// if there is nothing to complain about.
pub(super) fn complaint(console: &str) -> Option<String> {
    let lines: Vec<&str> = console.lines().collect();
    let first = lines.iter().position(|line| complains(line))?;
    let shown = lines.iter().skip(first).take(TAIL);
    Some(shown.copied().collect::<Vec<_>>().join("\n"))
}

/// The last lines of a console.
pub(super) fn tail(console: &str) -> String {
    let lines: Vec<&str> = console.lines().collect();
    let from = lines.len().saturating_sub(TAIL);
    lines.get(from..).unwrap_or_default().join("\n")
}

fn complains(line: &str) -> bool {
    let text = message(line);
    let begins = BEGINNINGS.iter().any(|it| text.starts_with(it));
    begins || PARTS.iter().any(|it| text.contains(it))
}

/// The line without the time, and without the thread or CPU that some kernels add: `[  1.234567][  T1] text`.
fn message(line: &str) -> &str {
    let mut text = line.trim_start();
    while let Some((inside, rest)) = text.strip_prefix('[').and_then(|it| it.split_once(']')) {
        let is_tag = |c: char| c.is_ascii_alphanumeric() || c == '.';
        if !inside.trim().chars().all(is_tag) {
            break;
        }
        text = rest.trim_start();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUIET: &str = "\
[    0.000000] Linux version 6.1.0-56-amd64
[    0.013132] Spectre V2 : WARNING: Unprivileged eBPF is enabled with eIBRS on
[    0.100000] rcu: Hierarchical RCU implementation.
[    0.737921] mtrr: your CPUs had inconsistent fixed MTRR settings
[    1.616159] x86/mm: Checked W+X mappings: passed, no W+X pages found.
[    1.966000] netmap: loading out-of-tree module taints kernel.
[   22.827859] 094.083953 [1118] nm_os_generic_xmit_frame  Warning: dev_queue_xmit() is dropping [2]
[    2.099059] reboot: Restarting system";

    #[test]
    fn an_ordinary_boot_is_no_complaint() {
        assert_eq!(complaint(QUIET), None);
        assert_eq!(complaint(""), None);
    }

    #[test]
    fn complaints_are_found_behind_any_prefix() {
        for line in [
            "[    5.1] WARNING: CPU: 0 PID: 12 at net/core/dev.c:10 f+0x1/0x2",
            "[    5.1][   T12] BUG: kernel NULL pointer dereference, address: 0000000000000000",
            "[    5.123456] ------------[ cut here ]------------",
            "Kernel panic - not syncing: Attempted to kill init! exitcode=0x00000100",
            "[  242.1] INFO: task test:42 blocked for more than 120 seconds.",
            "[   60.0] rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:",
            "[   30.0] watchdog: BUG: soft lockup - CPU#0 stuck for 22s! [test:42]",
            "[   10.0] unregister_netdevice: waiting for v0 to become free. Usage count = 2",
            "[    5.2]  Call Trace:",
        ] {
            let console = format!("{QUIET}\n{line}\n[    9.0] later");
            let expected = format!("{line}\n[    9.0] later");
            assert_eq!(complaint(&console), Some(expected));
        }
    }

    #[test]
    fn of_a_long_console_the_end_is_shown() {
        let console: String = (0..100).map(|line| format!("{line}\n")).collect();
        let tail = tail(&console);
        assert!(tail.starts_with("60\n") && tail.ends_with("\n99"), "{tail}");
        assert_eq!(super::tail("a\nb\n"), "a\nb");
    }
}
