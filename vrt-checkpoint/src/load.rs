//! In: a checkpoint's folder. Out: the typed model, or the decoder's weights for decoding.

use std::path::{Path, PathBuf};

use dfdx::prelude::{ConstShape, Cpu, Tensor, TensorFromVec};
use half::{bf16, f16};
use safetensors::Dtype;
use vrt_core::model::ParamSpec;
use vrt_core::model::decoder::TextModel;
use vrt_core::model::lora::Frozen;
use vrt_core::model::params::{Init, Parameters, VisitorMut};
use vrt_core::model::qwen::Qwen25Vl;
use vrt_core::model::vision::VisionModel;
use vrt_core::model::weights::DecoderWeights;

use crate::config::{self, ModelConfig};
use crate::error::{CheckpointError, TensorProblem};
use crate::names::KeyLayout;
use crate::shards::{Place, Shards};

const EMBEDDING: &str = "model.embed_tokens.weight";
/// What the names of the tower's tensors begin with.
const TOWER: &str = "visual.";
const HEAD: &str = "lm_head.weight";

/// A checkpoint whose configuration was read and whose files are mapped; no tensor was converted yet.
#[derive(Debug)]
pub struct Checkpoint {
    folder: PathBuf,
    config: ModelConfig,
    layout: KeyLayout,
    shards: Shards,
}

impl Checkpoint {
    /// Opens a folder with `config.json` and `model.safetensors`, or shards and their index.
    ///
    /// # Errors
    /// [`CheckpointError`] if a file is missing, damaged, or of another kind of model.
    pub fn open(folder: &Path) -> Result<Self, CheckpointError> {
        let config = ModelConfig::read(&folder.join(config::FILE))?;
        let shards = Shards::open(folder)?;
        Ok(Self {
            folder: folder.to_owned(),
            config,
            layout: KeyLayout::of(shards.places.keys().map(String::as_str)),
            shards,
        })
    }

    /// What its `config.json` says.
    pub fn config(&self) -> &ModelConfig {
        &self.config
    }

    /// How its tensors are named.
    pub fn layout(&self) -> KeyLayout {
        self.layout
    }

    /// The model in 32 bits. Each tensor is converted from the mapped file into the buffer that the model keeps.
    ///
    /// # Errors
    /// [`CheckpointError::OtherSizes`] if the type has other sizes than the checkpoint; [`CheckpointError::Tensors`]
    /// lists every tensor that is missing, in excess or misshaped.
    pub fn load<V: VisionModel<Width = X::Width>, X: TextModel>(
        &self,
        dev: &Cpu,
    ) -> Result<Qwen25Vl<V, X>, CheckpointError> {
        if !self.config.fits::<V, X>() {
            return Err(CheckpointError::OtherSizes {
                asked: std::any::type_name::<Qwen25Vl<V, X>>(),
                found: self.config.describe(),
            });
        }
        self.check(&Qwen25Vl::<V, X>::declared(&self.config.model))?;
        let mut model = Qwen25Vl::zeros(dev, self.config.model);
        model.visit_mut("", &mut Fill(self, dev));
        Ok(model)
    }

    /// The vision tower in 32 bits, without the decoder; its names and the decoder's are held against the files.
    ///
    /// # Errors
    /// [`CheckpointError::OtherSizes`] if the type has other sizes than the checkpoint; [`CheckpointError::Tensors`]
    /// lists every tensor that is missing, in excess or misshaped.
    pub fn tower<V: VisionModel>(&self, dev: &Cpu) -> Result<V, CheckpointError> {
        if V::SIZES != self.config.tower {
            return Err(CheckpointError::OtherSizes {
                asked: std::any::type_name::<V>(),
                found: self.config.describe(),
            });
        }
        let mut declared = self.config.decoder.declared(self.config.model.text.tied);
        V::declare(TOWER, &mut |name, shape| declared.push((name, shape)));
        let specs = declared.into_iter().map(|(name, shape)| ParamSpec {
            name,
            shape,
            offset: 0,
        });
        self.check(&specs.collect::<Vec<_>>())?;
        let mut tower = V::zeros(dev);
        tower.visit_mut(TOWER, &mut Fill(self, dev));
        Ok(tower)
    }

    /// Numbers in the tensors of the vision tower.
    pub fn tower_numbers(&self) -> u64 {
        let tower = self.layout.published(TOWER);
        let places = self.shards.places.iter();
        let own = places.filter(|(name, _)| name.starts_with(&tower));
        own.map(|(_, place)| place.shape.iter().product::<usize>() as u64)
            .sum()
    }

