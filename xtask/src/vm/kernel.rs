//! The guest's kernel: where it is, which version it is, and the modules that are loaded into it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

use super::module::{Library, Module};

/// Where the boot protocol has its magic number, and then the place of the version, counted from the second sector
/// (Documentation/arch/x86/boot.rst of Linux).
const MAGIC: usize = 0x202;
const VERSION: usize = 0x20e;
const SECTOR: usize = 0x200;

/// Where the modules of each kernel are.
const MODULES: &str = "/lib/modules";

/// A Linux kernel for x86-64.
#[derive(Debug)]
pub(super) struct Kernel {
    /// A bzImage.
    pub(super) image: PathBuf,
    /// The version, as `uname -r` says it.
    pub(super) version: String,
}

/// Modules for one kernel, in an order in which they can be loaded.
#[derive(Debug)]
pub(super) struct Modules {
    /// That of the first one, which the others have to have too.
    vermagic: Option<String>,
    library: Library,
    order: Vec<Module>,
    names: BTreeSet<String>,
}

impl Kernel {
    /// The kernel in a file.
    ///
    /// # Errors
    ///
    /// If it cannot be read, or is none for x86 in the format that distributions install.
    pub(super) fn load(image: &Path) -> Result<Self> {
        let name = image.display();
        let bytes = fs::read(image).with_context(|| format!("cannot read the kernel {name}"))?;
        let version = version(&bytes);
        let version = version.with_context(|| format!("{name} is no Linux bzImage for x86-64"))?;
        Ok(Self {
            image: image.to_owned(),
            version,
        })
    }

    /// Where this system has the kernel of that version, if it has it.
    pub(super) fn find(version: &str) -> Option<PathBuf> {
        let places = [
            format!("/boot/vmlinuz-{version}"),
            format!("/lib/modules/{version}/vmlinuz"),
        ];
        places.map(PathBuf::from).into_iter().find(|it| it.exists())
    }

    /// The latest kernel that this system has with the modules of these names; `None` if it has none.
    pub(super) fn latest(modules: &[&str]) -> Option<Self> {
        let entries = fs::read_dir(MODULES).into_iter().flatten().flatten();
        let mut versions: Vec<String> = entries
            .filter_map(|entry| entry.file_name().into_string().ok())
            .collect();
        versions.sort_by_key(|version| numbers(version));
        let kernels = versions.iter().rev().filter_map(|version| {
            let kernel = Self::load(&Self::find(version)?).ok()?;
            let mut own = kernel.modules().ok()?;
            let has_them = modules.iter().all(|name| own.add_named(name).is_ok());
            has_them.then_some(kernel)
        });
        kernels.into_iter().next()
    }

    /// The modules that come with it. None yet are to be loaded.
    ///
    /// # Errors
    ///
    /// If the list cannot be read.
    pub(super) fn modules(&self) -> Result<Modules> {
        Ok(Modules {
            vermagic: None,
            library: Library::load(&Path::new(MODULES).join(&self.version))?,
            order: Vec::new(),
            names: BTreeSet::new(),
        })
    }

    /// The modules that come with it, which are to fit one from elsewhere. None yet are to be loaded.
    ///
    /// # Errors
    ///
    /// If `module` is for another kernel, or the list of this one's modules cannot be read.
    pub(super) fn modules_beside(&self, module: &Module) -> Result<Modules> {
        let (path, info) = (module.path.display(), &module.info);
        ensure!(
            info.version() == self.version,
            "{path} is for kernel {} (vermagic `{}`), but {} is {}: build it against the headers of {}, or pass \
             the kernel that it is for with --kernel",
            info.version(),
            info.vermagic,
            self.image.display(),
            self.version,
            self.version,
        );
        self.modules()
    }
}

impl Modules {
    /// Adds a module that was read from a file, after those of the kernel that it depends on.
    ///
    /// # Errors
    ///
    /// If it is for another kernel, or one that it depends on is missing.
    pub(super) fn add(&mut self, module: Module) -> Result<()> {
        let path = module.path.display().to_string();
        let vermagic = self
            .vermagic
            .get_or_insert_with(|| module.info.vermagic.clone());
        ensure!(
            module.info.vermagic == *vermagic,
            "{path} does not fit the other modules: its vermagic is `{}`, theirs `{vermagic}`",
            module.info.vermagic,
        );
        if self.names.contains(&module.info.name) {
            return Ok(());
        }
        for name in &module.info.depends {
            self.add_named(name)
                .with_context(|| format!("{path} depends on it"))?;
        }
        self.names.insert(module.info.name.clone());
        self.order.push(module);
        Ok(())
    }

