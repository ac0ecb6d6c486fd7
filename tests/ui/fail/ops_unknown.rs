use vrt_core::op::select_frames;

vrt_core::ops! {
    /// A slip of the pen.
    pub Slip = [select_frame];
}

fn main() {
    let _ = select_frames;
}
