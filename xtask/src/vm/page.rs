//! A page by HTTP/1.0 (RFC 1945): served, and fetched.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Result, bail};

/// Serves a page to a client, which may keep silent for so long.
///
/// # Errors
///
/// If it does not ask, or goes away.
pub(crate) fn serve(mut stream: &TcpStream, patience: Duration, text: &str) -> Result<()> {
    stream.set_read_timeout(Some(patience))?;
    read_until(&mut stream, |request| request.ends_with(b"\r\n\r\n"))?;
    let length = text.len();
    let answer = format!("HTTP/1.0 200 OK\r\nContent-Length: {length}\r\n\r\n{text}");
    Ok(stream.write_all(answer.as_bytes())?)
}

/// Fetches the page of a server, which may keep silent for so long; its content.
///
/// # Errors
///
/// If it does not come.
pub(crate) fn fetch(mut stream: &TcpStream, patience: Duration) -> Result<String> {
    stream.set_read_timeout(Some(patience))?;
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n")?;
    let answer = read_until(&mut stream, |_| false)?;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    match answer.split_once("\r\n\r\n") {
        Some((head, content)) if head.contains(" 200 ") => Ok(content.to_owned()),
        _ => bail!("no page, but {answer:?}"),
    }
}

fn read_until(stream: &mut impl Read, is_all: impl Fn(&[u8]) -> bool) -> Result<Vec<u8>> {
    let (mut all, mut chunk) = (Vec::new(), [0; 1024]);
    while !is_all(&all) {
        match stream.read(&mut chunk)? {
            0 => break,
            length => all.extend_from_slice(chunk.get(..length).unwrap_or_default()),
        }
    }
    Ok(all)
}
