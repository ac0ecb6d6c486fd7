//! In: rows of `f32` in plain slices. Out: the model's forward arithmetic on them.
//!
//! Every matrix is dense and row-major. Loops run over fixed-size chunks so that the compiler turns them
//! into vector code; a sum's order depends on the length of the row alone, never on its neighbours.
//! A slice of the wrong length is a bug of the caller and panics; nothing here sees user input.

use gemm::Parallelism;
use pulp::{Scalar, Simd};

#[cfg(target_arch = "x86_64")]
pub(super) use super::wide::wide;

/// Runs `work` as it is.
#[cfg(not(target_arch = "x86_64"))]
#[inline(always)]
pub(super) fn wide<W: Work>(work: W) -> W::Output {
    work.run(Scalar::new())
}

/// A loop that is compiled for registers of several widths. `run` and what it calls must be `#[inline(always)]`: what stays a
/// call of its own stays narrow, closures too. Loops over arrays become vector code by themselves; `simd` is for what does not.
pub(super) trait Work {
    type Output;
    fn run<S: Simd>(self, simd: S) -> Self::Output;
}

/// Partial sums kept side by side in a reduction: two AVX registers.
const LANES: usize = 16;

/// `y[m, n] = beta · y + x[m, k] · w[n, k]ᵀ`: a linear layer with its weight stored `[out, in]`.
///
/// With `beta = 0` what stood in `y` is not read.
pub fn matmul_nt(y: &mut [f32], x: &[f32], w: &[f32], [m, n, k]: [usize; 3], beta: f32) {
    product(y, x, [k, 1], w, [1, k], [m, n, k], beta);
}

/// `y[m, n] = beta · y + x[m, k] · w[k, n]`: the gradient of a linear layer's input, with `w` as stored.
pub fn matmul_nn(y: &mut [f32], x: &[f32], w: &[f32], [m, n, k]: [usize; 3], beta: f32) {
    product(y, x, [k, 1], w, [n, 1], [m, n, k], beta);
}

/// `y[m, n] = beta · y + x[k, m]ᵀ · w[k, n]`: the gradient of a linear layer's weight, `k` rows summed.
pub fn matmul_tn(y: &mut [f32], x: &[f32], w: &[f32], [m, n, k]: [usize; 3], beta: f32) {
    product(y, x, [1, m], w, [n, 1], [m, n, k], beta);
}

/// One thread: the batch is what is split over threads.
fn product(
    y: &mut [f32],
    x: &[f32],
    [x_row, x_col]: [usize; 2],
    w: &[f32],
    [w_row, w_col]: [usize; 2],
    [m, n, k]: [usize; 3],
    beta: f32,
) {
    assert_eq!(y.len(), m * n, "y is not [{m}, {n}]");
    assert_eq!(x.len(), m * k, "x does not hold {m} × {k} values");
    assert_eq!(w.len(), k * n, "w does not hold {k} × {n} values");
    // SAFETY: the strides of each caller reach exactly the lengths asserted above, and `y`, borrowed
    // mutably, overlaps neither operand.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            y.as_mut_ptr(),
            1,
            n as isize,
            beta != 0.0,
            x.as_ptr(),
            x_col as isize,
            x_row as isize,
            w.as_ptr(),
            w_col as isize,
            w_row as isize,
            beta,
            1.0,
            false,
            false,
            false,
            Parallelism::None,
        );
    }
}

/// Adds `bias[n]` to each row of `y[m, n]`.
pub fn add_bias(y: &mut [f32], bias: &[f32]) {
    for row in y.chunks_exact_mut(bias.len()) {
        add(row, bias);
    }
}

/// `y += x`.
pub fn add(y: &mut [f32], x: &[f32]) {
    for (y, x) in y.iter_mut().zip(x) {
        *y += x;
    }
}

