//! In: a model's tensors. Out: the same numbers as one flat, named, ordered list.
//!
//! Optimiser, checkpoint and the sum over shards all work on this list; its order is the order in
//! which [`Parameters::visit`] walks the model and never depends on a run.

use dfdx::prelude::*;
use rand_distr::{Distribution, Normal};

use super::error::ModelError;
use crate::rng::{self, Purpose};

/// How a tensor starts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Init {
    /// Normal with standard deviation `gain / sqrt(columns)`: columns are a torch weight's inputs.
    Normal {
        /// Factor on the fan-in deviation.
        gain: f32,
    },
    /// The gain of a normalisation.
    Ones,
    /// A bias.
    Zeros,
}

/// Where a parameter stands in the flat list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParamSpec {
    /// The name in published checkpoints.
    pub name: String,
    /// Torch layout: `[out, in]` for a linear map.
    pub shape: Vec<usize>,
    /// Index of its first number in the flat list.
    pub offset: usize,
}

/// Sees each tensor of a model once.
pub trait Visitor<Dev: Device<f32>> {
    /// `name` is the name in published checkpoints.
    fn visit<S: ConstShape>(&mut self, name: &str, tensor: &Tensor<S, f32, Dev>);
}

/// Sees each tensor of a model once and may change it.
pub trait VisitorMut<Dev: Device<f32>> {
    /// `name` is the name in published checkpoints, `init` how the tensor starts.
    fn visit<S: ConstShape>(&mut self, name: &str, init: Init, tensor: &mut Tensor<S, f32, Dev>);
}

/// A model or a part of one: a fixed, ordered set of named tensors.
pub trait Parameters<Dev: Device<f32>> {
    /// Shows every tensor in order; names start with `prefix`.
    fn visit(&self, prefix: &str, visitor: &mut impl Visitor<Dev>);
    /// As [`Parameters::visit`], for changing.
    fn visit_mut(&mut self, prefix: &str, visitor: &mut impl VisitorMut<Dev>);
}

/// A set of tensors whose sizes are all in its type.
pub trait Zeros<Dev: Device<f32>>: Parameters<Dev> + Sized {
    /// All tensors zero.
    fn zeros(dev: &Dev) -> Self;
    /// Names and shapes in the order of [`Parameters::visit`], without making a tensor.
    fn declare(prefix: &str, see: &mut impl FnMut(String, Vec<usize>));
}

impl<Dev: Device<f32>, A: Parameters<Dev>, B: Parameters<Dev>> Parameters<Dev> for (A, B) {
    fn visit(&self, prefix: &str, visitor: &mut impl Visitor<Dev>) {
        self.0.visit(prefix, visitor);
        self.1.visit(prefix, visitor);
    }

    fn visit_mut(&mut self, prefix: &str, visitor: &mut impl VisitorMut<Dev>) {
        self.0.visit_mut(prefix, visitor);
        self.1.visit_mut(prefix, visitor);
    }
}

impl<Dev: Device<f32>, A: Zeros<Dev>, B: Zeros<Dev>> Zeros<Dev> for (A, B) {
    fn zeros(dev: &Dev) -> Self {
        (A::zeros(dev), B::zeros(dev))
    }

    fn declare(prefix: &str, see: &mut impl FnMut(String, Vec<usize>)) {
        A::declare(prefix, see);
        B::declare(prefix, see);
    }
}

