//! What a bad network does to datagrams.

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::SeededRng;

/// Shares of datagrams, from 0 (none) to 1 (all), that a network treats badly. The default is none.
#[derive(Clone, Debug)]
pub struct Faults {
    /// Lost.
    pub loss: f64,
    /// Sent twice by the network.
    pub duplication: f64,
    /// Delayed, so that later ones overtake them.
    pub reordering: f64,
    /// Delivered with one bit inverted that no checksum detects.
    pub corruption: f64,
    /// How long delayed datagrams are delayed, in milliseconds.
    pub delay: RangeInclusive<u64>,
}

impl Default for Faults {
    fn default() -> Self {
        Self {
            loss: 0.0,
            duplication: 0.0,
            reordering: 0.0,
            corruption: 0.0,
            delay: 0..=200,
        }
    }
}

/// What happens to one datagram, or to one of its two copies.
#[derive(Clone, Copy, Debug)]
pub struct Treatment {
    /// It never arrives; all else is then `None`.
    pub is_lost: bool,
    /// A bit of it is inverted: this one.
    pub flipped_bit: Option<u64>,
    /// It arrives this much later.
    pub delay: Option<Duration>,
}

impl Faults {
    /// Decides whether there are two copies of a datagram.
    pub fn duplicates(&self, rng: &mut SeededRng) -> bool {
        rng.chance(self.duplication)
    }

    /// Decides what happens to a datagram of so many bytes. It draws as many numbers whatever the faults are.
    pub fn treat(&self, length: usize, rng: &mut SeededRng) -> Treatment {
        let is_lost = rng.chance(self.loss);
        let bit = rng.below(8 * length as u64);
        let is_flipped = rng.chance(self.corruption) && !is_lost && length > 0;
        let is_delayed = rng.chance(self.reordering) && !is_lost;
        let delay = self.draw_delay(rng);
        Treatment {
            is_lost,
            flipped_bit: is_flipped.then_some(bit),
            delay: is_delayed.then_some(delay),
        }
    }

    /// Draws how long a delayed datagram is delayed.
    pub fn draw_delay(&self, rng: &mut SeededRng) -> Duration {
        Duration::from_millis(rng.within(self.delay.clone()))
    }
}

impl Treatment {
    /// Inverts the bit that is to be inverted, if there is one.
    pub fn corrupt(&self, datagram: &mut [u8]) {
        if let Some(bit) = self.flipped_bit {
            datagram[(bit / 8) as usize] ^= 1 << (bit % 8);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(faults: &Faults, which: impl Fn(Treatment) -> bool) -> usize {
        let mut rng = SeededRng::new(3);
        let treatments = (0..10_000).map(|_| faults.treat(100, &mut rng));
        treatments.filter(|treatment| which(*treatment)).count()
    }

    #[test]
    fn each_fault_hits_its_share() {
        let faults = Faults {
            loss: 0.1,
            duplication: 0.2,
            reordering: 0.3,
            corruption: 0.4,
            delay: 5..=30,
        };
        let near = |count: usize, share: f64| (count as f64 / 10_000.0 - share).abs() < 0.02;
        assert!(near(count(&faults, |it| it.is_lost), 0.1));
        // Of those that are not lost.
        assert!(near(count(&faults, |it| it.delay.is_some()), 0.27));
        assert!(near(count(&faults, |it| it.flipped_bit.is_some()), 0.36));
        let mut rng = SeededRng::new(4);
        let doubled = (0..10_000).filter(|_| faults.duplicates(&mut rng)).count();
        assert!(near(doubled, 0.2));
        let limits = Duration::from_millis(5)..=Duration::from_millis(30);
        let outside = |it: Treatment| it.delay.is_some_and(|delay| !limits.contains(&delay));
        assert_eq!(count(&faults, outside), 0);
    }

    #[test]
    fn no_fault_hits_nothing_and_an_empty_datagram_has_no_bit() {
        let faults = Faults::default();
        let is_hit = |it: Treatment| it.is_lost || it.flipped_bit.is_some() || it.delay.is_some();
        assert_eq!(count(&faults, is_hit), 0);
        let all = Faults {
            corruption: 1.0,
            ..faults
        };
        let treatment = all.treat(0, &mut SeededRng::new(1));
        treatment.corrupt(&mut []);
    }
}
