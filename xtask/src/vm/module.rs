//! Kernel modules: what they say of themselves, and which others they need.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use elf::ElfBytes;
use elf::endian::AnyEndian;

/// A module as the kernel takes it.
#[derive(Debug)]
pub(super) struct Module {
    /// Where it was read.
    pub(super) path: PathBuf,
    /// What it says of itself.
    pub(super) info: Info,
    /// The object file, not compressed.
    pub(super) object: Vec<u8>,
}

/// The `.modinfo` section of a module.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Info {
    /// Its name, with `_` where the file's name may have `-`.
    pub(super) name: String,
    /// The kernel that it was built for: a version, then how that kernel is configured.
    pub(super) vermagic: String,
    /// The names of the modules that have to be loaded before.
    pub(super) depends: Vec<String>,
}

/// The modules of a kernel, as depmod(8) lists them in `modules.dep` and `modules.builtin`.
#[derive(Debug, Default)]
pub(super) struct Library {
    root: PathBuf,
    modules: BTreeMap<String, Entry>,
    builtin: BTreeSet<String>,
}

#[derive(Debug)]
struct Entry {
    path: String,
    needs: Vec<String>,
}

impl Module {
    /// Reads a module: `.ko`, or compressed as `.ko.xz`, `.ko.zst` or `.ko.gz`.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, or is no module.
    pub(super) fn load(path: &Path) -> Result<Self> {
        let name = path.display();
        let object = read(path).with_context(|| format!("cannot read {name}"))?;
        let section = modinfo(&object).with_context(|| format!("{name} is no kernel module"))?;
        let mut info = Info::parse(section);
        ensure!(
            !info.vermagic.is_empty(),
            "{name} is no kernel module that can be loaded: it has no vermagic"
        );
        if info.name.is_empty() {
            info.name = name_of(path);
        }
        Ok(Self {
            path: path.to_owned(),
            info,
            object,
        })
    }
}

impl Info {
    /// The version of the kernel that it was built for, as `uname -r` says it.
    pub(super) fn version(&self) -> &str {
        self.vermagic.split(' ').next().unwrap_or_default()
    }

    /// Reads `key=value` strings, each with a zero behind it.
    fn parse(section: &[u8]) -> Self {
        let mut info = Self::default();
        for entry in section.split(|&byte| byte == 0) {
            let entry = String::from_utf8_lossy(entry);
            match entry.split_once('=') {
                Some(("name", name)) => info.name = name.to_owned(),
                Some(("vermagic", vermagic)) => info.vermagic = vermagic.trim().to_owned(),
                Some(("depends", names)) => {
                    let names = names.split(',').filter(|name| !name.is_empty());
                    info.depends = names.map(underscored).collect();
                }
                _ => {}
            }
        }
        info
    }
}

impl Library {
    /// The modules below `root`, which is `/lib/modules/VERSION`; none if there is no such directory.
    ///
    /// # Errors
    ///
    /// If the lists are there and cannot be read.
    pub(super) fn load(root: &Path) -> Result<Self> {
        let list = |name: &str| match fs::read_to_string(root.join(name)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
            other => other.with_context(|| root.join(name).display().to_string()),
        };
        let lists = (list("modules.dep")?, list("modules.builtin")?);
        Ok(Self::parse(root, &lists.0, &lists.1))
    }

    /// The file of the module of that name, and before it those that it needs, in an order in which they can be
    /// loaded; none if it is part of the kernel. `None` if there is no such module.
    pub(super) fn files(&self, name: &str) -> Option<Vec<PathBuf>> {
        let name = underscored(name);
        if self.builtin.contains(&name) {
            return Some(Vec::new());
        }
        let mut order = Vec::new();
        self.visit(&name, &mut BTreeSet::new(), &mut order)?;
        Some(order)
    }

    /// Where it looks.
    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    fn parse(root: &Path, dependencies: &str, builtin: &str) -> Self {
        let modules = dependencies.lines().filter_map(|line| {
            let (path, needs) = line.split_once(':')?;
            let needs = needs.split_whitespace().map(|it| name_of(Path::new(it)));
            let entry = Entry {
                path: path.to_owned(),
                needs: needs.collect(),
            };
            Some((name_of(Path::new(path)), entry))
        });
        Self {
            root: root.to_owned(),
            modules: modules.collect(),
            builtin: builtin.lines().map(|it| name_of(Path::new(it))).collect(),
        }
    }

    fn visit(
        &self,
        name: &str,
        seen: &mut BTreeSet<String>,
        order: &mut Vec<PathBuf>,
    ) -> Option<()> {
        if !seen.insert(name.to_owned()) {
            return Some(());
        }
        let entry = self.modules.get(name)?;
        for need in &entry.needs {
            self.visit(need, seen, order)?;
        }
        order.push(self.root.join(&entry.path));
        Some(())
    }
}