/// Declares a set of tensors: one line is the field, its shape, its published name and its start.
macro_rules! weights {
    ($(#[$meta:meta])* $name:ident<$($dim:ident),*> {
        $($(#[$doc:meta])* $field:ident: $shape:ty = $path:literal, $init:expr;)*
    }) => {
        $(#[$meta])*
        #[derive(Clone, Debug)]
        pub struct $name<$(const $dim: usize,)* Dev: dfdx::prelude::Device<f32> = dfdx::prelude::Cpu> {
            $($(#[$doc])* pub $field: dfdx::prelude::Tensor<$shape, f32, Dev>,)*
        }

        impl<$(const $dim: usize,)* Dev: dfdx::prelude::Device<f32>> $crate::model::params::Parameters<Dev>
            for $name<$($dim,)* Dev>
        {
            fn visit(&self, prefix: &str, visitor: &mut impl $crate::model::params::Visitor<Dev>) {
                $(visitor.visit(&format!("{prefix}{}", $path), &self.$field);)*
            }

            fn visit_mut(&mut self, prefix: &str, visitor: &mut impl $crate::model::params::VisitorMut<Dev>) {
                $(visitor.visit(&format!("{prefix}{}", $path), $init, &mut self.$field);)*
            }
        }

        impl<$(const $dim: usize,)* Dev: dfdx::prelude::Device<f32>> $crate::model::params::Zeros<Dev>
            for $name<$($dim,)* Dev>
        {
            fn zeros(dev: &Dev) -> Self {
                Self { $($field: dfdx::prelude::ZerosTensor::zeros(dev),)* }
            }

            fn declare(prefix: &str, see: &mut impl FnMut(String, Vec<usize>)) {
                use dfdx::prelude::Shape as _;
                $(see(
                    format!("{prefix}{}", $path),
                    <$shape>::default().concrete().into_iter().collect(),
                );)*
            }
        }
    };
}
pub(crate) use weights;

struct Layout(Vec<ParamSpec>, usize);

impl<Dev: Device<f32>> Visitor<Dev> for Layout {
    fn visit<S: ConstShape>(&mut self, name: &str, tensor: &Tensor<S, f32, Dev>) {
        let shape = tensor.shape();
        self.0.push(ParamSpec {
            name: name.to_owned(),
            shape: shape.concrete().into_iter().collect(),
            offset: self.1,
        });
        self.1 += shape.num_elements();
    }
}

/// The flat list's table of contents.
pub fn layout<Dev: Device<f32>>(model: &impl Parameters<Dev>) -> Vec<ParamSpec> {
    let mut layout = Layout(Vec::new(), 0);
    model.visit("", &mut layout);
    layout.0
}

/// Numbers in the flat list.
pub fn len<Dev: Device<f32>>(model: &impl Parameters<Dev>) -> usize {
    let mut layout = Layout(Vec::new(), 0);
    model.visit("", &mut layout);
    layout.1
}

struct ToFlat(Vec<f32>);

impl<Dev: Device<f32>> Visitor<Dev> for ToFlat {
    fn visit<S: ConstShape>(&mut self, _: &str, tensor: &Tensor<S, f32, Dev>) {
        let start = self.0.len();
        self.0.resize(start + tensor.shape().num_elements(), 0.0);
        tensor.copy_into(&mut self.0[start..]);
    }
}

/// All parameters, one after the other.
pub fn to_flat<Dev: Device<f32>>(model: &impl Parameters<Dev>) -> Vec<f32> {
    let mut flat = ToFlat(Vec::new());
    model.visit("", &mut flat);
    flat.0
}

struct LoadFlat<'a>(&'a [f32]);

impl<Dev: Device<f32>> VisitorMut<Dev> for LoadFlat<'_> {
    fn visit<S: ConstShape>(&mut self, _: &str, _: Init, tensor: &mut Tensor<S, f32, Dev>) {
        let (head, rest) = self.0.split_at(tensor.shape().num_elements());
        tensor.copy_from(head);
        self.0 = rest;
    }
}

/// Sets all parameters.
///
/// # Errors
/// [`ModelError::FlatLength`] if `flat` has another length than [`to_flat`] gives; nothing is changed then.
pub fn load_flat<Dev: Device<f32>>(
    model: &mut impl Parameters<Dev>,
    flat: &[f32],
) -> Result<(), ModelError> {
    let expected = len(model);
    if expected != flat.len() {
        return Err(ModelError::FlatLength {
            found: flat.len(),
            expected,
        });
    }
    model.visit_mut("", &mut LoadFlat(flat));
    Ok(())
}

struct Initialise {
    seed: u64,
    index: u64,
}

impl<Dev: Device<f32>> VisitorMut<Dev> for Initialise {
    fn visit<S: ConstShape>(&mut self, _: &str, init: Init, tensor: &mut Tensor<S, f32, Dev>) {
        let count = tensor.shape().num_elements();
        let values = match init {
            Init::Ones => vec![1.0; count],
            Init::Zeros => vec![0.0; count],
            Init::Normal { gain } => {
                let columns = tensor.shape().concrete().into_iter().last().unwrap_or(1);
                let deviation = gain / (columns as f32).sqrt();
                let mut rng = rng::stream(self.seed, Purpose::Init, self.index, 0, 0);
                match Normal::new(0.0f32, deviation) {
                    Ok(normal) => normal.sample_iter(&mut rng).take(count).collect(),
                    Err(_) => vec![0.0; count],
                }
            }
        };
        tensor.copy_from(&values);
        self.index += 1;
    }
}

/// Draws all parameters; each tensor has its own stream, keyed by its place in the list.
pub fn initialise<Dev: Device<f32>>(model: &mut impl Parameters<Dev>, seed: u64) {
    model.visit_mut("", &mut Initialise { seed, index: 0 });
}

struct Collect<'a> {
    gradients: &'a mut Gradients<f32, Cpu>,
    flat: Vec<f32>,
}

impl Visitor<Cpu> for Collect<'_> {
    fn visit<S: ConstShape>(&mut self, _: &str, tensor: &Tensor<S, f32, Cpu>) {
        // Allocation on the host cannot fail short of aborting, and a missing gradient is a zero one.
        match self.gradients.get_or_alloc_mut(tensor) {
            Ok(gradient) => self.flat.extend_from_slice(gradient),
            Err(_) => self
                .flat
                .resize(self.flat.len() + tensor.shape().num_elements(), 0.0),
        }
    }
}

/// All gradients, one after the other; zeros for parameters without one.
pub fn gradients_flat(
    model: &impl Parameters<Cpu>,
    gradients: &mut Gradients<f32, Cpu>,
) -> Vec<f32> {
    let mut collect = Collect {
        gradients,
        flat: Vec::with_capacity(len(model)),
    };
    model.visit("", &mut collect);
    collect.flat
}
