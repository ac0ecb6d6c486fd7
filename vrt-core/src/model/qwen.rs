//! In: a packed batch and its frames. Out: log-probabilities of its targets. The whole model.

use dfdx::prelude::*;

use super::decoder::{TextConfig, TextModel};
use super::encode::Encoder;
use super::error::ModelError;
use super::ops::{Ops, Scored};
use super::params::{self, ParamSpec, Parameters, Visitor, VisitorMut};
use super::patches;
use super::vision::{PatchPlan, VisionConfig, VisionModel};
use super::weights::{DecoderConfig, DecoderWeights, WeightsError};
use crate::pair::Frame;
use crate::sequence::Packed;

/// What a model's shapes do not say.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Config {
    /// The decoder's part.
    pub text: TextConfig,
    /// The vision tower's part.
    pub vision: VisionConfig,
}

/// Qwen2.5-VL at any size: [`super::dims`] names the sizes in use.
///
/// Threads share it by reference, each with a [`Cpu`] and a tape of its own.
#[derive(Clone, Debug)]
pub struct Qwen25Vl<V, X> {
    /// Frames to visual tokens: a [`super::vision::VisionTower`].
    pub visual: V,
    /// Rows to log-probabilities: a [`super::decoder::Decoder`].
    pub text: X,
    /// What the shapes do not say.
    pub config: Config,
}

/// Visual embeddings, `tokens × D`.
pub type Visual<X, T> = Tensor<(usize, <X as TextModel>::Width), f32, Cpu, T>;

impl<V: VisionModel, X: TextModel> Parameters<Cpu> for Qwen25Vl<V, X> {
    fn visit(&self, prefix: &str, visitor: &mut impl Visitor<Cpu>) {
        self.visual.visit(&format!("{prefix}visual."), visitor);
        self.text.visit(prefix, visitor);
    }

    fn visit_mut(&mut self, prefix: &str, visitor: &mut impl VisitorMut<Cpu>) {
        self.visual.visit_mut(&format!("{prefix}visual."), visitor);
        self.text.visit_mut(prefix, visitor);
    }
}

impl<V: VisionModel<Width = X::Width>, X: TextModel> Qwen25Vl<V, X> {
    /// A model with random weights: each tensor from its own stream, norms 1, biases 0.
    pub fn with_config(dev: &Cpu, config: Config, seed: u64) -> Self {
        let mut model = Self::zeros(dev, config);
        params::initialise(&mut model, seed);
        model
    }

    /// A model whose weights are all zero, to be filled from a checkpoint.
    pub fn zeros(dev: &Cpu, config: Config) -> Self {
        let mut model = Self {
            visual: V::zeros(dev),
            text: X::zeros(dev),
            config,
        };
        if !config.text.tied {
            model.text.untie(dev);
        }
        model
    }

    /// [`Qwen25Vl::layout`] of a model of this type and configuration, without making one.
    pub fn declared(config: &Config) -> Vec<ParamSpec> {
        let (mut layout, mut offset) = (Vec::new(), 0);
        let mut see = |name, shape: Vec<usize>| {
            let numbers: usize = shape.iter().product();
            layout.push(ParamSpec {
                name,
                shape,
                offset,
            });
            offset += numbers;
        };
        V::declare("visual.", &mut see);
        X::declare("", &mut see);
        if !config.text.tied {
            X::declare_head(&mut see);
        }
        layout
    }

    /// Names, shapes and offsets of the flat list of parameters.
    pub fn layout(&self) -> Vec<ParamSpec> {
        params::layout(self)
    }

    /// All parameters as one list.
    pub fn to_flat(&self) -> Vec<f32> {
        params::to_flat(self)
    }

    /// Sets all parameters from one list.
    ///
    /// # Errors
    /// [`ModelError::FlatLength`] if the list is of another model.
    pub fn load_flat(&mut self, flat: &[f32]) -> Result<(), ModelError> {
        params::load_flat(self, flat)
    }

    /// The decoder's sizes.
    pub fn decoder_config(&self) -> DecoderConfig {
        X::sizes(&self.config.text)
    }

