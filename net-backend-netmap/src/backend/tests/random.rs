/// Numbers that look random and follow from a seed (SplitMix64, Steele et al. 2014).
#[derive(Clone, Debug)]
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`.
    pub(super) fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    pub(super) fn one_in(&mut self, chances: usize) -> bool {
        self.below(chances) == 0
    }

    pub(super) fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }

    /// Lengths of pieces that make up `length` bytes; some are empty.
    pub(super) fn pieces(&mut self, length: usize) -> Vec<usize> {
        let mut left = length;
        let mut pieces = Vec::new();
        while pieces.len() < 4 && self.one_in(2) {
            let piece = self.below(left.min(3000) + 1);
            pieces.push(piece);
            left -= piece;
        }
        pieces.push(left);
        pieces
    }
}
