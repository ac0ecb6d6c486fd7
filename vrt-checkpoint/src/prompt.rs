//! In: token ids and the grids of the pictures among them. Out: the rows of a prompt with their rotary positions.

use vrt_core::model::decode::{Feed, NewRow};
use vrt_core::sequence::Packed;

use crate::config::ModelConfig;

/// An image or a video in a prompt.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Media {
    /// An image of `[1, rows, columns]` patches.
    Image {
        /// See [`crate::processor::Patches::grid`].
        grid: [usize; 3],
    },
    /// A video of `[periods, rows, columns]` patches.
    Video {
        /// See [`crate::processor::Patches::grid`].
        grid: [usize; 3],
        /// Seconds from one period to the next: frames in a patch over frames a second.
        seconds: f32,
    },
}

impl Media {
    /// Patches in time, in a column, in a row.
    pub fn grid(&self) -> [usize; 3] {
        match self {
            Self::Image { grid } | Self::Video { grid, .. } => *grid,
        }
    }

    fn kind(&self) -> &'static str {
        match self {
            Self::Image { .. } => "an image",
            Self::Video { .. } => "a video",
        }
    }
}

/// Tokens and media do not fit together.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PromptError {
    /// Another number of places than of media.
    #[error(
        "the text has places for {places} images and videos, {media} were given; put one placeholder into the text for each"
    )]
    Count {
        /// Placeholders in the text.
        places: usize,
        /// Media given.
        media: usize,
    },
    /// A placeholder of the other kind.
    #[error(
        "medium {number} (from 0) is {given}, its place in the text is for {place}; order them as in the text"
    )]
    Kind {
        /// Which of the media.
        number: usize,
        /// What was given.
        given: &'static str,
        /// What the text says.
        place: &'static str,
    },
    /// The run of placeholders has another length than the grid has tokens.
    #[error(
        "medium {number} (from 0) has {tokens} tokens, row {row} begins a run that is shorter; expand the placeholders first"
    )]
    Run {
        /// Which of the media.
        number: usize,
        /// Visual tokens of its grid.
        tokens: usize,
        /// Where its run begins.
        row: usize,
    },
    /// A merge group is cut.
    #[error(
        "medium {number} (from 0) has {grid:?} patches, its sides are not multiples of {merge}; make it with the processor"
    )]
    Grid {
        /// Which of the media.
        number: usize,
        /// Its patches.
        grid: [usize; 3],
        /// Patches on a side of a merge group.
        merge: usize,
    },
    /// The visual embeddings are not those of the media.
    #[error(
        "{found} numbers of visual embeddings where the media have {expected}; give those of all media in order"
    )]
    Embeddings {
        /// Numbers given.
        found: usize,
        /// Numbers that fit.
        expected: usize,
    },
}

/// Visual tokens of each medium.
fn token_counts(config: &ModelConfig, media: &[Media]) -> Result<Vec<usize>, PromptError> {
    let merge = config.model.vision.merge;
    let each = media.iter().enumerate().map(|(number, medium)| {
        let grid = medium.grid();
        let whole = grid[1].is_multiple_of(merge) && grid[2].is_multiple_of(merge);
        if !whole || grid.contains(&0) {
            return Err(PromptError::Grid {
                number,
                grid,
                merge,
            });
        }
        Ok(grid.iter().product::<usize>() / (merge * merge))
    });
    each.collect()
}

/// Repeats each placeholder of an image or a video once for each of its visual tokens.
///
/// # Errors
/// [`PromptError`] if there are not as many placeholders as media, or of another kind.
pub fn expand(
    config: &ModelConfig,
    tokens: &[u32],
    media: &[Media],
) -> Result<Vec<u32>, PromptError> {
    let counts = token_counts(config, media)?;
    let special = &config.tokens;
    let place = |token: u32| [special.image, special.video].contains(&token);
    let places = tokens.iter().filter(|token| place(**token)).count();
    if places != media.len() {
        return Err(PromptError::Count {
            places,
            media: media.len(),
        });
    }
    let mut out = Vec::with_capacity(tokens.len() + counts.iter().sum::<usize>());
    let mut next = media.iter().zip(&counts).enumerate();
    for &token in tokens {
        let repeats = match place(token).then(|| next.next()).flatten() {
            Some((number, (medium, count))) => {
                check_kind(config, number, medium, token)?;
                *count
            }
            None => 1,
        };
        out.extend(std::iter::repeat_n(token, repeats));
    }
    Ok(out)
}

fn check_kind(
    config: &ModelConfig,
    number: usize,
    medium: &Media,
    token: u32,
) -> Result<(), PromptError> {
    let place = if token == config.tokens.image {
        "an image"
    } else {
        "a video"
    };
    if medium.kind() == place {
        Ok(())
    } else {
        Err(PromptError::Kind {
            number,
            given: medium.kind(),
            place,
        })
    }
}

