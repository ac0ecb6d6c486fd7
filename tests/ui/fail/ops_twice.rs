use vrt_core::op::select_frames;

vrt_core::ops! {
    pub Twice = [select_frames, vrt_core::op::select_frames];
}

fn main() {}
