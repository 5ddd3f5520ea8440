//! A connected client that sends packets and checks the answers.

use std::collections::HashSet;

use anyhow::{Result, bail, ensure};
use testkit::SeededRng;
use testkit::relay::Flow;

use crate::network::client::Client;
use crate::network::packet;

/// One session, as its client sees it.
pub(super) struct ActiveClient {
    pub(super) client: Client,
    pub(super) flow: std::sync::Arc<Flow>,
    pub(super) number: u32,
    pub(super) sent: u64,
    pub(super) received: u64,
    pub(super) seen: HashSet<u32>,
    pub(super) crashes: bool,
    /// The system dropped some of its packets.
    pub(super) excused: bool,
}

impl ActiveClient {
    /// Takes the packets that have arrived.
    pub(super) fn receive(&mut self) -> Result<()> {
        let (seen, received) = (&mut self.seen, &mut self.received);
        let mut problem = None;
        self.client.poll(|bytes| {
            *received += 1;
            match packet::read(bytes) {
                Some((sender, number)) if sender == self.number => {
                    if !seen.insert(number) {
                        problem = Some("a packet arrived twice");
                    }
                }
                Some(_) => problem = Some("a packet of another client arrived"),
                None => problem = Some("a packet arrived altered"),
            }
        });
        if let Some(problem) = problem {
            bail!(problem);
        }
        ensure!(
            self.client.status() == endpoint::Status::Connected,
            "a client lost its session: {:?}, {}",
            self.client.status(),
            self.client.failure()
        );
        Ok(())
    }

    pub(super) fn send(&mut self, rng: &mut SeededRng) -> Result<()> {
        let size = rng.within(packet::SMALLEST as u64..=1_200) as usize;
        let packet = packet::numbered(self.number, self.sent as u32, size, rng);
        self.client.send(&packet)?;
        self.sent += 1;
        Ok(())
    }

    /// Packets that the link has not seen, or that it let pass and the server has not answered.
    pub(super) fn missing(&self) -> u64 {
        let data = self.flow.data();
        self.sent - data.to_server.arrived + data.to_server.passed() - data.to_client.arrived
    }

    /// Whether the server answered everything that the link let pass.
    pub(super) fn is_answered(&self) -> bool {
        self.flow.delayed() == 0 && self.missing() == 0
    }

    /// Whether, beyond that, every answer that the link let pass was read.
    pub(super) fn is_settled(&self) -> bool {
        self.is_answered() && self.received == self.flow.data().to_client.passed()
    }
}