    /// Adds a module of the kernel, after those that it depends on; nothing if it is there, or part of the kernel.
    ///
    /// # Errors
    ///
    /// If there is none of that name.
    pub(super) fn add_named(&mut self, name: &str) -> Result<()> {
        if self.names.contains(name) {
            return Ok(());
        }
        let Some(files) = self.library.files(name) else {
            bail!(
                "no module `{name}` in {}: install the package of this kernel, or pass the module with --module",
                self.library.root().join("modules.dep").display()
            );
        };
        files
            .iter()
            .try_for_each(|file| self.add(Module::load(file)?))
    }

    /// The modules, each after those that it needs.
    pub(super) fn in_order(&self) -> &[Module] {
        &self.order
    }
}

/// The numbers in a version, which order versions: 6.1.0-9 comes before 6.1.0-10.
fn numbers(version: &str) -> Vec<u64> {
    let parts = version.split(|c: char| !c.is_ascii_digit());
    parts.filter_map(|part| part.parse().ok()).collect()
}

fn version(image: &[u8]) -> Option<String> {
    if image.get(MAGIC..)?.get(..4)? != b"HdrS" {
        return None;
    }
    let place = image.get(VERSION..)?.first_chunk::<2>()?;
    let text = image.get(usize::from(u16::from_le_bytes(*place)) + SECTOR..)?;
    let end = text.iter().position(|&byte| byte == b' ' || byte == 0)?;
    let version = text.get(..end)?;
    Some(String::from_utf8_lossy(version).into_owned())
}

#[cfg(test)]
mod tests {
    use super::super::module::Info;
    use super::*;

    fn module(name: &str, vermagic: &str, depends: &[&str]) -> Module {
        let depends = depends.iter().map(|&it| it.to_owned()).collect();
        Module {
            path: PathBuf::from(format!("/{name}.ko")),
            info: Info {
                name: name.to_owned(),
                vermagic: vermagic.to_owned(),
                depends,
            },
            object: Vec::new(),
        }
    }

    fn kernel() -> Kernel {
        Kernel {
            image: PathBuf::from("/boot/vmlinuz"),
            version: "0.0-none".to_owned(),
        }
    }

    #[test]
    fn the_version_stands_where_the_boot_protocol_says() {
        let mut image = vec![0; 0x1000];
        assert_eq!(version(&image), None);
        image[MAGIC..MAGIC + 4].copy_from_slice(b"HdrS");
        image[VERSION..VERSION + 2].copy_from_slice(&0x700_u16.to_le_bytes());
        image[0x900..0x900 + 14].copy_from_slice(b"6.1.0-56 (x) #");
        assert_eq!(version(&image).as_deref(), Some("6.1.0-56"));
        image.truncate(0x908);
        assert_eq!(version(&image), None);
        image[VERSION] = 0xff;
        image[VERSION + 1] = 0xff;
        assert_eq!(version(&image), None);
    }

    #[test]
    fn versions_are_ordered_by_their_numbers() {
        let mut versions = ["6.12.1-amd64", "6.1.0-10-amd64", "6.1.0-9-amd64"];
        versions.sort_by_key(|version| numbers(version));
        assert_eq!(versions[0], "6.1.0-9-amd64");
        assert_eq!(versions[2], "6.12.1-amd64");
    }

    #[test]
    fn a_module_of_another_kernel_is_refused_with_both_versions() {
        let netmap = module("netmap", "0.1-other SMP", &[]);
        let error = kernel().modules_beside(&netmap).unwrap_err().to_string();
        let expected = "/netmap.ko is for kernel 0.1-other (vermagic `0.1-other SMP`), but /boot/vmlinuz is 0.0-none";
        assert!(error.starts_with(expected), "{error}");
    }

    #[test]
    fn modules_are_loaded_once_and_only_if_they_fit_each_other() {
        let netmap = module("netmap", "0.0-none SMP", &[]);
        let mut modules = kernel().modules_beside(&netmap).unwrap();
        modules.add(netmap).unwrap();
        let patched = module("veth", "0.0-none SMP", &["netmap"]);
        modules.add(patched).unwrap();
        // The one from the file is taken.
        modules.add_named("veth").unwrap();
        let order: Vec<&str> = modules
            .in_order()
            .iter()
            .map(|it| it.info.name.as_str())
            .collect();
        assert_eq!(order, ["netmap", "veth"]);
        let error = modules.add(module("x", "0.0-none", &[])).unwrap_err();
        assert!(error.to_string().contains("does not fit"), "{error}");
    }

    #[test]
    fn what_a_module_lacks_is_named_with_the_remedy() {
        let netmap = module("netmap", "0.0-none SMP", &["ptp"]);
        let mut modules = kernel().modules_beside(&netmap).unwrap();
        let error = format!("{:#}", modules.add(netmap).unwrap_err());
        let expected =
            "/netmap.ko depends on it: no module `ptp` in /lib/modules/0.0-none/modules.dep";
        assert!(error.starts_with(expected), "{error}");
        assert!(error.contains("--module"), "{error}");
    }
}
