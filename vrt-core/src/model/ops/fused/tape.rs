//! Between the tape and plain vectors.
//!
//! A tensor's numbers cannot be borrowed, so they are copied out once; gradients are moved out of the
//! store and back, which costs nothing.

use dfdx::prelude::*;

/// The gradient store of the CPU.
pub type Store = Gradients<f32, Cpu>;
/// A tensor as its key in the gradient store.
pub type Place<S> = Tensor<S, f32, Cpu>;

/// A tensor's numbers; the tensor is contiguous, as all parameters and all outputs of fused operations are.
pub fn numbers<S: Shape, T>(tensor: &Tensor<S, f32, Cpu, T>) -> Vec<f32> {
    let mut numbers = vec![0.0; tensor.shape().num_elements()];
    tensor.copy_into(&mut numbers);
    numbers
}

/// Takes a gradient out of the store; zeros if there is none yet.
pub fn take<S: Shape>(store: &mut Store, place: &Place<S>) -> Result<Vec<f32>, CpuError> {
    Ok(std::mem::take(&mut **store.get_or_alloc_mut(place)?))
}

/// Adds to a gradient.
pub fn add<S: Shape>(store: &mut Store, place: &Place<S>, values: &[f32]) -> Result<(), CpuError> {
    crate::model::kernels::add(store.get_or_alloc_mut(place)?, values);
    Ok(())
}

/// Changes a gradient in place.
pub fn update<S: Shape>(
    store: &mut Store,
    place: &Place<S>,
    change: impl FnOnce(&mut [f32]),
) -> Result<(), CpuError> {
    change(store.get_or_alloc_mut(place)?);
    Ok(())
}