/// The module's name, as the kernel has it: without directory and extensions.
fn name_of(path: &Path) -> String {
    let file = path.file_name().unwrap_or_default().to_string_lossy();
    underscored(file.split('.').next().unwrap_or_default())
}

/// The kernel takes both characters for the same.
fn underscored(name: &str) -> String {
    name.replace('-', "_")
}

fn modinfo(object: &[u8]) -> Result<&[u8]> {
    let object = ElfBytes::<AnyEndian>::minimal_parse(object)?;
    let section = object.section_header_by_name(".modinfo")?;
    let section = section.context("no section .modinfo")?;
    Ok(object.section_data(&section)?.0)
}

fn read(path: &Path) -> Result<Vec<u8>> {
    let extension = path.extension().unwrap_or_default();
    let program = match extension.to_str() {
        Some("xz") => "xz",
        Some("zst") => "zstd",
        Some("gz") => "gzip",
        _ => return Ok(fs::read(path)?),
    };
    let mut command = Command::new(program);
    let output = command.args(["--decompress", "--stdout"]).arg(path);
    let output = output.output();
    let output = output.with_context(|| format!("install {program}, which unpacks it"))?;
    if !output.status.success() {
        let reason = String::from_utf8_lossy(&output.stderr);
        bail!("{program}: {}: {}", output.status, reason.trim());
    }
    Ok(output.stdout)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEPENDENCIES: &str = "\
kernel/drivers/net/veth.ko.xz:
kernel/drivers/net/virtio_net.ko: kernel/drivers/net/net_failover.ko kernel/net/core/failover.ko kernel/virtio/virtio.ko kernel/virtio/virtio-ring.ko
kernel/drivers/net/net_failover.ko: kernel/net/core/failover.ko
kernel/net/core/failover.ko:
kernel/virtio/virtio.ko: kernel/virtio/virtio-ring.ko
kernel/virtio/virtio-ring.ko:
kernel/broken.ko: kernel/absent.ko
";

    fn files(name: &str) -> Option<Vec<String>> {
        let root = Path::new("/m");
        let library = Library::parse(root, DEPENDENCIES, "kernel/net/packet/af-packet.ko\n");
        let names = |files: Vec<PathBuf>| files.iter().map(|it| name_of(it)).collect();
        library.files(name).map(names)
    }

    #[test]
    fn what_a_module_needs_comes_before_it_once() {
        let order = files("virtio-net").unwrap();
        let expected = [
            "failover",
            "net_failover",
            "virtio_ring",
            "virtio",
            "virtio_net",
        ];
        assert_eq!(order, expected);
        assert_eq!(files("veth").unwrap(), ["veth"]);
    }

    #[test]
    fn what_is_part_of_the_kernel_needs_no_file_and_what_is_absent_is_noticed() {
        assert_eq!(files("af_packet"), Some(Vec::new()));
        assert_eq!(files("nothing"), None);
        assert_eq!(files("broken"), None);
    }

    #[test]
    fn a_module_says_what_it_is_called_and_what_it_was_built_for() {
        let section = b"license=GPL\0\0depends=a-b,c\0name=x\0vermagic=6.1.0-56-amd64 SMP mod_unload \0alias=\xff\0";
        let info = Info::parse(section);
        assert_eq!(info.name, "x");
        assert_eq!(info.depends, ["a_b", "c"]);
        assert_eq!(info.vermagic, "6.1.0-56-amd64 SMP mod_unload");
        assert_eq!(info.version(), "6.1.0-56-amd64");
        assert_eq!(Info::parse(b"depends=\0"), Info::default());
    }

    #[test]
    fn what_is_no_module_is_refused_with_its_name() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x.ko");
        let missing = Module::load(&path).unwrap_err();
        assert!(format!("{missing:#}").contains("x.ko: No such file"));
        fs::write(&path, "text").unwrap();
        let text = Module::load(&path).unwrap_err();
        assert!(text.to_string().ends_with("x.ko is no kernel module"));
        let program = Module::load(&std::env::current_exe().unwrap()).unwrap_err();
        assert!(format!("{program:#}").contains("no section .modinfo"));
    }

    #[test]
    fn a_compressed_file_that_is_broken_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x.ko.gz");
        fs::write(&path, "text").unwrap();
        let error = format!("{:#}", Module::load(&path).unwrap_err());
        assert!(
            error.contains("cannot read") && error.contains("gzip"),
            "{error}"
        );
    }
}
