//! TFTP (RFC 1350): files of one directory, and nothing else.

use std::fs;
use std::net::SocketAddr;
use std::time::Duration;

use tempfile::TempDir;

use crate::guest::Guest;
use crate::harness::{Case, Mode, Outcome, Stop, ensure, failed, skipped};
use crate::job::{pattern, same};
use crate::packets::GATEWAY;
use crate::wire::PATIENCE;

pub(super) const CASES: &[Case] = &[
    Case::new("tftp/a-file-is-read-in-blocks", reads),
    Case::new("tftp/what-is-not-there-is-an-error", not_there),
    Case::new("tftp/nothing-outside-of-the-directory-is-read", outside),
    Case::new("tftp/without-directory-nothing-is-read", no_directory),
    Case::new("tftp/files-are-closed-in-the-end", closes),
];

/// Operations, and bytes in a block.
const READ: u8 = 1;
const DATA: u8 = 3;
const ACKNOWLEDGE: u8 = 4;
const ERROR: u8 = 5;
const BLOCK: usize = 512;

fn serve(mode: Mode) -> Outcome<(TempDir, Guest)> {
    let directory = TempDir::new()?;
    let public = directory.path().join("public");
    fs::create_dir(&public)?;
    fs::write(directory.path().join("secret"), "nobody may read this")?;
    let path = public.to_str().ok_or_else(|| failed("an odd directory"))?;
    let guest = Guest::open(mode, &format!("slirp:?tftp={path}"))?;
    Ok((directory, guest))
}

/// The bytes of a file, or the words of an error; `None` when nobody answers in time.
fn read(
    guest: &mut Guest,
    name: &str,
    patience: Duration,
) -> Outcome<Option<Result<Vec<u8>, String>>> {
    let socket = guest.udp(2000)?;
    let server = SocketAddr::new(GATEWAY.into(), 69);
    let question = [&[0, READ][..], name.as_bytes(), b"\0octet\0"].concat();
    guest.send_to(socket, server, &question)?;
    let mut file = Vec::new();
    for number in 1.. {
        let Some((from, answer)) = guest.within(patience, |guest| guest.datagram(socket))? else {
            return Ok(None);
        };
        let (head, block) = answer
            .split_first_chunk::<4>()
            .ok_or_else(|| failed("a short answer"))?;
        let [0, operation, n0, n1] = *head else {
            return Err(failed(format!("{head:?}")));
        };
        if operation == ERROR {
            guest.remove(socket);
            return Ok(Some(Err(String::from_utf8_lossy(block).into_owned())));
        }
        let got = u16::from_be_bytes([n0, n1]);
        ensure!(
            operation == DATA && got == number,
            "operation {operation}, block {got} instead of {number}"
        );
        file.extend_from_slice(block);
        guest.send_to(socket, from, &[0, ACKNOWLEDGE, n0, n1])?;
        if block.len() < BLOCK {
            break;
        }
    }
    guest.remove(socket);
    Ok(Some(Ok(file)))
}

fn answered(answer: Option<Result<Vec<u8>, String>>) -> Result<Result<Vec<u8>, String>, Stop> {
    answer.ok_or_else(|| failed("nobody answers"))
}

fn reads(mode: Mode) -> Outcome {
    let (directory, mut guest) = serve(mode)?;
    for length in [0, 1, 511, 512, 513, 100_000] {
        let contents = pattern(length as u64, length);
        fs::write(directory.path().join("public/file"), &contents)?;
        let file = answered(read(&mut guest, "file", PATIENCE)?)?.map_err(failed)?;
        same("the file", &file, &contents)?;
    }
    Ok(())
}

fn not_there(mode: Mode) -> Outcome {
    let (_directory, mut guest) = serve(mode)?;
    let answer = answered(read(&mut guest, "nowhere", PATIENCE)?)?;
    ensure!(answer.is_err(), "read what is not there: {answer:?}");
    Ok(())
}

fn outside(mode: Mode) -> Outcome {
    let (directory, mut guest) = serve(mode)?;
    fs::write(directory.path().join("public/file"), "this is fine")?;
    for name in ["../secret", "/../secret", "./../secret"] {
        let answer = read(&mut guest, name, Duration::from_secs(1))?;
        let is_refused = !matches!(answer, Some(Ok(_)));
        ensure!(is_refused, "{name} was read: {answer:?}");
    }
    let file = answered(read(&mut guest, "file", PATIENCE)?)?.map_err(failed)?;
    same("the file", &file, b"this is fine")
}

fn no_directory(mode: Mode) -> Outcome {
    let mut guest = Guest::open(mode, "slirp:")?;
    for name in ["file", "/etc/passwd", "etc/passwd"] {
        let answer = read(&mut guest, name, Duration::from_secs(1))?;
        let is_refused = !matches!(answer, Some(Ok(_)));
        ensure!(is_refused, "{name} was read: {answer:?}");
    }
    Ok(())
}

/// Transfers that the guest begins and never ends.
fn closes(mode: Mode) -> Outcome {
    let (directory, mut guest) = serve(mode)?;
    fs::write(directory.path().join("public/large"), pattern(7, 100_000))?;
    let server = SocketAddr::new(GATEWAY.into(), 69);
    for port in 2000..2010 {
        let socket = guest.udp(port)?;
        guest.send_to(socket, server, b"\0\x01large\0octet\0")?;
        let answer = guest.within(PATIENCE, |guest| guest.datagram(socket))?;
        ensure!(answer.is_some(), "nobody answers");
    }
    ensure!(
        open_files(&directory)? == 10,
        "the files are open meanwhile"
    );
    drop(guest);
    ensure!(open_files(&directory)? == 0, "files stay open");
    Ok(())
}

/// How many descriptors of this process are of files in the directory.
fn open_files(directory: &TempDir) -> Outcome<usize> {
    let links = fs::read_dir("/proc/self/fd");
    let links = links.map_err(|error| skipped(format!("/proc/self/fd: {error}")))?;
    let targets = links
        .flatten()
        .filter_map(|link| fs::read_link(link.path()).ok());
    Ok(targets
        .filter(|target| target.starts_with(directory.path()))
        .count())
}
