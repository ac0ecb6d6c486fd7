//! In: a display matrix. Out: the quarter turn or mirroring that shows a picture upright.

use super::fault::Fault;
use super::picture::Rgb8;

/// Where a stored pixel is shown: `(x, y) → (a·x + c·y, b·x + d·y)`, shifted into the picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Orientation {
    a: i8,
    b: i8,
    c: i8,
    d: i8,
}

impl Orientation {
    pub(super) const UPRIGHT: Self = Self {
        a: 1,
        b: 0,
        c: 0,
        d: 1,
    };

    /// From the four linear entries of a matrix of ISO/IEC 14496-12, in any common unit. Scale is dropped.
    ///
    /// # Errors
    /// [`Fault::Unsupported`] for a turn by anything but quarters.
    pub(super) fn new([a, b, c, d]: [i64; 4]) -> Result<Self, Fault> {
        let sign = |value: i64| value.signum() as i8;
        match [a, b, c, d].map(|entry| entry != 0) {
            // Some writers leave the matrix out by leaving it zero.
            [false, false, false, false] => Ok(Self::UPRIGHT),
            [true, false, false, true] => Ok(Self {
                a: sign(a),
                b: 0,
                c: 0,
                d: sign(d),
            }),
            [false, true, true, false] => Ok(Self {
                a: 0,
                b: sign(b),
                c: sign(c),
                d: 0,
            }),
            _ => Err(Fault::Unsupported(format!(
                "a display matrix [{a} {b}; {c} {d}] that is no quarter turn"
            ))),
        }
    }

    /// Whether width and height change places.
    pub(super) fn swaps(self) -> bool {
        self.a == 0
    }

    pub(super) fn turn(self, stored: Rgb8) -> Rgb8 {
        if self == Self::UPRIGHT {
            return stored;
        }
        let (from_width, from_height) = (i64::from(stored.width), i64::from(stored.height));
        let (width, height) = if self.swaps() {
            (stored.height, stored.width)
        } else {
            (stored.width, stored.height)
        };
        let [a, b, c, d] = [self.a, self.b, self.c, self.d].map(i64::from);
        // The shift that brings the most negative corner to 0.
        let right = (-(a * (from_width - 1))).max(0) + (-(c * (from_height - 1))).max(0);
        let down = (-(b * (from_width - 1))).max(0) + (-(d * (from_height - 1))).max(0);
        let mut pixels = vec![0; stored.pixels.len()];
        for (y, row) in stored
            .pixels
            .chunks_exact(stored.width as usize * 3)
            .enumerate()
        {
            for (x, pixel) in row.chunks_exact(3).enumerate() {
                let (x, y) = (x as i64, y as i64);
                let to_x = a * x + c * y + right;
                let to_y = b * x + d * y + down;
                let at = (to_y * i64::from(width) + to_x) as usize * 3;
                pixels[at..at + 3].copy_from_slice(pixel);
            }
        }
        Rgb8::new(width, height, pixels)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 1 2 3
    /// 4 5 6
    fn turned(matrix: [i64; 4]) -> (u32, Vec<u8>) {
        let pixels = [1, 2, 3, 4, 5, 6]
            .into_iter()
            .flat_map(|level| [level; 3])
            .collect();
        let turned = Orientation::new(matrix)
            .unwrap()
            .turn(Rgb8::new(3, 2, pixels));
        (
            turned.width,
            turned.pixels.iter().step_by(3).copied().collect(),
        )
    }

    #[test]
    fn a_picture_is_turned_as_its_matrix_says() {
        assert_eq!(turned([1, 0, 0, 1]), (3, vec![1, 2, 3, 4, 5, 6]));
        assert_eq!(
            turned([0, 1, -1, 0]),
            (2, vec![4, 1, 5, 2, 6, 3]),
            "a quarter clockwise"
        );
        assert_eq!(turned([-1, 0, 0, -1]), (3, vec![6, 5, 4, 3, 2, 1]));
        assert_eq!(
            turned([0, -1, 1, 0]),
            (2, vec![3, 6, 2, 5, 1, 4]),
            "a quarter anticlockwise"
        );
        assert_eq!(
            turned([-65536, 0, 0, 65536]),
            (3, vec![3, 2, 1, 6, 5, 4]),
            "mirrored"
        );
    }

    #[test]
    fn a_turn_by_an_eighth_is_refused() {
        let fault = Orientation::new([46341, 46341, -46341, 46341]).unwrap_err();
        assert!(fault.to_string().contains("no quarter turn"), "{fault}");
    }
}
