//! A policy's file, whole and in every way broken.

use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{Value, json};
use vrt_core::episode::Rules;
use vrt_core::op::{AllOps, OpSet, Outcome, PaperOps};
use vrt_core::pair::{Frame, FrameIndex, FrameOffset, PairKey, PreferencePair, Video, VideoError};
use vrt_core::policy::{Observation, Opening, Policy, Shown};
use vrt_core::window::MemoryWindow;

use super::*;

const WORDS: [&str; 4] = ["red", "ring", "+1", "-1"];

fn header() -> Header {
    Header {
        format: FORMAT,
        model: Sizes::own(),
        language: Language::new(&AllOps::grammars(), &WORDS, 24).unwrap(),
        offered: vec!["select_frames".to_owned()],
        rules: Rules {
            initial_per_video: 3,
            window: MemoryWindow::new(2),
            ..Rules::default()
        },
        max_tokens: 64,
        world: WorldRecord {
            seed: 1,
            caption: "red ring".to_owned(),
            side: 16,
            settings: json!({"p_event": 0.25}),
        },
        provenance: Provenance {
            experiment: "none".to_owned(),
            arm: "untrained".to_owned(),
            scale: "smoke".to_owned(),
            stage: "base".to_owned(),
            stage_id: "0".repeat(64),
            step: None,
            seed: 7,
            revision: "unversioned".to_owned(),
            since: Vec::new(),
        },
    }
}

fn weights() -> Vec<f32> {
    Tiny::new(&Cpu::default(), 5).to_flat()
}

/// A file whose header is what `change` makes of a sound one.
fn file(change: impl FnOnce(&mut Value)) -> Vec<u8> {
    let mut header = serde_json::to_value(header()).unwrap();
    change(&mut header);
    to_safetensors(
        &named(layout(), &weights(), ""),
        Some(HashMap::from([(KEY.to_owned(), header.to_string())])),
    )
}

fn refused(bytes: &[u8]) -> String {
    let error = TrainedTiny::parse(Path::new("policy"), bytes).unwrap_err();
    error.to_string()
}

#[test]
fn what_was_written_reads_back_and_its_bytes_are_always_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let [one, other] = ["one", "other"].map(|name| folder.path().join(name));
    for path in [&one, &other] {
        write(path, &header(), &weights()).unwrap();
    }
    assert!(fs::read(&one).unwrap() == fs::read(&other).unwrap());
    let read = TrainedTiny::read(&one).unwrap();
    assert_eq!(*read.header(), header());
    assert_eq!(read.model.to_flat(), weights());
    assert_eq!(read.offered(), Offered::Paper);
    assert_eq!(read.vocabulary().words("red -1 ring").unwrap().len(), 3);
    assert_eq!(
        read.blake3(),
        blake3::hash(&fs::read(&one).unwrap()).to_hex().as_str()
    );
}

#[test]
fn every_unknown_word_and_a_video_too_long_are_named() {
    let read = TrainedTiny::parse(Path::new("policy"), &file(|_| {})).unwrap();
    let pool = Pool::new(24, 24);
    assert_eq!(read.speaks_of("red ring", pool), Ok(()));
    let error = read.speaks_of("a red fox and a ring", pool).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the tiny policy has no word for `a`, `fox`, `and`: it knows only the words of its synthetic world, whose captions \
         read `red ring`"
    );
    let error = read.speaks_of("red", Pool::new(24, 25)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "video 2 has 25 frames, the tiny policy has names for 24; shorten the video"
    );
}

/// A grey video, of which one frame may be damaged.
struct Grey(Option<FrameOffset>);

impl Video for Grey {
    fn len(&self) -> u32 {
        24
    }

    fn frame(&self, offset: FrameOffset) -> Result<Frame, VideoError> {
        match self.0 == Some(offset) {
            true => Err(VideoError {
                video: "bad".to_owned(),
                offset,
                reason: "damaged".to_owned(),
            }),
            false => Ok(Frame {
                width: 16,
                height: 16,
                rgb: vec![0.5; 3 * 16 * 16].into(),
            }),
        }
    }
}