/// `eˣ`, relative error below 1.5·10⁻⁷; 0 below −87.33, infinite above 88.37, NaN for NaN.
///
/// Range reduction by `ln 2` in two parts and a polynomial of degree 7, without branches, so that a loop
/// over it becomes vector code.
#[inline(always)]
pub fn exp(x: f32) -> f32 {
    const LOWEST: f32 = -87.33;
    const HIGHEST: f32 = 88.37;
    // Adding 1.5·2²³ rounds to the nearest integer and leaves it in the low bits.
    const ROUND: f32 = 12_582_912.0;
    const LN_2_HIGH: f32 = 0.693_359_4;
    const LN_2_LOW: f32 = -2.121_944_4e-4;

    let clamped = x.clamp(LOWEST, HIGHEST);
    let shifted = clamped.mul_add(std::f32::consts::LOG2_E, ROUND);
    let n = shifted - ROUND;
    let r = n.mul_add(-LN_2_LOW, n.mul_add(-LN_2_HIGH, clamped));
    let mut p = 1.0 / 5040.0;
    for c in [
        1.0 / 720.0,
        1.0 / 120.0,
        1.0 / 24.0,
        1.0 / 6.0,
        0.5,
        1.0,
        1.0,
    ] {
        p = r.mul_add(p, c);
    }
    let two_to_n = f32::from_bits(shifted.to_bits().wrapping_add(127) << 23);
    let y = p * two_to_n;
    let y = if x < LOWEST { 0.0 } else { y };
    if x > HIGHEST { f32::INFINITY } else { y }
}

/// `Σ x·y`.
#[inline(always)]
pub fn dot(x: &[f32], y: &[f32]) -> f32 {
    total(Scalar::new(), products(x, y))
}

/// Partial sums of `x·y`.
#[inline(always)]
fn products(x: &[f32], y: &[f32]) -> [f32; LANES] {
    let n = x.len().min(y.len());
    let (xs, x_tail) = x[..n].as_chunks::<LANES>();
    let (ys, y_tail) = y[..n].as_chunks::<LANES>();
    let mut lanes = [0.0f32; LANES];
    for (x, y) in xs.iter().zip(ys) {
        for i in 0..LANES {
            lanes[i] = x[i].mul_add(y[i], lanes[i]);
        }
    }
    for (i, (x, y)) in x_tail.iter().zip(y_tail).enumerate() {
        lanes[i] = x.mul_add(*y, lanes[i]);
    }
    lanes
}

/// `Σ x`.
#[inline]
pub fn sum(x: &[f32]) -> f32 {
    let (chunks, tail) = x.as_chunks::<LANES>();
    let mut lanes = [0.0f32; LANES];
    for chunk in chunks {
        for i in 0..LANES {
            lanes[i] += chunk[i];
        }
    }
    for (lane, x) in lanes.iter_mut().zip(tail) {
        *lane += x;
    }
    total(Scalar::new(), lanes)
}

/// The largest value, −∞ of an empty row; NaN is passed over.
#[inline(always)]
pub fn max(x: &[f32]) -> f32 {
    largest(Scalar::new(), x)
}

#[inline(always)]
fn larger(a: f32, b: f32) -> f32 {
    if b > a { b } else { a }
}

#[inline(always)]
fn largest<S: Simd>(simd: S, x: &[f32]) -> f32 {
    let (chunks, tail) = x.as_chunks::<LANES>();
    let mut lanes = [f32::NEG_INFINITY; LANES];
    for chunk in chunks {
        for i in 0..LANES {
            lanes[i] = larger(lanes[i], chunk[i]);
        }
    }
    for (lane, x) in lanes.iter_mut().zip(tail) {
        *lane = larger(*lane, *x);
    }
    // No lane is NaN, so that the order of comparisons does not matter.
    match S::as_simd_f32s(&lanes) {
        ([register], []) => simd.reduce_max_f32s(*register),
        _ => fold(lanes, larger),
    }
}

