vrt_core::ops! {
    /// Frames are no tool.
    pub Frames = [vrt_core::pair::FrameIndex];
}

fn main() {}
