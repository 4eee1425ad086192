//! What a linked file asks of the system that runs it.

use anyhow::{Context, Result, bail, ensure};
use elf::ElfBytes;
use elf::abi;
use elf::endian::{AnyEndian, EndianParse};
use elf::note::Note;

/// The libraries that a file may need: the C library, with its threads and its mathematics.
const C_LIBRARY: &[&str] = &["libc.so.7", "libm.so.5", "libthr.so.3"];

/// The newest version of functions all of which FreeBSD 13 has: the number behind `FBSD_1.`.
const NEWEST: u32 = 6;

/// Functions of newer versions that FreeBSD 13.2 has: std calls them if they are there.
const NEWER: &[&str] = &["posix_spawn_file_actions_addchdir_np"];

/// What loads programs and their libraries.
const LOADER: &str = "/libexec/ld-elf.so.1";

/// The note by which FreeBSD's kernel knows its own programs, and its type, from `sys/elf_common.h`.
const OWNER: &[u8] = b"FreeBSD";
const ABI_TAG: u64 = 1;

/// What stands in an ELF file about what it needs.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Image {
    /// The program that loads it; `None` for a library.
    pub(super) loader: Option<String>,
    /// The libraries, in the order in which they are loaded.
    pub(super) libraries: Vec<String>,
    /// The functions that it calls in them, each with its version, such as `FBSD_1.0`.
    pub(super) functions: Vec<(String, String)>,
    /// The version of FreeBSD that it was made for, as `__FreeBSD_version`; `None` if it is for another system.
    pub(super) freebsd: Option<u32>,
}

impl Image {
    /// Reads an ELF file.
    ///
    /// # Errors
    ///
    /// If it is not one, or is broken.
    pub(super) fn read(file: &[u8]) -> Result<Self> {
        let elf = ElfBytes::<AnyEndian>::minimal_parse(file)?;
        Ok(Self {
            loader: loader(&elf)?,
            libraries: libraries(&elf)?,
            functions: functions(&elf)?,
            freebsd: freebsd(&elf)?,
        })
    }

    /// Whether a FreeBSD that has nothing but its C library runs it, or loads it if it is a library.
    ///
    /// # Errors
    ///
    /// If not, with the reason.
    pub(super) fn runs_on_bare_freebsd(&self) -> Result<()> {
        let mut others = self.libraries.iter();
        if let Some(name) = others.find(|name| !C_LIBRARY.contains(&name.as_str())) {
            bail!("needs {name}, which is not part of FreeBSD's C library");
        }
        let mut functions = self.functions.iter();
        if let Some((name, version)) = functions.find(|it| !is_known(&it.0, &it.1)) {
            bail!("calls {name} of {version}, which FreeBSD 13.2 may not have");
        }
        let Some(loader) = &self.loader else {
            return Ok(());
        };
        ensure!(loader == LOADER, "is loaded by {loader}, not by {LOADER}");
        ensure!(
            self.freebsd.is_some(),
            "has no note that says that it is for FreeBSD"
        );
        Ok(())
    }
}

fn loader(elf: &ElfBytes<'_, AnyEndian>) -> Result<Option<String>> {
    let mut segments = elf.segments().into_iter().flatten();
    let Some(segment) = segments.find(|segment| segment.p_type == abi::PT_INTERP) else {
        return Ok(None);
    };
    let name = elf.segment_data(&segment)?;
    let name = name.split(|&byte| byte == 0).next().unwrap_or_default();
    Ok(Some(String::from_utf8_lossy(name).into_owned()))
}

fn libraries(elf: &ElfBytes<'_, AnyEndian>) -> Result<Vec<String>> {
    let common = elf.find_common_data()?;
    let dynamic = common.dynamic.context("nothing is linked dynamically")?;
    let names = common
        .dynsyms_strs
        .context("no names for dynamic linking")?;
    let needed = dynamic.iter().filter(|entry| entry.d_tag == abi::DT_NEEDED);
    needed
        .map(|entry| {
            let name = names.get(usize::try_from(entry.d_val())?)?;
            Ok(name.to_owned())
        })
        .collect()
}

fn functions(elf: &ElfBytes<'_, AnyEndian>) -> Result<Vec<(String, String)>> {
    let common = elf.find_common_data()?;
    let (Some(symbols), Some(names)) = (common.dynsyms, common.dynsyms_strs) else {
        return Ok(Vec::new());
    };
    let Some(versions) = elf.symbol_version_table()? else {
        return Ok(Vec::new());
    };
    let mut functions = Vec::new();
    for (index, symbol) in symbols.iter().enumerate() {
        if let Some(version) = versions.get_requirement(index)? {
            let name = names.get(usize::try_from(symbol.st_name)?)?;
            functions.push((name.to_owned(), version.name.to_owned()));
        }
    }
    Ok(functions)
}

