//! In: what was shown and what was sampled. Out: the rows a model is run on, and which of them are learned.
//!
//! A [`Sequence`] is one episode as the model saw it; a [`Packed`] batch is several of them end to end,
//! without padding. Only sampled tokens are targets, so tool outcomes carry no loss.

use crate::pair::PairKey;
use crate::view::View;

/// One position of a sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// A text piece, by its id in the vocabulary.
    Text(u32),
    /// The visual token of a picture of the sequence's pair, plus the embedding of the piece that names its frame.
    View(View, u32),
}

/// One position with the tags from which the attention mask is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// What stands here.
    pub input: Input,
    /// 0 for text and initial frames, `c` for a position of the c-th outcome.
    pub evidence: u8,
    /// The oldest outcome that is visible from here, see [`crate::window::MemoryWindow::oldest`].
    pub oldest: u8,
}

/// One token that the policy chose.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Target {
    /// The row whose output predicts the token; the token itself stands in the next row, if any.
    pub row: u32,
    /// The token that was sampled.
    pub token: u32,
    /// Its log-probability when it was sampled, at the sampling temperature; 0 for teacher tokens.
    pub logp: f32,
}

/// One episode as the model saw it.
#[derive(Clone, Debug, PartialEq)]
pub struct Sequence {
    /// Whose frames the visual rows show.
    pub pair: PairKey,
    /// Positions in order. The last sampled token predicts nothing and need not stand here.
    pub rows: Vec<Row>,
    /// The sampled tokens, ascending by row.
    pub targets: Vec<Target>,
    /// Outcomes shown so far.
    outcomes: u8,
    /// The oldest outcome that is visible now.
    oldest: u8,
}

impl Sequence {
    /// A sequence without rows.
    pub fn open(pair: PairKey) -> Self {
        Self {
            pair,
            rows: Vec::new(),
            targets: Vec::new(),
            outcomes: 0,
            oldest: 1,
        }
    }

    /// Begins the next outcome, from which on the outcomes before `oldest` are hidden. What is shown before the
    /// first outcome are the initial frames.
    pub fn outcome(&mut self, oldest: u8) {
        self.outcomes = self.outcomes.saturating_add(1);
        self.oldest = oldest;
    }

    /// The oldest outcome that is visible now.
    pub fn oldest(&self) -> u8 {
        self.oldest
    }

    /// Appends text that nobody chose: the query, a fixed tag, a forced decision.
    pub fn give(&mut self, token: u32) {
        self.push(Input::Text(token), 0);
    }

    /// Appends text that the policy chose, with its log-probability.
    pub fn choose(&mut self, token: u32, logp: f32) {
        let row = self.rows.len() as u32 - 1;
        self.targets.push(Target { row, token, logp });
        self.give(token);
    }

    /// Appends a picture of the current outcome with the piece that names its frame.
    pub fn show(&mut self, name: u32, view: impl Into<View>) {
        self.push(Input::View(view.into(), name), self.outcomes);
    }

    fn push(&mut self, input: Input, evidence: u8) {
        self.rows.push(Row {
            input,
            evidence,
            oldest: self.oldest,
        });
    }

    /// Drops the rows that no target follows.
    pub fn close(mut self) -> Self {
        let needed = self
            .targets
            .last()
            .map_or(0, |target| target.row as usize + 1);
        self.rows.truncate(needed);
        self
    }

    /// The pictures shown, in order.
    pub fn views(&self) -> impl Iterator<Item = View> + '_ {
        self.rows.iter().filter_map(|row| match row.input {
            Input::View(view, _) => Some(view),
            Input::Text(_) => None,
        })
    }
}

/// Several sequences end to end: what a model's forward pass takes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Packed {
    /// Text id of each row; visual rows hold 0 and are listed in `visual_rows`.
    pub tokens: Vec<u32>,
    /// Rows whose embedding is replaced by visual embeddings, ascending: the i-th row listed here takes
    /// row `visual_index[i]` of the visual embeddings that accompany the batch.
    pub visual_rows: Vec<u32>,
    /// See `visual_rows`; several rows may show one frame.
    pub visual_index: Vec<u32>,
    /// The piece whose embedding is added at each visual row; empty if none is, as in published models.
    pub visual_names: Vec<u32>,
    /// Rotary position `[temporal, height, width]` of each row, from 0 in each sequence.
    pub positions: Vec<[u32; 3]>,
    /// `starts[s]..starts[s + 1]` are the rows of sequence `s`.
    pub starts: Vec<u32>,
    /// Mask tag, see [`Row::evidence`].
    pub evidence: Vec<u8>,
    /// Mask tag, see [`Row::oldest`].
    pub oldest: Vec<u8>,
    /// Rows whose logits are wanted, ascending.
    pub target_rows: Vec<u32>,
    /// The token each of these rows is scored on.
    pub target_tokens: Vec<u32>,
}

impl Packed {
    /// Packs sequences; `visual(pair, view)` names the row of the visual embeddings for a picture.
    pub fn new<'a>(
        sequences: impl IntoIterator<Item = &'a Sequence>,
        mut visual: impl FnMut(PairKey, View) -> u32,
    ) -> Self {
        let mut packed = Self {
            starts: vec![0],
            ..Self::default()
        };
        for sequence in sequences {
            let start = packed.tokens.len() as u32;
            for (position, row) in sequence.rows.iter().enumerate() {
                match row.input {
                    Input::Text(id) => packed.tokens.push(id),
                    Input::View(view, name) => {
                        packed.visual_names.push(name);
                        packed.visual_rows.push(packed.tokens.len() as u32);
                        packed.visual_index.push(visual(sequence.pair, view));
                        packed.tokens.push(0);
                    }
                }
                // One visual token a picture: its three rotary positions coincide, as for text.
                packed.positions.push([position as u32; 3]);
                packed.evidence.push(row.evidence);
                packed.oldest.push(row.oldest);
            }
            for target in &sequence.targets {
                packed.target_rows.push(start + target.row);
                packed.target_tokens.push(target.token);
            }
            packed.starts.push(packed.tokens.len() as u32);
        }
        packed
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.tokens.len()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }

    /// Number of sequences.
    pub fn sequences(&self) -> usize {
        self.starts.len().saturating_sub(1)
    }
}