/// A prompt whose placeholders are expanded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prompt {
    /// Ids; those at visual rows are placeholders.
    pub tokens: Vec<u32>,
    /// Rotary position `[temporal, height, width]` of each row.
    pub positions: Vec<[u32; 3]>,
    /// Rows that show visual tokens, in order: the tokens of all media, one after the other.
    pub visual_rows: Vec<u32>,
    /// Position of the row that follows the prompt.
    pub next_position: u32,
}

impl Prompt {
    /// Rotary positions of text, images and videos, as transformers 5 computes them.
    ///
    /// Text counts up. A picture stands at the position that follows: height and width count its tokens, the temporal
    /// position is `floor(period · tokens_per_second · seconds)` in 32 bits. What follows a picture continues after
    /// its longer side in tokens, so that a long video's later periods share positions with the text behind it
    /// (transformers 4 continued after its largest position).
    ///
    /// # Errors
    /// [`PromptError`] if the runs of placeholders are not those of the media.
    pub fn new(
        config: &ModelConfig,
        tokens: Vec<u32>,
        media: &[Media],
    ) -> Result<Self, PromptError> {
        let counts = token_counts(config, media)?;
        let merge = config.model.vision.merge;
        let special = &config.tokens;
        let place = |token: u32| [special.image, special.video].contains(&token);
        let mut prompt = Self {
            tokens: Vec::new(),
            positions: Vec::with_capacity(tokens.len()),
            visual_rows: Vec::new(),
            next_position: 0,
        };
        let (mut next, mut used) = (0, 0);
        while prompt.positions.len() < tokens.len() {
            let row = prompt.positions.len();
            let token = tokens[row];
            if !place(token) {
                prompt.positions.push([next; 3]);
                next += 1;
                continue;
            }
            let Some(medium) = media.get(used) else {
                return Err(PromptError::Count {
                    places: used + 1,
                    media: media.len(),
                });
            };
            check_kind(config, used, medium, token)?;
            let count = counts[used];
            let run = tokens[row..].iter().take_while(|t| **t == token).count();
            if run < count {
                return Err(PromptError::Run {
                    number: used,
                    tokens: count,
                    row,
                });
            }
            let interval = match medium {
                Media::Image { .. } => 1.0,
                Media::Video { seconds, .. } => config.tokens_per_second * seconds,
            };
            let [periods, rows, columns] = medium.grid();
            let (rows, columns) = (rows / merge, columns / merge);
            for period in 0..periods {
                let time = (period as f32 * interval) as u32;
                for y in 0..rows as u32 {
                    for x in 0..columns as u32 {
                        prompt.positions.push([time, y, x].map(|at| next + at));
                    }
                }
            }
            prompt.visual_rows.extend(row as u32..(row + count) as u32);
            next += rows.max(columns) as u32;
            used += 1;
        }
        if used != media.len() {
            return Err(PromptError::Count {
                places: used,
                media: media.len(),
            });
        }
        let last = prompt.positions.iter().flatten().max();
        prompt.next_position = last.map_or(0, |last| last + 1);
        prompt.tokens = tokens;
        Ok(prompt)
    }

    /// Position of a generated row less its place in the sequence: the published `rope_delta`.
    pub fn rope_delta(&self) -> i64 {
        i64::from(self.next_position) - self.tokens.len() as i64
    }

    /// The rows for decoding. `visual` are the embeddings of all media, one after the other, `width` numbers each.
    ///
    /// # Errors
    /// [`PromptError::Embeddings`] if `visual` has another length.
    pub fn rows<'a>(
        &self,
        visual: &'a [f32],
        width: usize,
    ) -> Result<Vec<NewRow<'a>>, PromptError> {
        let expected = self.visual_rows.len() * width;
        if visual.len() != expected {
            return Err(PromptError::Embeddings {
                found: visual.len(),
                expected,
            });
        }
        let tokens = self.tokens.iter().zip(&self.positions);
        let mut rows: Vec<NewRow<'a>> = tokens
            .map(|(&token, &position)| text_row(token, position))
            .collect();
        let embeddings = visual.chunks_exact(width.max(1));
        for (&row, embedding) in self.visual_rows.iter().zip(embeddings) {
            rows[row as usize].feed = Feed::Visual(embedding);
        }
        Ok(rows)
    }

    /// The prompt as a batch of one sequence without targets, for the training forward; the n-th visual row shows the
    /// n-th embedding.
    pub fn packed(&self) -> Packed {
        let rows = self.tokens.len();
        Packed {
            tokens: self.tokens.clone(),
            positions: self.positions.clone(),
            evidence: vec![0; rows],
            oldest: vec![1; rows],
            starts: vec![0, rows as u32],
            visual_index: (0..self.visual_rows.len() as u32).collect(),
            visual_rows: self.visual_rows.clone(),
            ..Packed::default()
        }
    }
}

/// A row of text that sees everything before it.
pub(crate) fn text_row(token: u32, position: [u32; 3]) -> NewRow<'static> {
    NewRow {
        feed: Feed::Text(token),
        position,
        evidence: 0,
        oldest: 1,
    }
}
