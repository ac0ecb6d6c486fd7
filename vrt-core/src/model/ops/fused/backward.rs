//! Gradients of the slice kernels that every block shares.

use crate::model::kernels::dot;

/// Adds the gradients of `y = x · inverse · weight`, `inverse = 1/√(mean(x²) + eps)`, row by row:
/// `dx += inverse · (w·dy − x̂ · mean(w·dy·x̂))` with `x̂ = x · inverse`, and `dweight += Σ dy · x̂`.
pub fn rms_norm(
    dx: &mut [f32],
    dweight: &mut [f32],
    dy: &[f32],
    x: &[f32],
    inverse: &[f32],
    weight: &[f32],
) {
    let width = weight.len();
    let mut weighted = vec![0.0; width];
    let rows = dx
        .chunks_exact_mut(width)
        .zip(dy.chunks_exact(width))
        .zip(x.chunks_exact(width))
        .zip(inverse);
    for (((dx, dy), x), &inverse) in rows {
        for ((weighted, dy), w) in weighted.iter_mut().zip(dy).zip(weight) {
            *weighted = dy * w;
        }
        let along = dot(&weighted, x) * inverse * inverse / width as f32;
        for ((dx, weighted), x) in dx.iter_mut().zip(&weighted).zip(x) {
            *dx += inverse * (weighted - x * along);
        }
        for ((dw, dy), x) in dweight.iter_mut().zip(dy).zip(x) {
            *dw += dy * x * inverse;
        }
    }
}

/// Adds the sum over rows: the gradient of a bias.
pub fn bias(dbias: &mut [f32], dy: &[f32]) {
    for row in dy.chunks_exact(dbias.len()) {
        crate::model::kernels::add(dbias, row);
    }
}