/// Whether the C library of FreeBSD 13.2 is known to have that function.
fn is_known(name: &str, version: &str) -> bool {
    let number = version.strip_prefix("FBSD_1.").map(str::parse::<u32>);
    matches!(number, Some(Ok(number)) if number <= NEWEST) || NEWER.contains(&name)
}

fn freebsd(elf: &ElfBytes<'_, AnyEndian>) -> Result<Option<u32>> {
    for segment in elf.segments().into_iter().flatten() {
        if segment.p_type != abi::PT_NOTE {
            continue;
        }
        for note in elf.segment_data_as_notes(&segment)? {
            let Note::Unknown(note) = note else { continue };
            let name = note.name.split(|&byte| byte == 0).next();
            if note.n_type == ABI_TAG && name == Some(OWNER) {
                return Ok(Some(elf.ehdr.endianness.parse_u32_at(&mut 0, note.desc)?));
            }
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use std::{env, fs};

    use super::*;

    fn program(libraries: &[&str]) -> Image {
        Image {
            loader: Some(LOADER.to_owned()),
            libraries: libraries.iter().map(ToString::to_string).collect(),
            functions: Vec::new(),
            freebsd: Some(1_400_097),
        }
    }

    fn reason(image: &Image) -> String {
        image.runs_on_bare_freebsd().unwrap_err().to_string()
    }

    #[test]
    fn the_c_library_is_all_that_may_be_needed() {
        program(&[]).runs_on_bare_freebsd().unwrap();
        let all = program(&["libthr.so.3", "libm.so.5", "libc.so.7"]);
        all.runs_on_bare_freebsd().unwrap();
        for other in [
            "libgcc_s.so.1",
            "libutil.so.9",
            "libexecinfo.so.1",
            "libc.so.6",
        ] {
            let image = program(&["libc.so.7", other]);
            assert!(reason(&image).contains(other), "{}", reason(&image));
        }
    }

    #[test]
    fn functions_of_newer_systems_are_refused() {
        let calls = |name: &str, version: &str| Image {
            functions: vec![(name.to_owned(), version.to_owned())],
            ..program(&["libc.so.7"])
        };
        for version in ["FBSD_1.0", "FBSD_1.6"] {
            calls("open", version).runs_on_bare_freebsd().unwrap();
        }
        let change_directory = calls("posix_spawn_file_actions_addchdir_np", "FBSD_1.7");
        change_directory.runs_on_bare_freebsd().unwrap();
        for version in ["FBSD_1.7", "FBSD_1.10", "FBSD_2.0", "GLIBC_2.34"] {
            let reason = reason(&calls("open", version));
            assert!(
                reason.contains("open") && reason.contains(version),
                "{reason}"
            );
        }
    }

    #[test]
    fn a_program_of_another_system_is_refused() {
        let loader = Some("/lib64/ld-linux-x86-64.so.2".to_owned());
        let image = Image {
            loader,
            ..program(&[])
        };
        assert!(reason(&image).contains("ld-linux"), "{}", reason(&image));
        let image = Image {
            freebsd: None,
            ..program(&[])
        };
        assert!(reason(&image).contains("note"), "{}", reason(&image));
    }

    #[test]
    fn a_library_needs_neither_loader_nor_note() {
        let library = |needed| Image {
            loader: None,
            freebsd: None,
            ..program(&[needed])
        };
        library("libc.so.7").runs_on_bare_freebsd().unwrap();
        assert!(reason(&library("libz.so.6")).contains("libz.so.6"));
    }

    #[test]
    fn what_this_program_needs_is_read_from_its_file() {
        let image = Image::read(&fs::read(env::current_exe().unwrap()).unwrap()).unwrap();
        assert!(image.loader.as_ref().unwrap().contains("ld"), "{image:?}");
        assert!(
            image.libraries.iter().any(|it| it.starts_with("libc.")),
            "{image:?}"
        );
        let mut functions = image.functions.iter();
        assert!(functions.any(|(name, _)| name == "malloc"), "{image:?}");
        assert_eq!(image.freebsd.is_some(), env::consts::OS == "freebsd");
    }

    #[test]
    fn what_is_no_elf_file_is_refused() {
        assert!(Image::read(b"").is_err());
        assert!(Image::read(b"#!/bin/sh\nexit 0\n").is_err());
    }
}
