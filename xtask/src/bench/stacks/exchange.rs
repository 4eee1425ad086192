//! Datagrams one way, as many as can be sent, and how many of them arrived. Nothing else tells of a loss, so both sides
//! count, and the host says what it has counted until the client hears it.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use super::message::{Kind, Message};

/// How many are sent, or arrive, before anything else is looked at.
const BURST: u64 = 32;
/// When nothing came for so long, it is asked for again.
const SILENCE: Duration = Duration::from_millis(2);
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(3);

/// A client's UDP flow to the host. Nothing but [`wait`](Self::wait) blocks.
pub(super) trait Exchange {
    /// Sends the datagram that was made beforehand: `false` when there is no room now.
    ///
    /// # Errors
    ///
    /// If the other side is gone; so all of these.
    fn send(&mut self) -> Result<bool>;

    /// Ends a burst.
    fn flush(&mut self) -> Result<()>;

    /// Sends a message, which may be lost.
    fn say(&mut self, message: &Message) -> Result<()>;

    /// Takes one of the things that came, if there is any. If it is a message, `heard` is called with it.
    fn take(&mut self, heard: &mut dyn FnMut(Message)) -> Result<bool>;

    /// Waits for something to come, or for room where there was none.
    fn wait(&mut self, timeout: Duration) -> Result<()>;
}

/// What became of datagrams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::bench) struct Delivery {
    pub(in crate::bench) sent: u64,
    /// Of these.
    pub(in crate::bench) arrived: u64,
}

/// Sends for `duration` as fast as there is room, and waits until the host has counted what it got.
///
/// # Errors
///
/// If it does not answer.
pub(super) fn upload(client: &mut dyn Exchange, run: u32, duration: Duration) -> Result<Delivery> {
    let (start, mut sent) = (Instant::now(), 0);
    while start.elapsed() < duration {
        let before = sent;
        while sent < before + BURST && client.send()? {
            sent += 1;
        }
        client.flush()?;
        if sent < before + BURST {
            client.wait(SILENCE)?;
        }
        // Somebody may want to know an address.
        while client.take(&mut |_| {})? {}
    }
    let end = Message {
        kind: Kind::End,
        run,
        number: 0,
    };
    let arrived = answer(client, &end, &mut |_| None)?;
    Ok(Delivery { sent, arrived })
}

/// Has the host send datagrams of `length` bytes for as long as it does, never more than a few ahead of what was
/// heard of, and counts what comes.
///
/// # Errors
///
/// If it does not answer.
pub(super) fn download(client: &mut dyn Exchange, run: u32, length: usize) -> Result<Delivery> {
    let say = |kind, number| Message { kind, run, number };
    let request = say(Kind::Request, u64::try_from(length)?);
    let mut arrived = 0;
    let count = &mut |message: &Message| {
        arrived += u64::from(message.kind == Kind::Data && message.run == run);
        (arrived % BURST == 0).then(|| say(Kind::Heard, arrived))
    };
    let sent = answer(client, &request, count)?;
    Ok(Delivery { sent, arrived })
}

/// Asks until the answer is there, a number. Whatever else comes goes to `other`, which may have something to say to
/// it.
fn answer(
    client: &mut dyn Exchange,
    question: &Message,
    other: &mut dyn FnMut(&Message) -> Option<Message>,
) -> Result<u64> {
    client.say(question)?;
    let deadline = Instant::now() + PATIENCE;
    let mut silent_since = None;
    loop {
        let (mut answer, mut reply) = (None, None);
        let moved = client.take(&mut |message| match message.kind {
            Kind::Count if message.run == question.run => answer = Some(message.number),
            _ => reply = other(&message),
        })?;
        if let Some(answer) = answer {
            return Ok(answer);
        }
        if let Some(reply) = reply {
            client.say(&reply)?;
        }
        if moved {
            silent_since = None;
            continue;
        }
        let now = Instant::now();
        ensure!(now < deadline, "the host does not say how many there were");
        let since = silent_since.get_or_insert(now);
        if now.saturating_duration_since(*since) >= SILENCE {
            client.say(question)?;
            silent_since = None;
        }
        client.wait(SILENCE)?;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;

    /// A host that counts, and loses every tenth datagram and the first answers.
    #[derive(Default)]
    struct Lossy {
        sent: u64,
        heard: u64,
        asked: u32,
        coming: VecDeque<Message>,
    }

    impl Exchange for Lossy {
        fn send(&mut self) -> Result<bool> {
            self.sent += 1;
            Ok(true)
        }

        fn flush(&mut self) -> Result<()> {
            Ok(())
        }

        fn say(&mut self, message: &Message) -> Result<()> {
            let answer = |kind, number| Message {
                kind,
                run: message.run,
                number,
            };
            match message.kind {
                Kind::Heard => self.heard = message.number,
                Kind::Request if self.asked == 0 => {
                    let data = (0..90).map(|_| answer(Kind::Data, 0));
                    self.coming.extend(data);
                }
                Kind::Request => self.coming.push_back(answer(Kind::Count, 100)),
                _ if self.asked == 2 => {
                    let arrived = self.sent - self.sent / 10;
                    self.coming.push_back(answer(Kind::Count, arrived));
                }
                _ => {}
            }
            self.asked += u32::from(message.kind != Kind::Heard);
            Ok(())
        }

        fn take(&mut self, heard: &mut dyn FnMut(Message)) -> Result<bool> {
            let message = self.coming.pop_front();
            message.into_iter().for_each(heard);
            Ok(message.is_some())
        }

        fn wait(&mut self, timeout: Duration) -> Result<()> {
            std::thread::sleep(timeout);
            Ok(())
        }
    }

    #[test]
    fn what_was_lost_is_known_though_answers_are_lost_too() {
        let mut host = Lossy::default();
        let delivery = upload(&mut host, 7, Duration::from_millis(1)).unwrap();
        assert_eq!(delivery.sent, host.sent);
        assert_eq!(delivery.arrived, host.sent - host.sent / 10);
        let mut host = Lossy::default();
        let delivery = download(&mut host, 7, 64).unwrap();
        assert_eq!((delivery.sent, delivery.arrived), (100, 90));
        assert_eq!(host.heard, 64);
    }
}
