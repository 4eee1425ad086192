//! A guest in QEMU: started, listened to, and ended when it does not end by itself.

use std::fs::{self, OpenOptions};
use std::io::{self, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::ValueEnum;

use super::console;
use super::plan::{FAILURE, FINISHED, IMPOSSIBLE, SUCCESS};

/// QEMU for x86-64.
pub(super) const PROGRAM: &str = "qemu-system-x86_64";

/// What the guest calls the port whose output is shown. The kernel has the first one for itself: its lines do not get
/// mixed with those of programs.
pub(super) const OUTPUT: &str = "/dev/ttyS1";

const KVM: &str = "/dev/kvm";

/// What the kernel is told: to speak on the first serial port, and to end when something is badly wrong. A
/// timer that comes too late when it is tried, since this machine is busy, is not.
const KERNEL: &str = "console=ttyS0 oops=panic panic=1 no_timer_check";

/// Tests of threads need two.
pub(super) const PROCESSORS: &str = "2";

/// How a guest's instructions are run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Accelerator {
    /// KVM where it works, otherwise TCG.
    Auto,
    /// By the processor.
    Kvm,
    /// By QEMU's translator.
    Tcg,
}

/// A machine whose first program ends as [`plan`](super::plan) says.
#[derive(Debug)]
pub(super) struct Machine<'a> {
    /// A bzImage.
    pub(super) kernel: &'a Path,
    /// The archive with the first program.
    pub(super) initramfs: &'a Path,
    /// The file that gets what the kernel says.
    pub(super) console: &'a Path,
    /// In MiB.
    pub(super) memory: u32,
    /// How to run it.
    pub(super) accelerator: Accelerator,
    /// For how long its programs may write nothing.
    pub(super) silence: Duration,
}

impl Machine<'_> {
    /// Runs it to its end, and shows what its programs write.
    ///
    /// # Errors
    ///
    /// If it cannot be started, its programs fail, it ends early or says nothing for too long, or its kernel complains.
    pub(super) fn run(&self) -> Result<()> {
        let accelerator = self.accelerator.decide()?;
        let mut guest = Guest::start(&mut self.command(accelerator))?;
        let (output, end) = guest.listen(self.silence)?;
        let console = fs::read(self.console).unwrap_or_default();
        let console = String::from_utf8_lossy(&console);
        judge(end, &String::from_utf8_lossy(&output), &console)
    }

    fn command(&self, accelerator: Accelerator) -> Command {
        let (name, processor) = accelerator.names();
        let mut command = Command::new(PROGRAM);
        command
            .args(["-nodefaults", "-no-user-config", "-no-reboot"])
            .args(["-display", "none", "-machine", "q35"])
            .args(["-accel", name, "-cpu", processor, "-smp", PROCESSORS])
            .args(["-m", &self.memory.to_string()])
            .arg("-kernel")
            .arg(self.kernel)
            .arg("-initrd")
            .arg(self.initramfs)
            .args(["-append", KERNEL])
            .args(["-chardev", &file("console", self.console)])
            .args(["-serial", "chardev:console"])
            .args(["-chardev", "stdio,id=output"])
            .args(["-serial", "chardev:output"]);
        command
    }
}

impl Accelerator {
    /// What QEMU calls it, and the processor that goes with it.
    pub(super) fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Kvm => ("kvm", "host"),
            Self::Auto | Self::Tcg => ("tcg", "max"),
        }
    }

    /// Says what [`Self::Auto`] is on this machine.
    ///
    /// # Errors
    ///
    /// If [`Self::Kvm`] cannot be had.
    pub(super) fn decide(self) -> Result<Self> {
        let kvm = OpenOptions::new().read(true).write(true).open(KVM);
        match self {
            Self::Tcg => Ok(Self::Tcg),
            Self::Kvm => {
                kvm.with_context(|| format!("--accel kvm: {KVM} (or use --accel tcg)"))?;
                Ok(Self::Kvm)
            }
            Self::Auto => {
                let processor = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
                let why = match kvm {
                    Err(error) => format!("{KVM}: {error}"),
                    // A KVM that does without such a processor runs only kernels that are made for it.
                    Ok(_) if !virtualizes(&processor) => {
                        "the processor has neither VMX nor SVM".to_owned()
                    }
                    Ok(_) => return Ok(Self::Kvm),
                };
                println!("no KVM ({why}): the guest runs in QEMU's translator");
                Ok(Self::Tcg)
            }
        }
    }
}

/// How a guest stopped talking.
#[derive(Clone, Copy, Debug)]
enum End {
    /// QEMU ended.
    Over(ExitStatus),
    /// Its programs wrote nothing for so long.
    Silent(Duration),
}

/// QEMU while it runs. It does not outlive this.
struct Guest {
    qemu: Child,
    output: Receiver<Vec<u8>>,
}

impl Guest {
    fn start(command: &mut Command) -> Result<Self> {
        let mut qemu = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {PROGRAM}"))?;
        let output = qemu.stdout.take().context("QEMU without output")?;
        let (sender, receiver) = mpsc::channel();
        thread::spawn(move || pass_on(output, &sender));
        Ok(Self {
            qemu,
            output: receiver,
        })
    }

    /// Shows what the guest writes, until it ends or is silent for too long, and returns all of it.
    fn listen(&mut self, silence: Duration) -> Result<(Vec<u8>, End)> {
        let mut all = Vec::new();
        loop {
            match self.output.recv_timeout(silence) {
                Ok(part) => {
                    // Whoever reads may have read enough.
                    let mut stdout = io::stdout().lock();
                    let _reader_left = stdout.write_all(&part).and_then(|()| stdout.flush());
                    all.extend(part);
                }
                Err(RecvTimeoutError::Timeout) => return Ok((all, End::Silent(silence))),
                Err(RecvTimeoutError::Disconnected) => {
                    return Ok((all, End::Over(self.qemu.wait()?)));
                }
            }
        }
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        // It may have ended already.
        let _ended = self.qemu.kill();
        let _status = self.qemu.wait();
    }
}

