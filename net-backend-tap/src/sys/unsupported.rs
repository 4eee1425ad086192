//! Systems without taps, or whose taps nobody wrote yet.

use std::convert::Infallible;
use std::io;

use net_backend_core::frame_io::{FrameIo, ReceiveFailure, SendFailure};
use net_backend_core::{
    BorrowedDescriptor, Capabilities, Error, Event, Features, HeaderLength, LinkState, Mtu, Result,
    RxSlice, Source, TxSlice,
};

use crate::config::TapConfig;

/// As on Linux and FreeBSD, so that the same URIs are well-formed everywhere.
pub(crate) const NAME_LENGTH: usize = 15;
pub(crate) const MAX_QUEUES: u16 = 256;
pub(crate) const MAX_MTU: Mtu = Mtu::MAX;

/// Any name will do; `open` refuses it.
pub(crate) fn check_name(_: &str) -> Result<(), &'static str> {
    Ok(())
}

pub(crate) fn open(_: &TapConfig) -> Result<Device> {
    Err(Error::Unsupported {
        what: "tap".to_owned(),
        reason: "taps are supported on Linux and FreeBSD",
    })
}

/// There is none.
#[derive(Debug)]
pub(crate) struct Device {
    pub(crate) name: String,
    pub(crate) config: TapConfig,
    never: Infallible,
}

impl Device {
    pub(crate) fn capabilities(&self) -> Capabilities {
        match self.never {}
    }

    pub(crate) fn queues(
        &mut self,
        _: u16,
        _: HeaderLength,
        _: Features,
    ) -> Result<Vec<(Queue, Queue)>> {
        match self.never {}
    }

    pub(crate) fn set_receive_offloads(&self, _: Features) -> Result<()> {
        match self.never {}
    }

    pub(crate) fn link(&self) -> LinkState {
        match self.never {}
    }

    pub(crate) fn events(&self) -> Option<Source<'_>> {
        match self.never {}
    }

    pub(crate) fn next_event(&mut self) -> Option<Event> {
        match self.never {}
    }

    pub(crate) fn queue_descriptors(&self) -> impl Iterator<Item = BorrowedDescriptor<'_>> {
        self.descriptors().into_iter()
    }

    pub(crate) fn descriptors(&self) -> Vec<BorrowedDescriptor<'_>> {
        match self.never {}
    }
}

/// There is none.
#[derive(Debug)]
pub(crate) enum Queue {}

impl FrameIo for Queue {
    fn write(&mut self, _: &[TxSlice<'_>]) -> io::Result<usize> {
        match *self {}
    }

    fn read(&mut self, _: &mut [RxSlice<'_>]) -> io::Result<usize> {
        match *self {}
    }

    fn source(&self) -> Source<'_> {
        match *self {}
    }

    fn send_failure(&mut self, _: i32) -> SendFailure {
        match *self {}
    }

    fn receive_failure(&mut self, _: i32) -> ReceiveFailure {
        match *self {}
    }
}
