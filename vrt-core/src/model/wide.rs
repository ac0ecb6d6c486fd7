//! In: arithmetic on slices. Out: the same bits, on registers twice as wide where the machine has them (AVX-512).
//!
//! A product in panels is written out: its tile follows from the number of registers. It has the same chains of fused
//! multiply-adds as [`super::panels`] has on narrower registers. Everything else is left to the compiler ([`wide`]).

use pulp::x86::V4;
use pulp::{Scalar, Simd, WithSimd};

use super::kernels::Work;
use super::panels::{Panels, Start, WIDTH};

/// Runs `work`, compiled for the widest registers of this machine.
#[inline(always)]
pub fn wide<W: Work>(work: W) -> W::Output {
    struct On<W>(W);
    impl<W: Work> WithSimd for On<W> {
        type Output = W::Output;
        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) -> W::Output {
            self.0.run(simd)
        }
    }
    match V4::try_new() {
        Some(simd) => Simd::vectorize(simd, On(work)),
        None => work.run(Scalar::new()),
    }
}

/// Panels computed side by side.
const PANELS: usize = 2;
/// Rows computed side by side: 12 × 2 sums, 2 weights and a broadcast of the 32 registers.
const ROWS: usize = 12;

/// `y[m, out] = start + x[m, in] · Wᵀ`.
pub struct Product<'a> {
    pub panels: &'a Panels,
    pub y: &'a mut [f32],
    pub x: &'a [f32],
    pub start: Start<'a>,
}

impl WithSimd for Product<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self {
            panels,
            y,
            x,
            start,
        } = self;
        assert_eq!(S::F32_LANES, WIDTH, "a register holds a panel's outputs");
        let (n, k) = (panels.outputs(), panels.inputs());
        let mut from = 0;
        for pair in panels.data().chunks(PANELS * k) {
            let (first, second) = pair.split_at(k);
            let tile = Tile { simd, n, from };
            match (second.is_empty(), from + pair.len() / k * WIDTH <= n) {
                (false, true) => tile.all_rows::<_, true>([first, second], x, y, start),
                (false, false) => tile.all_rows::<_, false>([first, second], x, y, start),
                (true, true) => tile.all_rows::<_, true>([first], x, y, start),
                (true, false) => tile.all_rows::<_, false>([first], x, y, start),
            }
            from += PANELS * WIDTH;
        }
    }
}

/// The outputs from `from` on.
#[derive(Clone, Copy)]
struct Tile<S> {
    simd: S,
    n: usize,
    from: usize,
}

impl<S: Simd> Tile<S> {
    /// `WHOLE`: every panel is full. A register that is filled in part costs more than its share of a short chain.
    #[inline(always)]
    fn all_rows<const P: usize, const WHOLE: bool>(
        self,
        panels: [&[[f32; WIDTH]]; P],
        x: &[f32],
        y: &mut [f32],
        start: Start<'_>,
    ) {
        let (n, k) = (self.n, panels[0].len());
        let (mut xs, mut ys) = (x, y);
        macro_rules! blocks {
            ($($rows:expr),*) => {$(
                while ys.len() >= $rows * n {
                    let (x_block, x_rest) = xs.split_at($rows * k);
                    let (y_block, y_rest) = ys.split_at_mut($rows * n);
                    self.block::<{ $rows }, P, WHOLE>(panels, x_block, y_block, start);
                    (xs, ys) = (x_rest, y_rest);
                }
            )*};
        }
        blocks!(ROWS, 4, 1);
    }

    /// `R` rows by `P` panels.
    #[inline(always)]
    fn block<const R: usize, const P: usize, const WHOLE: bool>(
        self,
        panels: [&[[f32; WIDTH]]; P],
        x: &[f32],
        y: &mut [f32],
        start: Start<'_>,
    ) {
        let Self { simd, n, from } = self;
        let k = panels[0].len();
        let mut rows: [&[f32]; R] = [&[]; R];
        for (r, row) in rows.iter_mut().enumerate() {
            *row = &x[r * k..][..k];
        }
        let mut weights: [&[S::f32s]; P] = [&[]; P];
        for (weights, panel) in weights.iter_mut().zip(panels) {
            *weights = &S::as_simd_f32s(panel.as_flattened()).0[..k];
        }
        let mut sums = [[simd.splat_f32s(0.0); P]; R];
        for (r, sums) in sums.iter_mut().enumerate() {
            for (p, sum) in sums.iter_mut().enumerate() {
                let at = from + p * WIDTH;
                match start {
                    Start::Zero => {}
                    Start::Bias(bias) => *sum = self.load::<WHOLE>(&bias[at..]),
                    Start::Residual => *sum = self.load::<WHOLE>(&y[r * n + at..(r + 1) * n]),
                }
            }
        }
        for i in 0..k {
            for r in 0..R {
                let x = simd.splat_f32s(rows[r][i]);
                for p in 0..P {
                    sums[r][p] = simd.mul_add_f32s(x, weights[p][i], sums[r][p]);
                }
            }
        }
        for (r, sums) in sums.iter().enumerate() {
            for (p, sum) in sums.iter().enumerate() {
                let at = from + p * WIDTH;
                self.store::<WHOLE>(&mut y[r * n + at..(r + 1) * n], *sum);
            }
        }
    }

    #[inline(always)]
    fn load<const WHOLE: bool>(self, from: &[f32]) -> S::f32s {
        if WHOLE {
            S::as_simd_f32s(from).0[0]
        } else {
            self.simd.partial_load_f32s(from)
        }
    }

    #[inline(always)]
    fn store<const WHOLE: bool>(self, to: &mut [f32], values: S::f32s) {
        if WHOLE {
            S::as_mut_simd_f32s(to).0[0] = values;
        } else {
            self.simd.partial_store_f32s(to, values);
        }
    }
}
