//! In: a weight matrix `[out, in]`. Out: its product with rows, each row's result independent of the others.
//!
//! A blocked matrix product may split its sums by the number of rows, and then a sampled token depends on
//! who else is in the batch. Here each output is ONE chain of fused multiply-adds over the inputs, in
//! order, whatever the batch; and the weights are laid out once for all steps.

#[cfg(target_arch = "x86_64")]
use super::wide::Product;

/// Outputs computed side by side: two AVX registers.
pub(super) const WIDTH: usize = 16;
/// Rows computed side by side: 6 × 2 accumulators, 2 weights and a broadcast fill the 16 AVX registers.
const ROWS: usize = 6;

/// A weight matrix in panels of 16 outputs: `data[panel][input][output in panel]`, zero beyond the last.
#[derive(Clone, Debug)]
pub struct Panels {
    data: Vec<[f32; WIDTH]>,
    outputs: usize,
    inputs: usize,
}

/// What an output starts from.
#[derive(Clone, Copy, Debug)]
pub enum Start<'a> {
    /// Nothing: `y = x·Wᵀ`.
    Zero,
    /// The layer's bias `[out]`: `y = x·Wᵀ + b`.
    Bias(&'a [f32]),
    /// What stands in `y`: `y += x·Wᵀ`, the residual stream.
    Residual,
}

impl Panels {
    /// Lays out `weight[out, inputs]`, row-major.
    pub fn new(weight: &[f32], inputs: usize) -> Self {
        let outputs = weight.len() / inputs;
        let mut data = vec![[0.0; WIDTH]; outputs.div_ceil(WIDTH) * inputs];
        for (o, row) in weight.chunks_exact(inputs).enumerate() {
            let panel = &mut data[o / WIDTH * inputs..][..inputs];
            for (slot, w) in panel.iter_mut().zip(row) {
                slot[o % WIDTH] = *w;
            }
        }
        Self {
            data,
            outputs,
            inputs,
        }
    }

    /// Number of outputs.
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    pub(super) fn inputs(&self) -> usize {
        self.inputs
    }

    pub(super) fn data(&self) -> &[[f32; WIDTH]] {
        &self.data
    }

    /// `y[m, out] = start + x[m, in] · Wᵀ`.
    pub fn apply(&self, y: &mut [f32], x: &[f32], start: Start<'_>) {
        assert_eq!(
            x.len() * self.outputs,
            y.len() * self.inputs,
            "x and y differ in rows"
        );
        #[cfg(target_arch = "x86_64")]
        if let Some(simd) = pulp::x86::V4::try_new() {
            let panels = self;
            let product = Product {
                panels,
                y,
                x,
                start,
            };
            return pulp::Simd::vectorize(simd, product);
        }
        self.narrow(y, x, start);
    }

    /// The same on registers of half a panel's width.
    fn narrow(&self, y: &mut [f32], x: &[f32], start: Start<'_>) {
        let (n, k) = (self.outputs, self.inputs);
        for (p, panel) in self.data.chunks_exact(k).enumerate() {
            let from = p * WIDTH;
            let width = WIDTH.min(n - from);
            let (mut xs, mut ys) = (x, &mut *y);
            while ys.len() >= ROWS * n {
                let (x_block, x_rest) = xs.split_at(ROWS * k);
                let (y_block, y_rest) = ys.split_at_mut(ROWS * n);
                block::<ROWS>(panel, x_block, y_block, n, from, width, start);
                (xs, ys) = (x_rest, y_rest);
            }
            match ys.len() / n {
                1 => block::<1>(panel, xs, ys, n, from, width, start),
                2 => block::<2>(panel, xs, ys, n, from, width, start),
                3 => block::<3>(panel, xs, ys, n, from, width, start),
                4 => block::<4>(panel, xs, ys, n, from, width, start),
                5 => block::<5>(panel, xs, ys, n, from, width, start),
                _ => {}
            }
        }
    }
}

/// `R` rows by one panel.
#[inline(always)]
fn block<const R: usize>(
    panel: &[[f32; WIDTH]],
    x: &[f32],
    y: &mut [f32],
    n: usize,
    from: usize,
    width: usize,
    start: Start<'_>,
) {
    let k = panel.len();
    let rows: [&[f32]; R] = std::array::from_fn(|r| &x[r * k..][..k]);
    // Whole panels move as arrays: a copy of variable length would keep the sums out of registers.
    let mut acc: [[f32; WIDTH]; R] = std::array::from_fn(|r| match start {
        Start::Zero => [0.0; WIDTH],
        Start::Bias(bias) => load(&bias[from..], width),
        Start::Residual => load(&y[r * n + from..], width),
    });
    for (i, w) in panel.iter().enumerate() {
        for r in 0..R {
            let x = rows[r][i];
            for j in 0..WIDTH {
                acc[r][j] = x.mul_add(w[j], acc[r][j]);
            }
        }
    }
    for (r, acc) in acc.into_iter().enumerate() {
        store(&mut y[r * n + from..], acc, width);
    }
}

#[inline(always)]
fn load(from: &[f32], width: usize) -> [f32; WIDTH] {
    match from.first_chunk() {
        Some(chunk) if width == WIDTH => *chunk,
        _ => std::array::from_fn(|j| if j < width { from[j] } else { 0.0 }),
    }
}

#[inline(always)]
fn store(to: &mut [f32], values: [f32; WIDTH], width: usize) {
    match to.first_chunk_mut() {
        Some(chunk) if width == WIDTH => *chunk = values,
        _ => {
            for (j, value) in values.into_iter().enumerate() {
                if j < width {
                    to[j] = value;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Purpose, stream};
    use rand::RngExt;

    #[test]
    fn an_output_is_one_chain_in_order_whatever_the_batch() {
        let inputs = 19;
        for outputs in [16, 35, 67] {
            one_chain(outputs, inputs);
        }
    }

    fn one_chain(outputs: usize, inputs: usize) {
        let mut rng = stream(1, Purpose::Init, 0, 0, 0);
        let mut numbers =
            |n: usize| -> Vec<f32> { (0..n).map(|_| rng.random::<f32>() - 0.5).collect() };
        let (weight, bias, x) = (
            numbers(outputs * inputs),
            numbers(outputs),
            numbers(31 * inputs),
        );
        let panels = Panels::new(&weight, inputs);
        for rows in 1..=31 {
            let (mut y, mut narrow) = (vec![0.0; rows * outputs], vec![0.0; rows * outputs]);
            panels.apply(&mut y, &x[..rows * inputs], Start::Bias(&bias));
            panels.narrow(&mut narrow, &x[..rows * inputs], Start::Bias(&bias));
            assert_eq!(y, narrow);
            for (x, y) in x.chunks_exact(inputs).zip(y.chunks_exact(outputs)) {
                for (o, found) in y.iter().enumerate() {
                    let row = x.iter().zip(&weight[o * inputs..][..inputs]);
                    let expected = row.fold(bias[o], |sum, (x, w)| x.mul_add(*w, sum));
                    assert_eq!(*found, expected);
                }
            }
        }
    }
}
