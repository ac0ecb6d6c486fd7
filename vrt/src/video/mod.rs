//! In: a video file or a folder of images. Out: frames by presentation index.
