//! Bytes that are sent over TCP in order to be compared: pseudo-random, so that none can take the place of others.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

/// Bytes in one write and one read.
const CHUNK: usize = 64 * 1024;

/// What the receiver says when all is well.
const RECEIVED: u8 = b'!';

/// For how long nothing may pass; long, because a guest may be slow and the machine busy.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Sends so many bytes, and waits until the receiver has compared them.
///
/// # Errors
///
/// If the connection breaks, is stuck, or the receiver does not confirm.
pub(crate) fn send(mut stream: &TcpStream, seed: u64, bytes: u64) -> Result<()> {
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let (mut pattern, mut chunk) = (Pattern(seed), vec![0; CHUNK]);
    let mut left = bytes;
    while left > 0 {
        pattern.fill(&mut chunk);
        let part = part(&mut chunk, left);
        let written = stream.write_all(part);
        written.with_context(|| {
            format!("sending got stuck, {left} of {bytes} bytes before the end")
        })?;
        left -= part.len() as u64;
    }
    stream.shutdown(Shutdown::Write)?;
    let mut confirmation = [0];
    let read = stream.read(&mut confirmation);
    let read = read.context("the receiver does not say that it has everything")?;
    ensure!(
        read == 1 && confirmation == [RECEIVED],
        "the receiver does not confirm"
    );
    Ok(())
}

/// Receives so many bytes, compares each, and confirms.
///
/// # Errors
///
/// If the connection breaks or is stuck, a byte differs, or there are more or fewer.
pub(crate) fn receive(mut stream: &TcpStream, seed: u64, bytes: u64) -> Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    compare(&mut stream, seed, bytes)?;
    Ok(stream.write_all(&[RECEIVED])?)
}

fn compare(stream: &mut impl Read, seed: u64, bytes: u64) -> Result<()> {
    let (mut pattern, mut expected, mut received) = (Pattern(seed), vec![0; CHUNK], vec![0; CHUNK]);
    let mut left = bytes;
    while left > 0 {
        pattern.fill(&mut expected);
        let (expected, received) = (part(&mut expected, left), part(&mut received, left));
        let place = bytes - left;
        let read = stream.read_exact(received);
        read.with_context(|| {
            format!("of {bytes} bytes no more than {place} arrived, and a piece")
        })?;
        if expected != received {
            let pairs = expected.iter().zip(received.iter());
            let same = pairs.take_while(|(expected, received)| expected == received);
            bail!("byte {} of {bytes} is wrong", place + same.count() as u64);
        }
        left -= received.len() as u64;
    }
    match stream.read(&mut [0]) {
        Ok(0) => Ok(()),
        Ok(_) => bail!("more than {bytes} bytes arrived"),
        Err(error) if error.kind() == ErrorKind::ConnectionReset => Ok(()),
        Err(error) => Err(error).context("no end arrived"),
    }
}

/// The part of a chunk that is still to come.
fn part(chunk: &mut [u8], left: u64) -> &mut [u8] {
    let length = usize::try_from(left).unwrap_or(usize::MAX).min(chunk.len());
    chunk.get_mut(..length).unwrap_or_default()
}

/// The numbers of splitmix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014).
struct Pattern(u64);

impl Pattern {
    fn fill(&mut self, chunk: &mut [u8]) {
        for word in chunk.chunks_exact_mut(8) {
            self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            word.copy_from_slice(&(z ^ (z >> 31)).to_le_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, TcpListener};
    use std::thread;

    use super::*;

    /// More than a chunk, and no multiple of a word.
    const BYTES: u64 = 2 * 64 * 1024 + 13;

    fn bytes(seed: u64) -> Vec<u8> {
        let mut bytes = vec![0; 3 * CHUNK];
        Pattern(seed).fill(&mut bytes);
        bytes.truncate(usize::try_from(BYTES).unwrap());
        bytes
    }

    #[test]
    fn what_is_sent_is_what_is_expected() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let sender = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let receiver = listener.accept().unwrap().0;
        let receiver = thread::spawn(move || receive(&receiver, 7, BYTES));
        send(&sender, 7, BYTES).unwrap();
        receiver.join().unwrap().unwrap();
    }

    #[test]
    fn a_byte_that_differs_is_named() {
        compare(&mut bytes(1).as_slice(), 1, BYTES).unwrap();
        let mut wrong = bytes(1);
        wrong[CHUNK + 5] ^= 0x80;
        let error = compare(&mut wrong.as_slice(), 1, BYTES).unwrap_err();
        assert_eq!(error.to_string(), "byte 65541 of 131085 is wrong");
        let error = compare(&mut bytes(2).as_slice(), 1, BYTES).unwrap_err();
        assert!(error.to_string().starts_with("byte 0 "), "{error}");
    }

    #[test]
    fn missing_and_superfluous_bytes_are_noticed() {
        let mut short = bytes(1);
        short.pop();
        compare(&mut short.as_slice(), 1, BYTES).unwrap_err();
        let mut long = bytes(1);
        long.push(0);
        let error = compare(&mut long.as_slice(), 1, BYTES).unwrap_err();
        assert!(error.to_string().contains("more than"), "{error}");
    }

    #[test]
    fn a_receiver_that_is_content_with_less_is_not_believed() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let sender = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let receiver = listener.accept().unwrap().0;
        let receiver = thread::spawn(move || compare(&mut &receiver, 1, BYTES));
        send(&sender, 1, BYTES).unwrap_err();
        receiver.join().unwrap().unwrap();
    }
}