/// The sum of partial sums: the lower half plus the upper until one is left, which is how a register that holds them is
/// reduced, too.
#[inline(always)]
fn total<S: Simd>(simd: S, lanes: [f32; LANES]) -> f32 {
    match S::as_simd_f32s(&lanes) {
        ([register], []) => simd.reduce_sum_f32s(*register),
        _ => fold(lanes, |a, b| a + b),
    }
}

#[inline(always)]
fn fold(mut lanes: [f32; LANES], join: impl Fn(f32, f32) -> f32) -> f32 {
    let mut width = LANES / 2;
    while width > 0 {
        for i in 0..width {
            lanes[i] = join(lanes[i], lanes[i + width]);
        }
        width /= 2;
    }
    lanes[0]
}

/// `y = x / √(mean(x²) + eps) · weight` for each row of `x[m, d]`, `d` the length of `weight`.
///
/// `inverse`, if wanted, receives `1 / √(…)` of each row for the backward pass.
pub fn rmsnorm(y: &mut [f32], x: &[f32], weight: &[f32], eps: f32, inverse: Option<&mut [f32]>) {
    wide(RmsNorm {
        y,
        x,
        weight,
        eps,
        inverse,
    });
}

struct RmsNorm<'a> {
    y: &'a mut [f32],
    x: &'a [f32],
    weight: &'a [f32],
    eps: f32,
    inverse: Option<&'a mut [f32]>,
}

impl Work for RmsNorm<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let d = self.weight.len();
        let mut inverse = self.inverse.map(|all| all.iter_mut());
        let rows = self.y.chunks_exact_mut(d).zip(self.x.chunks_exact(d));
        for (y, x) in rows {
            let squares = total(simd, products(x, x));
            let r = 1.0 / (squares / d as f32 + self.eps).sqrt();
            for ((y, x), w) in y.iter_mut().zip(x).zip(self.weight) {
                *y = x * r * w;
            }
            if let Some(slot) = inverse.as_mut().and_then(Iterator::next) {
                *slot = r;
            }
        }
    }
}

/// Cosines and sines of rotary positions: M-RoPE as in Qwen2-VL.
///
/// Frequency `i` of `head_dim / 2` turns by `position · theta^(−2i / head_dim)`; the position is the
/// temporal, height or width one according to the section that `i` falls into.
#[derive(Clone, Debug)]
pub struct Rotary {
    half: usize,
    frequencies: Vec<f64>,
    axis: Vec<usize>,
    cos: Vec<f32>,
    sin: Vec<f32>,
}

impl Rotary {
    /// Sections `[temporal, height, width]` sum to `head_dim / 2`.
    pub fn new(head_dim: usize, theta: f32, sections: [usize; 3]) -> Self {
        let half = head_dim / 2;
        assert_eq!(sections.iter().sum::<usize>(), half, "M-RoPE sections");
        let frequencies = (0..half)
            .map(|i| f64::from(theta).powf(-(2.0 * i as f64) / head_dim as f64))
            .collect();
        let axis = (0..3)
            .flat_map(|axis| std::iter::repeat_n(axis, sections[axis]))
            .collect();
        Self {
            half,
            frequencies,
            axis,
            cos: Vec::new(),
            sin: Vec::new(),
        }
    }

    /// Writes the `head_dim / 2` cosines and sines of one row.
    ///
    /// Positions seen before come from a table; it grows to the largest position asked for.
    pub fn write(&mut self, position: [u32; 3], cos: &mut [f32], sin: &mut [f32]) {
        let needed = position.into_iter().max().unwrap_or(0) as usize + 1;
        for p in self.cos.len() / self.half..needed {
            for frequency in &self.frequencies {
                let (s, c) = (p as f64 * frequency).sin_cos();
                self.cos.push(c as f32);
                self.sin.push(s as f32);
            }
        }
        for (i, axis) in self.axis.iter().enumerate() {
            let at = position[*axis] as usize * self.half + i;
            cos[i] = self.cos[at];
            sin[i] = self.sin[at];
        }
    }
}

