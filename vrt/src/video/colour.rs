//! In: a stream's colour description. Out: the fixed-point conversion of its Y′CbCr samples to 8-bit R′G′B′.
//!
//! Matrices are those of ITU-T H.273, table 4; transfer and primaries are left as they are, so HDR is not tone-mapped.

use super::fault::Fault;

/// The matrix and range of a stream, as H.273 numbers them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Colour {
    /// `MatrixCoefficients`; 2 is unspecified.
    pub(super) matrix: u8,
    /// Whether samples use all code values.
    pub(super) full_range: bool,
}

impl Colour {
    pub(super) const UNSPECIFIED: Self = Self {
        matrix: 2,
        full_range: false,
    };

    /// This description, completed by the container's where the stream leaves the matrix open.
    pub(super) fn or(self, container: Option<Self>) -> Self {
        match container {
            Some(container) if self.matrix == Self::UNSPECIFIED.matrix => Self {
                matrix: container.matrix,
                full_range: self.full_range || container.full_range,
            },
            _ => self,
        }
    }
}

/// Fractional bits of the conversion: a sum of three products stays below 2³¹ for every depth up to 12 bits.
const BITS: u32 = 16;

/// `R = luma·(Y − black) + red·V`, `G = luma·(Y − black) + green·(U, V)`, `B = luma·(Y − black) + blue·U`, with U and V
/// around `grey`, in units of 2⁻¹⁶ of an 8-bit level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Conversion {
    Matrix {
        luma: i32,
        black: i32,
        grey: i32,
        red_v: i32,
        green_u: i32,
        green_v: i32,
        blue_u: i32,
    },
    /// Planes are G, B and R.
    Identity { scale: i32, black: i32 },
}

impl Conversion {
    /// The conversion for samples of `depth` bits. An unspecified matrix is BT.601's, as in ffmpeg and the loaders built on it.
    ///
    /// # Errors
    /// [`Fault::Unsupported`] for a matrix that is no linear map of Y′CbCr.
    pub(super) fn new(colour: Colour, depth: u8) -> Result<Self, Fault> {
        let unit = f64::from(1u32 << (depth - 8));
        let top = f64::from((1u32 << depth) - 1);
        let (black, luma_span, chroma_span) = match colour.full_range {
            true => (0.0, top, top),
            false => (16.0 * unit, 219.0 * unit, 224.0 * unit),
        };
        let fixed = |value: f64| (value * f64::from(1u32 << BITS)).round() as i32;
        let (kr, kb) = match colour.matrix {
            0 => {
                return Ok(Self::Identity {
                    scale: fixed(255.0 / luma_span),
                    black: black as i32,
                });
            }
            1 => (0.2126, 0.0722),
            2 | 3 | 5 | 6 => (0.299, 0.114),
            4 => (0.30, 0.11),
            7 => (0.212, 0.087),
            9 | 10 => (0.2627, 0.0593),
            other => {
                return Err(Fault::Unsupported(format!(
                    "the colour matrix {other} of ITU-T H.273"
                )));
            }
        };
        let kg = 1.0 - kr - kb;
        let chroma = 255.0 / chroma_span;
        Ok(Self::Matrix {
            luma: fixed(255.0 / luma_span),
            black: black as i32,
            grey: 1 << (depth - 1),
            red_v: fixed(2.0 * (1.0 - kr) * chroma),
            green_u: fixed(-2.0 * (1.0 - kb) * kb / kg * chroma),
            green_v: fixed(-2.0 * (1.0 - kr) * kr / kg * chroma),
            blue_u: fixed(2.0 * (1.0 - kb) * chroma),
        })
    }

    /// One row: `rgb[3·x + channel]` of the samples at x.
    pub(super) fn row(self, y: &[i32], u: &[i32], v: &[i32], rgb: &mut [u8]) {
        let pixels = rgb.chunks_exact_mut(3).zip(y).zip(u.iter().zip(v));
        match self {
            Self::Matrix {
                luma,
                black,
                grey,
                red_v,
                green_u,
                green_v,
                blue_u,
            } => {
                for ((pixel, y), (u, v)) in pixels {
                    let (y, u, v) = (luma * (y - black), u - grey, v - grey);
                    pixel[0] = level(y + red_v * v);
                    pixel[1] = level(y + green_u * u + green_v * v);
                    pixel[2] = level(y + blue_u * u);
                }
            }
            Self::Identity { scale, black } => {
                for ((pixel, y), (u, v)) in pixels {
                    pixel[0] = level(scale * (v - black));
                    pixel[1] = level(scale * (y - black));
                    pixel[2] = level(scale * (u - black));
                }
            }
        }
    }
}

fn level(fixed: i32) -> u8 {
    ((fixed + (1 << (BITS - 1))) >> BITS).clamp(0, 255) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    /// BT.709 bars at 75 %, limited range, 8 bits: the code values of the standard's test signal.
    #[test]
    fn the_bars_of_bt709_become_their_colours() {
        let colour = Colour {
            matrix: 1,
            full_range: false,
        };
        let conversion = Conversion::new(colour, 8).unwrap();
        let bars = [
            ([180, 128, 128], [191, 191, 191]),
            ([168, 44, 136], [191, 191, 0]),
            ([145, 147, 44], [0, 191, 191]),
            ([51, 109, 212], [191, 0, 0]),
            ([28, 212, 120], [0, 0, 191]),
        ];
        for ([y, u, v], expected) in bars {
            let mut rgb = [0; 3];
            conversion.row(&[y], &[u], &[v], &mut rgb);
            for (ours, theirs) in rgb.iter().zip(expected) {
                assert!(ours.abs_diff(theirs) <= 1, "{rgb:?} for {expected:?}");
            }
        }
    }

    #[test]
    fn black_and_white_are_exact_at_every_depth_and_range() {
        for depth in [8, 10, 12] {
            for full_range in [false, true] {
                for matrix in [1, 2, 4, 7, 9] {
                    let conversion = Conversion::new(Colour { matrix, full_range }, depth).unwrap();
                    let unit = 1 << (depth - 8);
                    let (black, white) = if full_range {
                        (0, (1 << depth) - 1)
                    } else {
                        (16 * unit, 235 * unit)
                    };
                    let grey = 128 * unit;
                    let mut rgb = [7; 6];
                    conversion.row(&[black, white], &[grey; 2], &[grey; 2], &mut rgb);
                    assert_eq!(
                        rgb,
                        [0, 0, 0, 255, 255, 255],
                        "{depth} bits, full {full_range}, matrix {matrix}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_matrix_that_is_not_linear_is_refused() {
        let fault = Conversion::new(
            Colour {
                matrix: 14,
                full_range: false,
            },
            10,
        )
        .unwrap_err();
        assert!(fault.to_string().contains("colour matrix 14"), "{fault}");
    }
}