    /// The decoder's weights laid out for decoding, without a model in between.
    ///
    /// # Errors
    /// [`CheckpointError::Tensors`] lists tensors of an unknown type, [`CheckpointError::Decoder`] those that are
    /// missing or misshaped.
    pub fn decoder_weights(&self) -> Result<DecoderWeights, CheckpointError> {
        self.check_types()?;
        let config = self.config.decoder.clone();
        Ok(DecoderWeights::new(config, |name| {
            self.decoder_values(name)
        })?)
    }

    /// The decoder's weights as adapters are trained on them.
    ///
    /// # Errors
    /// As [`Checkpoint::decoder_weights`].
    pub fn frozen(&self) -> Result<Frozen, CheckpointError> {
        self.check_types()?;
        let config = self.config.decoder.clone();
        Ok(Frozen::new(config, |name| self.decoder_values(name))?)
    }

    /// Some writers store the output map of a tied model although it is the embedding.
    fn decoder_values(&self, name: &str) -> Option<Vec<f32>> {
        let copy = self.config.model.text.tied && name == HEAD;
        if copy { None } else { self.values(name) }
    }

    fn check_types(&self) -> Result<(), CheckpointError> {
        let places = self.shards.places.iter();
        let problems = places.filter_map(|(name, place)| type_problem(name, place));
        self.refuse_if(problems.collect())
    }

    /// Compares names, shapes and types with what the model has.
    ///
    /// # Errors
    /// [`CheckpointError::Tensors`] lists all differences.
    pub fn check(&self, declared: &[ParamSpec]) -> Result<(), CheckpointError> {
        let mut problems = Vec::new();
        let mut known = std::collections::BTreeSet::new();
        for spec in declared {
            let name = self.layout.published(&spec.name);
            let expected = self.config.published_shape(&spec.name, &spec.shape);
            match self.shards.places.get(&name) {
                None => problems.push(TensorProblem::Missing {
                    name: name.clone(),
                    shape: expected,
                }),
                Some(place) if place.shape != expected => problems.push(TensorProblem::Misshaped {
                    name: name.clone(),
                    found: place.shape.clone(),
                    expected,
                }),
                Some(place) => problems.extend(type_problem(&name, place)),
            }
            known.insert(name);
        }
        for (name, place) in &self.shards.places {
            if !known.contains(name) && !self.is_copy_of_embedding(name, place) {
                problems.push(TensorProblem::Extra {
                    name: name.clone(),
                    shape: place.shape.clone(),
                });
            }
        }
        self.refuse_if(problems)
    }

    fn refuse_if(&self, problems: Vec<TensorProblem>) -> Result<(), CheckpointError> {
        if problems.is_empty() {
            return Ok(());
        }
        Err(CheckpointError::Tensors {
            folder: self.folder.clone(),
            problems,
        })
    }

    /// Some writers store the output map of a tied model although it is the embedding.
    fn is_copy_of_embedding(&self, name: &str, place: &Place) -> bool {
        let embedding = self.shards.places.get(&self.layout.published(EMBEDDING));
        name == HEAD
            && embedding.is_some_and(|embedding| {
                embedding.dtype == place.dtype
                    && self.shards.bytes(embedding) == self.shards.bytes(place)
            })
    }

    /// The numbers of a tensor by its name in the model, or `None` if the files have no such tensor of a known type.
    pub fn values(&self, name: &str) -> Option<Vec<f32>> {
        let place = self.shards.places.get(&self.layout.published(name))?;
        let bytes = self.shards.bytes(place);
        Some(match place.dtype {
            Dtype::F32 => convert(bytes, f32::from_le_bytes),
            Dtype::BF16 => convert(bytes, |b| bf16::from_le_bytes(b).to_f32()),
            Dtype::F16 => convert(bytes, |b| f16::from_le_bytes(b).to_f32()),
            _ => return None,
        })
    }
}

fn type_problem(name: &str, place: &Place) -> Option<TensorProblem> {
    let known = [Dtype::F32, Dtype::BF16, Dtype::F16].contains(&place.dtype);
    (!known).then(|| TensorProblem::Type {
        name: name.to_owned(),
        found: place.dtype,
    })
}

fn convert<const N: usize>(bytes: &[u8], number: impl Fn([u8; N]) -> f32) -> Vec<f32> {
    bytes.as_chunks().0.iter().map(|b| number(*b)).collect()
}

struct Fill<'a>(&'a Checkpoint, &'a Cpu);

impl VisitorMut<Cpu> for Fill<'_> {
    fn visit<S: ConstShape>(&mut self, name: &str, _: Init, tensor: &mut Tensor<S, f32, Cpu>) {
        // The check before has seen that the name is there and has this shape.
        if let Some(values) = self.0.values(name) {
            *tensor = self.1.tensor_from_vec(values, S::default());
        }
    }
}