    /// The decoder's weights as decoding without a tape runs on them.
    ///
    /// # Errors
    /// [`WeightsError`] if the sizes are impossible; a model that exists has possible ones.
    pub fn decoder_weights(&self) -> Result<DecoderWeights, WeightsError> {
        DecoderWeights::new(self.decoder_config(), self.by_name())
    }

    /// The vision tower without a tape, with the weights as they are now.
    ///
    /// # Errors
    /// [`WeightsError`] if a parameter is missing; a model that exists has all.
    pub fn encoder(&self) -> Result<Encoder, WeightsError> {
        Encoder::new(self.config.vision, V::SIZES, self.by_name())
    }

    /// Each parameter by its published name.
    fn by_name(&self) -> impl FnMut(&str) -> Option<Vec<f32>> {
        let (layout, flat) = (self.layout(), self.to_flat());
        move |name| {
            let spec = layout.iter().find(|spec| spec.name == name)?;
            let count: usize = spec.shape.iter().product();
            Some(flat[spec.offset..spec.offset + count].to_vec())
        }
    }

    /// Width of a visual token and of a row.
    pub fn width(&self) -> usize {
        self.decoder_config().dim
    }

    /// Patches of one frame in the order in which the tower reads them, `patches × PATCH` numbers.
    ///
    /// # Errors
    /// [`ModelError::FrameSize`] if the frame is not of the size this model reads.
    pub fn patchify(&self, frame: &Frame) -> Result<Vec<f32>, ModelError> {
        patches::patchify(&self.config.vision, frame)
    }

    /// Visual embeddings of frames, on the tape.
    ///
    /// `patches` holds whole frames as [`Qwen25Vl::patchify`] gives them, one after the other.
    ///
    /// # Errors
    /// [`ModelError::Length`] if they are not whole frames.
    pub fn visual<O: Ops<Cpu>, T: Tape<f32, Cpu>>(
        &self,
        dev: &Cpu,
        patches: &[f32],
        tape: T,
    ) -> Result<Visual<X, T>, ModelError> {
        let frame = self.config.vision.patches() * V::PATCH;
        if !patches.len().is_multiple_of(frame) {
            return Err(ModelError::Length {
                what: "patches of whole frames",
                found: patches.len(),
                expected: patches.len().next_multiple_of(frame),
            });
        }
        let side = self.config.vision.grid;
        self.visual_of::<O, T>(dev, &[[patches.len() / frame, side, side]], patches, tape)
    }

    /// Visual embeddings of videos of `[frames, rows, columns]` patches each, on the tape; patches and
    /// embeddings run frame by frame, merge groups row by row.
    ///
    /// # Errors
    /// [`ModelError::Grid`] if a merge group is cut, [`ModelError::Length`] if the patches are not those
    /// of the grids.
    pub fn visual_of<O: Ops<Cpu>, T: Tape<f32, Cpu>>(
        &self,
        dev: &Cpu,
        grids: &[[usize; 3]],
        patches: &[f32],
        tape: T,
    ) -> Result<Visual<X, T>, ModelError> {
        let merge = self.config.vision.merge;
        for &[_, rows, columns] in grids {
            if !rows.is_multiple_of(merge) || !columns.is_multiple_of(merge) {
                return Err(ModelError::Grid {
                    rows,
                    columns,
                    merge,
                });
            }
        }
        let plan = PatchPlan::new(&self.config.vision, grids);
        if patches.len() != plan.patches() * V::PATCH {
            return Err(ModelError::Length {
                what: "patches of the grids",
                found: patches.len(),
                expected: plan.patches() * V::PATCH,
            });
        }
        let config = &self.config.vision;
        Ok(self
            .visual
            .embed::<O, T>(config, &plan, patches.to_vec(), dev, tape))
    }

    /// Visual embeddings of frames, `tokens × D`, without a tape.
    ///
    /// # Errors
    /// As [`Qwen25Vl::visual`].
    pub fn visual_rows<O: Ops<Cpu>>(
        &self,
        dev: &Cpu,
        patches: &[f32],
    ) -> Result<Vec<f32>, ModelError> {
        Ok(self.visual::<O, _>(dev, patches, NoneTape)?.as_vec())
    }