/// Turns one head in place: the pair `(x[i], x[i + half])` by the angle of `cos[i]`, `sin[i]`
/// (`rotate_half`). With `−sin` it is the inverse, which is also the backward pass.
#[inline]
pub fn rotate(x: &mut [f32], cos: &[f32], sin: &[f32]) {
    let (first, second) = x.split_at_mut(cos.len());
    for (((a, b), c), s) in first.iter_mut().zip(second).zip(cos).zip(sin) {
        let (x, y) = (*a, *b);
        *a = x * c - y * s;
        *b = y * c + x * s;
    }
}

/// `y = silu(gate) · up` over rows `[gate | up]` of width `2·i`: `y` is `[m, i]`, `x` is `[m, 2·i]`.
pub fn swiglu(y: &mut [f32], x: &[f32], i: usize) {
    wide(SwiGlu { y, x, i });
}

struct SwiGlu<'a> {
    y: &'a mut [f32],
    x: &'a [f32],
    i: usize,
}

impl Work for SwiGlu<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let Self { y, x, i } = self;
        for (y, x) in y.chunks_exact_mut(i).zip(x.chunks_exact(2 * i)) {
            let (gate, up) = x.split_at(i);
            for ((y, g), u) in y.iter_mut().zip(gate).zip(up) {
                *y = g / (1.0 + exp(-g)) * u;
            }
        }
    }
}

/// Softmax of one row in place. A row of −∞ becomes zeros.
#[inline]
pub fn softmax(row: &mut [f32]) {
    wide(Softmax(row));
}

/// [`softmax`]; returns `ln Σ eˣ`.
#[inline]
pub fn softmax_log_sum(row: &mut [f32]) -> f32 {
    let (top, total) = wide(Softmax(row));
    if top == f32::NEG_INFINITY {
        return top;
    }
    top + total.ln()
}

struct Softmax<'a>(&'a mut [f32]);

impl Work for Softmax<'_> {
    type Output = (f32, f32);

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> (f32, f32) {
        softmax_total(simd, self.0)
    }
}

/// Softmax in place; the largest value and the sum of the exponentials of what lies below it.
#[inline(always)]
pub(super) fn softmax_total<S: Simd>(simd: S, row: &mut [f32]) -> (f32, f32) {
    let top = largest(simd, row);
    if top == f32::NEG_INFINITY {
        row.fill(0.0);
        return (top, 0.0);
    }
    let (chunks, tail) = row.as_chunks_mut::<LANES>();
    let mut lanes = [0.0f32; LANES];
    for chunk in chunks {
        let mut values = [0.0f32; LANES];
        for i in 0..LANES {
            values[i] = exp(chunk[i] - top);
            lanes[i] += values[i];
        }
        *chunk = values;
    }
    for (lane, x) in lanes.iter_mut().zip(tail) {
        *x = exp(*x - top);
        *lane += *x;
    }
    let total = total(simd, lanes);
    let scale = 1.0 / total;
    for x in row.iter_mut() {
        *x *= scale;
    }
    (top, total)
}

/// `ln Σ eˣ` of one row.
#[inline]
pub fn log_sum_exp(row: &[f32]) -> f32 {
    let (top, total) = wide(ExponentialSum(row));
    if top == f32::NEG_INFINITY {
        return top;
    }
    top + total.ln()
}

/// The largest value and the sum of the exponentials of what lies below it.
struct ExponentialSum<'a>(&'a [f32]);

impl Work for ExponentialSum<'_> {
    type Output = (f32, f32);

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> (f32, f32) {
        let row = self.0;
        let top = largest(simd, row);
        if top == f32::NEG_INFINITY {
            return (top, 0.0);
        }
        let (chunks, tail) = row.as_chunks::<LANES>();
        let mut lanes = [0.0f32; LANES];
        for chunk in chunks {
            for i in 0..LANES {
                lanes[i] += exp(chunk[i] - top);
            }
        }
        for (lane, x) in lanes.iter_mut().zip(tail) {
            *lane += exp(x - top);
        }
        (top, total(simd, lanes))
    }
}