#[test]
fn a_picture_that_fails_ends_its_own_episode_alone() {
    let trained = TrainedTiny::parse(Path::new("policy"), &file(|_| {})).unwrap();
    let sampling = Sampling {
        temperature: 0.0,
        seed: 0,
        step: 0,
        max_tokens: 4,
    };
    let bank = FrameBank::default();
    let policy = trained.policy(&bank, sampling).unwrap();
    let bad = Some(FrameOffset(6));
    let pair = |key, damaged| PreferencePair {
        key: PairKey(key),
        caption: "red ring".to_owned(),
        videos: [Arc::new(Grey(damaged)), Arc::new(Grey(None))],
        truth: None,
    };
    let pairs = [pair(1, None), pair(2, bad), pair(3, None)];
    let initial: Vec<FrameIndex> = FrameIndex::new(1).into_iter().collect();
    let opening = |pair| Opening {
        pair,
        initial: &initial,
        samples: 1,
    };
    let openings: Vec<_> = pairs.iter().map(opening).collect();
    let mut states = policy.open(&openings).unwrap();
    let outcome = Outcome::of_frames(FrameIndex::new(7));
    let observation = Observation::Outcome {
        outcome: &outcome,
        oldest: 1,
    };
    let mut shown: Vec<_> = states
        .iter_mut()
        .map(|state| Shown { state, observation })
        .collect();
    let observed = policy.observe(&mut shown);
    assert!(observed[0].is_ok() && observed[2].is_ok(), "{observed:?}");
    let error = observed[1].as_ref().unwrap_err();
    assert_eq!(error.pair, PairKey(2));
    assert!(error.reason.starts_with("bad: frame "), "{error}");
}

/// Name, shape and bytes of each tensor.
type Tensors = Vec<(String, Vec<usize>, Vec<u8>)>;

/// One change of a sound header, and words that its refusal must have.
type Fault = (&'static str, fn(&mut Value), &'static str);

const FAULTS: &[Fault] = &[
    (
        "another version",
        |h| h["format"] = json!(2),
        "format 2, this program reads 1",
    ),
    (
        "no version",
        |h| drop(h.as_object_mut().unwrap().remove("format")),
        "missing field `format`",
    ),
    (
        "a negative version",
        |h| h["format"] = json!(-1),
        "invalid value",
    ),
    (
        "a field too many",
        |h| h["more"] = json!(1),
        "unknown field `more`",
    ),
    (
        "a rule too many",
        |h| h["rules"]["more"] = json!(1),
        "unknown field `more`",
    ),
    (
        "another model",
        |h| h["model"]["width"] = json!(65),
        "`model`",
    ),
    ("no rules", |h| h["rules"] = json!("none"), "invalid type"),
    (
        "no frames",
        |h| h["rules"]["initial_per_video"] = json!(0),
        "`rules.initial_per_video` is 0",
    ),
    (
        "too many frames",
        |h| h["rules"]["frames_a_call"] = json!(u32::MAX),
        "`rules.frames_a_call`",
    ),
    (
        "too many calls",
        |h| h["rules"]["max_calls"] = json!(255),
        "`rules.max_calls` is 255",
    ),
    (
        "too many retries",
        |h| h["rules"]["retries"] = json!(65),
        "`rules.retries`",
    ),
    (
        "free pictures",
        |h| h["rules"]["frame_tokens"] = json!(0),
        "`rules.frame_tokens`",
    ),
    (
        "no tokens",
        |h| h["max_tokens"] = json!(0),
        "`max_tokens` is 0",
    ),
    (
        "endless units",
        |h| h["max_tokens"] = json!(u32::MAX),
        "`max_tokens`",
    ),
    (
        "four billion frames",
        |h| h["language"]["longest_video"] = json!(u32::MAX),
        "do not fit",
    ),
    (
        "no frame names",
        |h| h["language"]["longest_video"] = json!(0),
        "`language.longest_video` is 0",
    ),
    (
        "a word more",
        |h| {
            h["language"]["words"]
                .as_array_mut()
                .unwrap()
                .push(json!("fox"))
        },
        "`language.tokens`: token",
    ),
    (
        "words in another order",
        |h| h["language"]["words"].as_array_mut().unwrap().swap(0, 1),
        "is \"red\", this program's is \"ring\"",
    ),
    (
        "a token less",
        |h| drop(h["language"]["tokens"].as_array_mut().unwrap().pop()),
        "is missing",
    ),
    (
        "an unknown operation",
        |h| h["language"]["operations"][0] = json!("guess"),
        "there is no operation `guess`",
    ),
    (
        "an operation twice",
        |h| h["language"]["operations"][1] = json!("select_frames"),
        "stands there twice",
    ),
    (
        "nothing offered",
        |h| h["offered"] = json!([]),
        "there is no set of operations []",
    ),
    (
        "an unknown set",
        |h| h["offered"] = json!(["zoom_in", "recall"]),
        "[zoom_in, recall]",
    ),
    (
        "no operations",
        |h| h["language"]["operations"] = json!([]),
        "token",
    ),
];