    /// Visual embeddings that were computed before, as a tensor on the tape.
    ///
    /// # Errors
    /// [`ModelError::Length`] if `rows` is not a whole number of rows.
    pub fn given_rows<T: Tape<f32, Cpu>>(
        &self,
        dev: &Cpu,
        rows: &[f32],
        tape: T,
    ) -> Result<Visual<X, T>, ModelError> {
        let width = self.width();
        if !rows.len().is_multiple_of(width) {
            return Err(ModelError::Length {
                what: "visual embeddings",
                found: rows.len(),
                expected: rows.len().next_multiple_of(width),
            });
        }
        let shape = (rows.len() / width, X::Width::default());
        Ok(dev.tensor_from_vec(rows.to_vec(), shape).put_tape(tape))
    }

    /// Log-probability of each target token of the batch at a temperature, and the entropy of the
    /// distribution it was scored under.
    ///
    /// # Errors
    /// [`ModelError`] if the batch does not fit the model or `visual`.
    pub fn token_logps<O: Ops<Cpu>, T: Tape<f32, Cpu>>(
        &self,
        batch: &Packed,
        visual: Visual<X, T>,
        temperature: f32,
    ) -> Result<Scored<Cpu, T>, ModelError> {
        check(batch, self.decoder_config().vocab, visual.shape().0)?;
        if !(temperature.is_finite() && temperature > 0.0) {
            return Err(ModelError::Temperature(temperature));
        }
        Ok(self
            .text
            .score::<O, T>(&self.config.text, batch, visual, temperature))
    }
}

/// Refuses a batch that does not fit a vocabulary and a number of visual rows.
pub(super) fn check(batch: &Packed, vocab: usize, frames: usize) -> Result<(), ModelError> {
    let refuse = |what| Err(ModelError::Packed { what });
    let rows = batch.len();
    if [
        batch.positions.len(),
        batch.evidence.len(),
        batch.oldest.len(),
    ] != [rows; 3]
    {
        return refuse("positions, evidence and oldest do not have one entry a row");
    }
    if batch.visual_rows.len() != batch.visual_index.len() {
        return refuse("visual_rows and visual_index differ in length");
    }
    if ![0, batch.visual_rows.len()].contains(&batch.visual_names.len()) {
        return refuse("visual_names names some visual rows and not others");
    }
    if batch.target_rows.len() != batch.target_tokens.len() {
        return refuse("target_rows and target_tokens differ in length");
    }
    let whole = batch.starts.first() == Some(&0)
        && batch.starts.last() == Some(&(rows as u32))
        && batch.starts.is_sorted();
    if !whole {
        return refuse("starts does not run from 0 to the number of rows, ascending");
    }
    let beyond = |list: &[u32]| list.iter().any(|&row| row as usize >= rows);
    if beyond(&batch.visual_rows) || beyond(&batch.target_rows) {
        return refuse("a visual or target row is beyond the rows");
    }
    for (sequence, bounds) in batch.starts.windows(2).enumerate() {
        if bounds[0] < bounds[1] && batch.evidence[bounds[0] as usize] != 0 {
            return Err(ModelError::FirstRow { sequence });
        }
    }
    let targets = batch.target_rows.iter().zip(&batch.target_tokens);
    let inputs = batch.tokens.iter().enumerate();
    let names = batch.visual_rows.iter().zip(&batch.visual_names);
    let named = names.map(|(&row, name)| (row as usize, name));
    for (row, &token) in inputs
        .chain(named)
        .chain(targets.map(|(&row, token)| (row as usize, token)))
    {
        if token as usize >= vocab {
            return Err(ModelError::Token { row, token, vocab });
        }
    }
    for (&row, &index) in batch.visual_rows.iter().zip(&batch.visual_index) {
        if index as usize >= frames {
            return Err(ModelError::VisualRow {
                row: row as usize,
                index,
                count: frames,
            });
        }
    }
    Ok(())
}
