//! Changes to an input, as fuzzers make them, that a number repeats.

use testkit::SeededRng;

/// Values at which lengths and counters turn.
const ODD_BYTES: [u8; 8] = [0, 1, 12, 13, 127, 128, 254, 255];
/// The longest input that a mutation makes.
const LONGEST: usize = 16_384;

/// Makes one input after another from a set of seeds.
pub struct Mutator<'a> {
    seeds: &'a [Vec<u8>],
    rng: SeededRng,
}

impl<'a> Mutator<'a> {
    /// The same seeds and the same number give the same inputs.
    ///
    /// # Panics
    /// If there are no seeds.
    pub fn new(seeds: &'a [Vec<u8>], number: u64) -> Self {
        assert!(!seeds.is_empty(), "there are seeds");
        Self {
            seeds,
            rng: SeededRng::new(number),
        }
    }

    /// The next input: a seed with one to eight changes.
    pub fn next_input(&mut self) -> Vec<u8> {
        let mut input = self.any_seed().to_vec();
        for _ in 0..1 + self.below(8) {
            self.change(&mut input);
        }
        input.truncate(LONGEST);
        input
    }

    fn any_seed(&mut self) -> &'a [u8] {
        let seeds = self.seeds;
        &seeds[self.below(seeds.len())]
    }

    fn below(&mut self, end: usize) -> usize {
        self.rng.index(end)
    }

    fn change(&mut self, input: &mut Vec<u8>) {
        let at = self.below(input.len());
        let length = 1 + self.below(64);
        let end = input.len().min(at + length);
        match self.below(9) {
            0 if !input.is_empty() => input[at] ^= 1 << self.below(8),
            1 if !input.is_empty() => input[at] = ODD_BYTES[self.below(ODD_BYTES.len())],
            2 if !input.is_empty() => input[at] = self.below(256) as u8,
            3 => drop(input.drain(at..end)),
            4 => {
                let repeated = input[at..end].to_vec();
                let to = self.below(input.len() + 1);
                input.splice(to..to, repeated);
            }
            5 => {
                let random: Vec<u8> = (0..length).map(|_| self.below(256) as u8).collect();
                input.splice(at..at, random);
            }
            6 => input.truncate(at),
            7 => {
                let other = self.any_seed();
                let from = self.below(other.len());
                let part = &other[from..other.len().min(from + 4 * length)];
                input.splice(at..at, part.iter().copied());
            }
            _ => {
                let other = self.any_seed();
                let from = self.below(other.len());
                let part = &other[from..other.len().min(from + end - at)];
                input.splice(at..at + part.len(), part.iter().copied());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Mutator;

    #[test]
    fn inputs_differ_and_repeat_with_their_number() {
        let seeds = [b"one".to_vec(), Vec::new(), vec![7; 3000]];
        let inputs = |number| {
            let mut mutator = Mutator::new(&seeds, number);
            (0..2000).map(|_| mutator.next_input()).collect::<Vec<_>>()
        };
        let first = inputs(1);
        assert_eq!(first, inputs(1));
        assert_ne!(first, inputs(2));
        let changed = first.iter().filter(|input| !seeds.contains(input));
        assert!(changed.count() > 1500);
    }
}