#[test]
fn each_fault_of_a_header_is_named() {
    for (what, change, words) in FAULTS {
        let said = refused(&file(change));
        assert!(said.contains(words), "{what}: {said}");
    }
    let spoken = refused(&file(|h| {
        let paper = Language::new(&PaperOps::grammars(), &WORDS, 24).unwrap();
        h["language"] = serde_json::to_value(paper).unwrap();
        h["offered"] = json!(AllOps::NAMES);
    }));
    assert!(
        spoken.contains("the language has no words for `zoom_in`"),
        "{spoken}"
    );
}

#[test]
fn other_files_are_told_from_damaged_ones() {
    let parse = |bytes: &[u8]| TrainedTiny::parse(Path::new("policy"), bytes).unwrap_err();
    let foreign = |bytes: &[u8]| matches!(parse(bytes), TinyFileError::Foreign { .. });
    let damaged = |bytes: &[u8]| matches!(parse(bytes), TinyFileError::Weights { .. });
    let whole = file(|_| {});
    for bytes in [
        &b""[..],
        b"{}",
        b"\x89PNG\r\n\x1a\n of some picture",
        &[0xff; 4096],
    ] {
        assert!(foreign(bytes), "{}", parse(bytes));
    }
    // Weights as the stages keep them.
    let bare = to_safetensors(&named(layout(), &weights(), ""), None);
    assert!(
        parse(&bare)
            .to_string()
            .contains("its metadata has no `vrt-tiny-policy`")
    );
    for cut in [1, 4, 1000, whole.len() / 2] {
        assert!(damaged(&whole[..whole.len() - cut]), "{cut}");
    }
    assert!(damaged(&[&whole[..], b"more"].concat()));

    let tensors = |change: fn(&mut Tensors)| {
        let mut tensors = named(layout(), &weights(), "");
        change(&mut tensors);
        let text = serde_json::to_string(&header()).unwrap();
        to_safetensors(&tensors, Some(HashMap::from([(KEY.to_owned(), text)])))
    };
    let missing = refused(&tensors(|all| drop(all.pop())));
    assert!(missing.contains("is missing"), "{missing}");
    let spare = refused(&tensors(|all| {
        all.push(("spare".to_owned(), vec![1], vec![0; 4]))
    }));
    assert!(spare.contains("the model has no tensor `spare`"), "{spare}");
    let shape = refused(&tensors(|all| all[0].1.reverse()));
    assert!(shape.contains("the model has F32"), "{shape}");
    let endless = refused(&tensors(|all| {
        all[0].2[..4].copy_from_slice(&f32::NAN.to_le_bytes())
    }));
    assert!(endless.contains("holds NaN"), "{endless}");
}

#[test]
fn a_folder_a_large_file_and_a_missing_one_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let read = |path: &Path| TrainedTiny::read(path).unwrap_err();
    assert!(read(folder.path()).to_string().contains("it is a folder"));
    assert!(matches!(
        read(&folder.path().join("none")),
        TinyFileError::File(_)
    ));
    let large = folder.path().join("large");
    atomic::write(&large, &vec![0; MOST_BYTES as usize + 1]).unwrap();
    assert!(read(&large).to_string().contains("bytes, the model"));
}

#[test]
fn what_could_not_be_read_back_is_not_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("policy");
    let mut endless = weights();
    endless[3] = f32::INFINITY;
    assert!(matches!(
        write(&path, &header(), &endless),
        Err(TinyFileError::Weights { .. })
    ));
    let mut wrong = header();
    wrong.language.tokens[9] = "else".to_owned();
    assert!(matches!(
        write(&path, &wrong, &weights()),
        Err(TinyFileError::Header { .. })
    ));
    assert!(!path.exists());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    /// Whatever stands in the table of tensors and the header: an error or a policy, and never a panic.
    #[test]
    fn changed_bytes_never_panic(places in proptest::collection::vec((0usize..20_000, any::<u8>()), 1..4), cut in proptest::option::of(0usize..20_000)) {
        static WHOLE: LazyLock<Vec<u8>> = LazyLock::new(|| file(|_| {}));
        let mut bytes = WHOLE.clone();
        for (place, byte) in places {
            bytes[place] = byte;
        }
        bytes.truncate(cut.unwrap_or(usize::MAX));
        let _ = TrainedTiny::parse(Path::new("policy"), &bytes);
    }
}
