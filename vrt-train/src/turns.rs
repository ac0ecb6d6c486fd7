//! In: prompts and what was sampled after each. Out: an episode of a published model, ready to be learned.
//!
//! What the memory window has dropped is not in the next prompt: each unit stands after a prompt of its own, as a segment of
//! the batch that does not see the others.

use std::sync::Arc;

use vrt_core::sequence::Packed;

use crate::learn::Sampled;

/// One unit of an episode.
#[derive(Clone, Copy, Debug)]
pub struct Unit<'a> {
    /// The prompt as one sequence; its n-th visual row shows the n-th visual token of `pictures`.
    pub prompt: &'a Packed,
    /// Rotary position of the row that follows the prompt.
    pub next_position: u32,
    /// Visual tokens of each picture of the prompt, in order, `tokens × width`.
    pub pictures: &'a [Arc<[f32]>],
    /// The tokens that were sampled.
    pub tokens: &'a [u32],
    /// Their log-probabilities then; 0 for a teacher's.
    pub logps: &'a [f32],
}

/// The units of an episode. A picture that several of them show is held once.
#[derive(Clone, Debug, PartialEq)]
pub struct Turns {
    width: usize,
    packed: Packed,
    pictures: Vec<Arc<[f32]>>,
    logps: Vec<f32>,
}

impl Turns {
    /// An episode without units, of a model whose visual tokens have this width.
    pub fn new(width: usize) -> Self {
        Self {
            width: width.max(1),
            packed: Packed {
                starts: vec![0],
                ..Packed::default()
            },
            pictures: Vec::new(),
            logps: Vec::new(),
        }
    }

    /// Adds a unit. One without prompt or tokens teaches nothing and is left out.
    pub fn push(&mut self, unit: Unit<'_>) {
        let (Some(&last), false) = (unit.tokens.last(), unit.prompt.is_empty()) else {
            return;
        };
        let visual = self.place(unit.pictures);
        let packed = &mut self.packed;
        let start = packed.len() as u32;
        let given = unit.prompt.len();
        packed.tokens.extend(&unit.prompt.tokens);
        packed.positions.extend(&unit.prompt.positions);
        let rows = unit.prompt.visual_rows.iter().map(|row| start + row);
        packed.visual_rows.extend(rows);
        let index = unit.prompt.visual_index.iter();
        packed
            .visual_index
            .extend(index.map(|&token| visual[token as usize]));
        // The last token predicts nothing and need not stand there.
        let fed = &unit.tokens[..unit.tokens.len() - 1];
        packed.tokens.extend(fed);
        let positions = (unit.next_position..).map(|position| [position; 3]);
        packed.positions.extend(positions.take(fed.len()));
        let first = start + given as u32 - 1;
        packed.target_rows.extend((first..).take(unit.tokens.len()));
        packed.target_tokens.extend(fed);
        packed.target_tokens.push(last);
        packed.evidence.resize(packed.tokens.len(), 0);
        packed.oldest.resize(packed.tokens.len(), 1);
        packed.starts.push(packed.tokens.len() as u32);
        let logps = unit.logps.iter().copied().chain(std::iter::repeat(0.0));
        self.logps.extend(logps.take(unit.tokens.len()));
    }

    /// Where the visual tokens of these pictures stand among those of the episode.
    fn place(&mut self, pictures: &[Arc<[f32]>]) -> Vec<u32> {
        let mut visual = Vec::new();
        for picture in pictures {
            let mut from = 0;
            let mut known = self.pictures.iter();
            let found = known.any(|one| {
                let same = Arc::ptr_eq(one, picture);
                from += if same { 0 } else { one.len() / self.width };
                same
            });
            if !found {
                self.pictures.push(Arc::clone(picture));
            }
            visual.extend((from as u32..).take(picture.len() / self.width));
        }
        visual
    }

    /// The batch: a sequence a unit.
    pub fn packed(&self) -> &Packed {
        &self.packed
    }

    /// The visual tokens that [`Turns::packed`] refers to, `tokens × width`.
    pub fn visual(&self) -> Vec<f32> {
        self.pictures.concat()
    }

    /// Units.
    pub fn len(&self) -> usize {
        self.packed.sequences()
    }

    /// Whether there is no unit.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Sampled for Turns {
    fn rows(&self) -> usize {
        self.packed.len()
    }

    fn logps(&self) -> impl ExactSizeIterator<Item = f32> {
        self.logps.iter().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prompt(rows: u32, visual: &[u32]) -> Packed {
        Packed {
            tokens: (0..rows).collect(),
            positions: (0..rows).map(|row| [row; 3]).collect(),
            starts: vec![0, rows],
            visual_rows: visual.to_vec(),
            visual_index: (0..visual.len() as u32).collect(),
            ..Packed::default()
        }
    }

    #[test]
    fn units_stand_apart_and_share_their_pictures() {
        let [first, second]: [Arc<[f32]>; 2] = [[1.0; 4].into(), [2.0; 2].into()];
        let mut turns = Turns::new(2);
        turns.push(Unit {
            prompt: &prompt(5, &[1, 2, 3]),
            next_position: 4,
            pictures: &[first.clone(), second.clone()],
            tokens: &[70, 71, 72],
            logps: &[-0.1, -0.2, -0.3],
        });
        turns.push(Unit {
            prompt: &prompt(3, &[2]),
            next_position: 9,
            pictures: &[second],
            tokens: &[80],
            logps: &[],
        });
        turns.push(Unit {
            prompt: &prompt(3, &[]),
            next_position: 3,
            pictures: &[],
            tokens: &[],
            logps: &[],
        });
        let packed = turns.packed();
        assert_eq!(packed.starts, [0, 7, 10]);
        assert_eq!(packed.tokens, [0, 1, 2, 3, 4, 70, 71, 0, 1, 2]);
        assert_eq!(packed.positions[5..7], [[4; 3], [5; 3]]);
        assert_eq!(packed.visual_rows, [1, 2, 3, 9]);
        assert_eq!(packed.visual_index, [0, 1, 2, 2]);
        assert_eq!(packed.target_rows, [4, 5, 6, 9]);
        assert_eq!(packed.target_tokens, [70, 71, 72, 80]);
        assert_eq!(turns.visual(), [1.0, 1.0, 1.0, 1.0, 2.0, 2.0]);
        let logps: Vec<f32> = turns.logps().collect();
        assert_eq!(logps, [-0.1, -0.2, -0.3, 0.0]);
        assert_eq!((turns.len(), turns.rows(), turns.tokens()), (2, 10, 4));
    }
}
