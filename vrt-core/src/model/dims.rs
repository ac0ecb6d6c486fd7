//! The sizes in use, by name.

use dfdx::prelude::Cpu;

use super::decoder::{Decoder, TextConfig};
use super::qwen::{Config, Qwen25Vl};
use super::vision::{VisionConfig, VisionTower};

/// Vision tower of the small models: frames of 16 × 16 pixels, patches of 4 × 4, one token a frame.
///
/// In order: numbers in a patch, width, blocks, heads, 3 · width, MLP, 16 · width, decoder width.
pub type SmallTower<const D: usize> = VisionTower<48, 24, 2, 2, 72, 48, 384, D>;

/// The policy that is trained from scratch.
///
/// Decoder, in order: vocabulary, width, layers, heads, key heads, query width, key width, MLP.
pub type Tiny = Qwen25Vl<SmallTower<64>, Decoder<384, 64, 3, 4, 2, 64, 32, 176>>;

/// For measuring speed: width 128, 4 layers.
pub type D128L4 = Qwen25Vl<SmallTower<128>, Decoder<384, 128, 4, 4, 2, 128, 64, 352>>;

/// For measuring speed: width 256, 6 layers.
pub type D256L6 = Qwen25Vl<SmallTower<256>, Decoder<384, 256, 6, 8, 4, 256, 128, 704>>;

/// Qwen2.5-VL-3B.
///
/// From its published `config.json`; a patch is 3 channels · 2 frames · 14 × 14 pixels, a merge group 2 × 2.
pub type Qwen3B = Qwen25Vl<
    VisionTower<1176, 1280, 32, 16, 3840, 3420, 5120, 2048>,
    Decoder<151_936, 2048, 36, 16, 2, 2048, 256, 11_008>,
>;

/// Qwen2.5-VL-7B, from its published `config.json`.
pub type Qwen7B = Qwen25Vl<
    VisionTower<1176, 1280, 32, 16, 3840, 3420, 5120, 3584>,
    Decoder<152_064, 3584, 28, 28, 4, 3584, 512, 18_944>,
>;

/// The published architecture with every size scaled down: what parity with other implementations is tested on.
pub type Golden =
    Qwen25Vl<VisionTower<1176, 32, 4, 2, 96, 48, 128, 64>, Decoder<512, 64, 3, 4, 2, 64, 32, 128>>;

/// One merge group and one window span the frame, so windowed and full attention coincide here.
const SMALL_VISION: VisionConfig = VisionConfig {
    patch: 4,
    grid: 4,
    merge: 4,
    window: 1,
    full_blocks: 0b10,
};

const fn small(mrope_section: [usize; 3]) -> Config {
    Config {
        text: TextConfig {
            rope_theta: 1000.0,
            mrope_section,
            tied: true,
        },
        vision: SMALL_VISION,
    }
}

impl Tiny {
    /// Number of parameters: 349 352.
    pub const PARAMETERS: usize =
        SmallTower::<64>::PARAMETERS + Decoder::<384, 64, 3, 4, 2, 64, 32, 176>::PARAMETERS;

    /// Rows of the embedding table.
    pub const VOCAB: usize = 384;

    /// Width of a row and of a visual token.
    pub const WIDTH: usize = 64;

    /// Pixels on a side of a picture.
    pub const SIDE: u32 = (SMALL_VISION.grid * SMALL_VISION.patch) as u32;

    /// What the shapes do not say.
    pub const CONFIG: Config = small([2, 3, 3]);

    /// A model with random weights.
    pub fn new(dev: &Cpu, seed: u64) -> Self {
        Self::with_config(dev, Self::CONFIG, seed)
    }
}

impl D128L4 {
    /// What the shapes do not say.
    pub const CONFIG: Config = small([4, 6, 6]);

    /// A model with random weights.
    pub fn new(dev: &Cpu, seed: u64) -> Self {
        Self::with_config(dev, Self::CONFIG, seed)
    }
}

impl D256L6 {
    /// What the shapes do not say.
    pub const CONFIG: Config = small([4, 6, 6]);

    /// A model with random weights.
    pub fn new(dev: &Cpu, seed: u64) -> Self {
        Self::with_config(dev, Self::CONFIG, seed)
    }
}