/// Log-softmax of one row in place; returns `ln Σ eˣ`.
pub fn log_softmax(row: &mut [f32]) -> f32 {
    let total = log_sum_exp(row);
    for x in row.iter_mut() {
        *x -= total;
    }
    total
}

/// One query head over `keys` and `values` that stand `stride` apart: `out = softmax(q·kᵀ·scale) · v`.
///
/// Key `j` is `keys[j·stride..][..head_dim]`, and likewise its value; `shown(j)` says whether the query
/// sees it. `weights` is room for one number a key and holds the attention weights afterwards; returns
/// `ln Σ e^score`. A query that sees nothing gets zeros.
#[expect(clippy::too_many_arguments, reason = "the operands of one formula")]
pub fn attend(
    out: &mut [f32],
    q: &[f32],
    keys: &[f32],
    values: &[f32],
    stride: usize,
    scale: f32,
    shown: impl Fn(usize) -> bool,
    weights: &mut [f32],
) -> f32 {
    let d = q.len();
    for (j, weight) in weights.iter_mut().enumerate() {
        *weight = if shown(j) {
            dot(q, &keys[j * stride..][..d]) * scale
        } else {
            f32::NEG_INFINITY
        };
    }
    let total = softmax_log_sum(weights);
    out.fill(0.0);
    for (j, weight) in weights.iter().enumerate() {
        if *weight != 0.0 {
            for (o, v) in out.iter_mut().zip(&values[j * stride..][..d]) {
                *o = weight.mul_add(*v, *o);
            }
        }
    }
    total
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Purpose, stream};
    use rand::RngExt;

    fn values(n: usize, salt: u64) -> Vec<f32> {
        let mut rng = stream(1, Purpose::Init, 0, 0, salt);
        (0..n).map(|_| rng.random::<f32>() * 4.0 - 2.0).collect()
    }

    #[track_caller]
    fn assert_near(found: f32, expected: f64) {
        let off = (f64::from(found) - expected).abs();
        assert!(
            off < 1e-5 * (1.0 + expected.abs()),
            "{found} is not {expected}"
        );
    }

    #[test]
    fn exp_is_accurate_over_its_range() {
        let mut worst = 0.0f64;
        for i in 0..=175_600 {
            let x = -87.3 + i as f32 * 1e-3;
            let expected = f64::from(x).exp();
            worst = worst.max((f64::from(exp(x)) / expected - 1.0).abs());
        }
        assert!(worst < 1.5e-7, "relative error {worst:e}");
        assert_eq!(exp(0.0), 1.0);
        assert_eq!([exp(-88.0), exp(f32::NEG_INFINITY)], [0.0; 2]);
        assert_eq!(exp(89.0), f32::INFINITY);
        assert!(exp(f32::NAN).is_nan());
    }

    #[test]
    fn registers_of_any_width_reduce_to_the_same_bits() {
        struct Reduced([f32; LANES]);
        impl Work for Reduced {
            type Output = (f32, f32);
            #[inline(always)]
            fn run<S: Simd>(self, simd: S) -> (f32, f32) {
                (total(simd, self.0), largest(simd, &self.0))
            }
        }
        for salt in 0..200 {
            let mut lanes = [0.0; LANES];
            lanes.copy_from_slice(&values(LANES, salt));
            let narrow = (fold(lanes, |a, b| a + b), fold(lanes, larger));
            assert_eq!(wide(Reduced(lanes)), narrow);
        }
    }

    #[test]
    fn the_three_products_agree_with_their_sums() {
        let [m, n, k] = [5, 7, 19];
        let (x, w) = (values(m * k, 1), values(n * k, 2));
        let transposed = |a: &[f32], rows: usize| -> Vec<f32> {
            let columns = a.len() / rows;
            (0..a.len())
                .map(|i| a[i % rows * columns + i / rows])
                .collect()
        };
        let start = values(m * n, 3);
        let [mut nt, mut nn, mut tn] = [start.clone(), start.clone(), start.clone()];
        matmul_nt(&mut nt, &x, &w, [m, n, k], 0.5);
        matmul_nn(&mut nn, &x, &transposed(&w, n), [m, n, k], 0.5);
        matmul_tn(
            &mut tn,
            &transposed(&x, m),
            &transposed(&w, n),
            [m, n, k],
            0.5,
        );
        for r in 0..m {
            for c in 0..n {
                let products = (0..k).map(|i| f64::from(x[r * k + i]) * f64::from(w[c * k + i]));
                let at = r * n + c;
                let expected = products.sum::<f64>() + 0.5 * f64::from(start[at]);
                for y in [&nt, &nn, &tn] {
                    assert_near(y[at], expected);
                }
            }
        }
    }

    #[test]
    fn a_product_without_beta_does_not_read_its_target() {
        let mut y = [f32::NAN];
        matmul_nt(&mut y, &[2.0, 3.0, 4.0], &[1.0; 3], [1, 1, 3], 0.0);
        assert_eq!(y, [9.0]);
    }

    #[test]
    fn softmax_of_rows_of_any_length_sums_to_one() {
        for n in [1, 15, 16, 17, 75] {
            let logits = values(n, 4);
            let total: f64 = logits.iter().map(|x| f64::from(*x).exp()).sum();
            let (mut p, mut logp) = (logits.clone(), logits.clone());
            assert_near(softmax_log_sum(&mut p), total.ln());
            assert_near(log_softmax(&mut logp), total.ln());
            for ((x, p), logp) in logits.iter().zip(&p).zip(&logp) {
                assert_near(*p, f64::from(*x).exp() / total);
                assert_near(*logp, f64::from(*x) - total.ln());
            }
        }
        let mut hidden = [f32::NEG_INFINITY; 3];
        softmax(&mut hidden);
        assert_eq!(hidden, [0.0; 3]);
    }

    #[test]
    fn attention_skips_what_is_hidden() {
        let (d, n, stride) = (20, 9, 40);
        let (q, k, v) = (values(d, 5), values(n * stride, 6), values(n * stride, 7));
        let shown = |j: usize| j % 3 != 1;
        let (mut out, mut weights) = (vec![0.0; d], vec![0.0; n]);
        attend(&mut out, &q, &k, &v, stride, 0.25, shown, &mut weights);
        let score = |j: usize| {
            let products = (0..d).map(|i| f64::from(q[i]) * f64::from(k[j * stride + i]));
            (products.sum::<f64>() * 0.25).exp()
        };
        let seen: Vec<usize> = (0..n).filter(|j| shown(*j)).collect();
        let total: f64 = seen.iter().map(|j| score(*j)).sum();
        for (i, found) in out.iter().enumerate() {
            let parts = seen
                .iter()
                .map(|j| score(*j) / total * f64::from(v[j * stride + i]));
            assert_near(*found, parts.sum());
        }
    }

    #[test]
    fn rotation_is_undone_by_its_inverse_and_reads_the_right_axis() {
        let mut rotary = Rotary::new(16, 10_000.0, [2, 3, 3]);
        let (mut cos, mut sin) = ([0.0; 8], [0.0; 8]);
        rotary.write([0, 7, 0], &mut cos, &mut sin);
        assert_eq!(
            sin.map(|s| s != 0.0),
            [false, false, true, true, true, false, false, false]
        );
        let x = values(16, 8);
        let mut y = x.clone();
        rotate(&mut y, &cos, &sin);
        assert_ne!(x, y);
        rotate(&mut y, &cos, &sin.map(|s| -s));
        for (x, y) in x.iter().zip(&y) {
            assert_near(*y, f64::from(*x));
        }
    }
}
