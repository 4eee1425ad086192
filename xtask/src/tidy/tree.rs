use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// The text files of the workspace, without what is built.
#[derive(Debug)]
pub(super) struct Tree {
    root: PathBuf,
    files: Vec<File>,
}

/// A text file.
#[derive(Debug)]
pub(super) struct File {
    /// Where it is, seen from the root, with `/` between names.
    pub(super) path: String,
    /// What is in it.
    pub(super) text: String,
}

impl Tree {
    /// Reads all files below `root`, but not below `target`.
    ///
    /// # Errors
    ///
    /// If something cannot be read.
    pub(super) fn load(root: &Path, target: &Path) -> Result<Self> {
        let mut files = Vec::new();
        let mut waiting = vec![root.to_owned()];
        while let Some(directory) = waiting.pop() {
            let entries = fs::read_dir(&directory);
            for entry in entries.with_context(|| directory.display().to_string())? {
                let entry = entry?;
                let path = entry.path();
                let kind = entry.file_type()?;
                if kind.is_dir() && path != target && !is_foreign(&path) {
                    waiting.push(path);
                } else if kind.is_file() {
                    files.extend(read(root, &path)?);
                }
            }
        }
        Ok(Self {
            root: root.to_owned(),
            files,
        })
    }

    /// The file at `path`, if it is there.
    pub(super) fn file(&self, path: &str) -> Option<&File> {
        self.files.iter().find(|file| file.path == path)
    }

    /// All files.
    pub(super) fn files(&self) -> impl Iterator<Item = &File> {
        self.files.iter()
    }

    /// The files of that extension.
    pub(super) fn with_extension(&self, extension: &str) -> impl Iterator<Item = &File> {
        let files = self.files.iter();
        files.filter(move |file| {
            Path::new(&file.path)
                .extension()
                .is_some_and(|it| it == extension)
        })
    }

    /// Where the tree is.
    pub(super) fn root(&self) -> &Path {
        &self.root
    }
}

/// Git's own files, and any directory that cargo builds in.
fn is_foreign(directory: &Path) -> bool {
    directory.file_name().is_some_and(|name| name == ".git")
        || directory.join("CACHEDIR.TAG").exists()
}

/// `None` if it is not text.
fn read(root: &Path, path: &Path) -> Result<Option<File>> {
    let bytes = fs::read(path).with_context(|| path.display().to_string())?;
    let relative = path.strip_prefix(root).unwrap_or(path);
    let names: Vec<_> = relative.iter().map(|name| name.to_string_lossy()).collect();
    Ok(String::from_utf8(bytes).ok().map(|text| File {
        path: names.join("/"),
        text,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_file_is_in_the_tree_and_built_files_are_not() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let tree = Tree::load(root, &root.join("src/tidy")).unwrap();
        assert!(tree.file("Cargo.toml").is_some());
        assert!(tree.file("src/tidy/tree.rs").is_none());
        assert!(
            tree.with_extension("rs")
                .any(|file| file.path == "src/tidy.rs")
        );
        assert!(
            tree.with_extension("rs")
                .all(|file| file.path.ends_with(".rs"))
        );
    }
}