fn pass_on(mut output: ChildStdout, into: &mpsc::Sender<Vec<u8>>) {
    let mut buffer = [0; 4096];
    while let Ok(length @ 1..) = output.read(&mut buffer) {
        let part = buffer.get(..length).unwrap_or_default();
        if into.send(part.to_vec()).is_err() {
            return;
        }
    }
}

/// A character device of QEMU that writes to a file.
pub(super) fn file(id: &str, path: &Path) -> String {
    let path = name(path);
    format!("file,id={id},path={path}")
}

/// A file's name among options of QEMU, which a comma would end.
pub(super) fn name(path: &Path) -> String {
    path.to_string_lossy().replace(',', ",,")
}

fn virtualizes(processor: &str) -> bool {
    let flags = processor.lines().find(|line| line.starts_with("flags"));
    let mut flags = flags.unwrap_or_default().split_whitespace();
    flags.any(|flag| flag == "vmx" || flag == "svm")
}

/// What is to be said of a guest that wrote `output` and whose kernel wrote `console`.
fn judge(end: End, output: &str, console: &str) -> Result<()> {
    if let Some(complaint) = console::complaint(console) {
        bail!("the guest's kernel complains:\n{complaint}");
    }
    let statuses = output.lines().rev();
    let status = statuses.filter_map(|line| line.strip_prefix(FINISHED));
    let fault = match (status.map(str::trim).next(), end) {
        (Some(SUCCESS), _) => return Ok(()),
        (Some(FAILURE), _) => bail!("programs failed in the guest"),
        (Some(IMPOSSIBLE), _) => "the guest could not be made ready".to_owned(),
        (_, End::Over(status)) => {
            format!("the guest ended before its programs did (QEMU: {status})")
        }
        (_, End::Silent(duration)) => {
            let seconds = duration.as_secs();
            format!(
                "the guest's programs wrote nothing for {seconds} s (--silence), and were ended"
            )
        }
    };
    if console.trim().is_empty() {
        bail!(
            "{fault}, and its kernel said nothing; if that is KVM's fault, `--accel tcg` does without"
        );
    }
    let tail = console::tail(console);
    bail!("{fault}; its kernel's last lines:\n{tail}")
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;
    use std::time::Instant;

    use super::*;

    fn over() -> End {
        End::Over(ExitStatus::from_raw(0))
    }

    #[test]
    fn a_guest_does_well_only_if_it_says_so_and_its_kernel_says_nothing() {
        judge(
            over(),
            "test a ... ok\nvm-init: exit status 0\n",
            "[ 0.1] fine",
        )
        .unwrap();
        let message =
            |end, output: &str, console: &str| judge(end, output, console).unwrap_err().to_string();
        let failed = message(over(), "vm-init: exit status 1\n", "");
        assert_eq!(failed, "programs failed in the guest");
        let unready = message(
            over(),
            "vm-init: exit status 2\n",
            "[ 0.1] x: Unknown symbol y",
        );
        assert!(
            unready.contains("made ready") && unready.ends_with("symbol y"),
            "{unready}"
        );
        let early = message(over(), "test a ... ", "[ 0.1] fine");
        assert!(
            early.contains("before its programs did") && early.ends_with("[ 0.1] fine"),
            "{early}"
        );
        let mute = message(over(), "", "\n");
        assert!(mute.contains("--accel tcg"), "{mute}");
        let silent = message(End::Silent(Duration::from_secs(9)), "", "[ 0.1] stuck");
        assert!(
            silent.contains("for 9 s") && silent.ends_with("[ 0.1] stuck"),
            "{silent}"
        );
        let warned = message(over(), "vm-init: exit status 0\n", "[ 0.1] WARNING: CPU: 0");
        assert!(warned.contains("complains"), "{warned}");
    }

    #[test]
    fn a_guest_that_is_silent_is_ended() {
        let mut sleeper = Command::new("sh");
        sleeper.args(["-c", "echo begin; exec sleep 1000"]);
        let start = Instant::now();
        let mut guest = Guest::start(&mut sleeper).unwrap();
        let (output, end) = guest.listen(Duration::from_millis(200)).unwrap();
        drop(guest);
        assert_eq!(output, b"begin\n");
        assert!(matches!(end, End::Silent(_)));
        assert!(start.elapsed() < Duration::from_secs(500));
    }

    #[test]
    fn all_that_a_guest_writes_is_heard() {
        let mut writer = Command::new("sh");
        writer.args(["-c", "echo one; echo two; exit 3"]);
        let mut guest = Guest::start(&mut writer).unwrap();
        let (output, end) = guest.listen(Duration::from_secs(100)).unwrap();
        assert_eq!(output, b"one\ntwo\n");
        assert!(matches!(end, End::Over(status) if status.code() == Some(3)));
    }

    #[test]
    fn kvm_is_taken_where_the_processor_supports_it() {
        assert!(virtualizes("model name\t: x\nflags\t\t: fpu svm sse\n"));
        assert!(!virtualizes("vendor\t: svm\nflags\t\t: fpu svm_lock sse\n"));
        assert_eq!(Accelerator::Tcg.decide().unwrap(), Accelerator::Tcg);
    }

    #[test]
    fn a_comma_in_a_name_stays_part_of_it() {
        assert_eq!(file("a", Path::new("/x,y")), "file,id=a,path=/x,,y");
    }
}
