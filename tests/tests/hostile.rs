//! A million hostile replies through reader, validator and dispatcher: none panics, each comes to a typed end, and the
//! memory that one takes is bounded by its length.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::Arc;

use rand::{Rng, RngExt};
use vrt_core::episode::{Episode, Rules, SeveralCalls, StopReason};
use vrt_core::op::{OpResult, Outcome, Workspace, select_frames};
use vrt_core::pair::{Frame, FrameIndex, FrameOffset, PairKey, PreferencePair, Video, VideoError};
use vrt_core::policy::Reply;
use vrt_core::rng::{Purpose, stream};

/// Counts the bytes that the running thread holds, and the most it ever held.
struct Counting;

thread_local! {
    static HELD: Cell<usize> = const { Cell::new(0) };
    static MOST: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: every call is handed to the system's allocator unchanged; the counters are plain cells of the thread.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let held = HELD.get() + layout.size();
        HELD.set(held);
        MOST.set(MOST.get().max(held));
        // SAFETY: as above.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        HELD.set(HELD.get().saturating_sub(layout.size()));
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Take notes while looking.
#[vrt_core::visual_op(cost = view.limits.pictures(frames.len()))]
fn annotate(
    view: &mut Workspace<'_>,
    /// Which frames.
    #[arg(len = 0..=4, distinct)]
    frames: Vec<FrameIndex>,
    /// What to write beside them.
    #[arg(len = 1..=40)]
    note: String,
    /// How bright, from 0 to 1.
    #[arg(range = 0..=1)]
    light: f64,
    /// Where to begin.
    #[arg(range = -3..=9)]
    offset: i64,
    /// Whether to blur.
    blur: bool,
) -> OpResult {
    assert!(frames.len() <= 4 && (1..=40).contains(&note.chars().count()));
    assert!((0.0..=1.0).contains(&light) && (-3..=9).contains(&offset));
    let _ = (view, blur);
    Ok(Outcome::of_frames(frames))
}

vrt_core::ops! {
    /// The paper's tool and a foreign one.
    Ops = [select_frames, annotate];
}

struct Blank;

impl Video for Blank {
    fn len(&self) -> u32 {
        24
    }

    fn frame(&self, _: FrameOffset) -> Result<Frame, VideoError> {
        let rgb = Arc::new([0.0; 3]);
        let (width, height) = (1, 1);
        Ok(Frame { width, height, rgb })
    }
}

const SEEDS: [&str; 5] = [
    "<Snapshot>a ring</Snapshot>\n<Think>clear</Think>\n<Answer>TA=1, VQ=0, MQ=2, OA=1</Answer>",
    "<Snapshot>a</Snapshot><Think>b</Think><Recommend Answer>TA=0, VQ=0, MQ=2, OA=2, CF=3</Recommend Answer>\
     <tool_call>{\"name\": \"select_frames\", \"arguments\": {\"target_frames\": [12, 40, 7]}}</tool_call>",
    "<Snapshot>a</Snapshot><Think>b</Think><Recommend Answer>OA = 1, ta=2, VQ=0, mq=1, CF=1</ recommend answer>\
     <tool_call>{\"name\": \"annotate\", \"arguments\": {\"frames\": [3], \"note\": \"ü\\u00e9 <b>\", \"light\": 0.5, \
     \"offset\": -2, \"blur\": true}}</tool_call>",
    "<Snapshot>a</Snapshot><Think>b</Think><Recommend Answer>TA=0, VQ=0, MQ=2, OA=2, CF=3</Recommend Answer>\
     <tool_call>{\"name\": \"select_frames\", \"arguments\": {\"target_frames\": [1]}}</tool_call>\
     <tool_call>{\"name\": \"annotate\", \"arguments\": {}}</tool_call>",
    "",
];

const SPLICES: [&str; 34] = [
    "<",
    ">",
    "</",
    "<tool_call>",
    "</tool_call>",
    "<Snapshot>",
    "</Think>",
    "<Answer>",
    "\"",
    "\\",
    "\\u0000",
    "\\ud800",
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "null",
    "NaN",
    "1e999",
    "-1e999",
    "0.1",
    "-7",
    "4294967296",
    "18446744073709551616",
    "99999999999999999999999999999999",
    "\u{202e}",
    "\u{0}",
    "ﬀ",
    "👁",
    "OA=",
    "TA=9",
    "\"target_frames\": [1, 1, 1, 1, 1, 1, 1, 1, 1, 1],",
];

/// A byte position at a character's edge.
fn edge(text: &str, rng: &mut impl Rng) -> usize {
    let mut at = rng.random_range(0..=text.len() as u64) as usize;
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// One to six mutations of a seed.
fn mutated(rng: &mut impl Rng) -> String {
    let pick = |n: usize, rng: &mut dyn Rng| rng.next_u64() as usize % n;
    let mut text = SEEDS[pick(SEEDS.len(), rng)].to_owned();
    for _ in 0..rng.random_range(1..=6u32) {
        let at = edge(&text, rng);
        match rng.random_range(0..9u32) {
            0 => text.truncate(at),
            1 | 2 => text.insert_str(at, SPLICES[pick(SPLICES.len(), rng)]),
            3 => {
                let to = edge(&text, rng);
                text.replace_range(at.min(to)..at.max(to), "");
            }
            4 => {
                let (to, into) = (edge(&text, rng), edge(&text, rng));
                let copied = text[at.min(to)..at.max(to)].to_owned();
                text.insert_str(into, &copied);
            }
            5 => {
                let any = char::from_u32(rng.random_range(0..0x3000u32)).unwrap_or('\u{fffd}');
                text.insert(at, any);
            }
            6 => {
                let digit = text[at..]
                    .find(|c: char| c.is_ascii_digit())
                    .map(|found| at + found);
                if let Some(digit) = digit {
                    let number = rng.random::<u64>() >> rng.random_range(0..64u32);
                    text.replace_range(digit..=digit, &number.to_string());
                }
            }
            7 => {
                let other = SEEDS[pick(SEEDS.len(), rng)];
                let from = edge(other, rng);
                text.insert_str(at, &other[from..]);
            }
            _ => {
                let deep = rng.random_range(1..200u32) as usize;
                text.insert_str(at, &["[", "{\"a\":", "<Think>"][pick(3, rng)].repeat(deep));
            }
        }
    }
    text
}

/// Replies far longer than any model's limit.
fn huge(number: usize) -> String {
    const SIZE: usize = 1 << 20;
    let call = |arguments: &str| {
        format!(
            "<Snapshot>a</Snapshot><Think>b</Think><Recommend Answer>TA=0, VQ=0, MQ=2, OA=2, CF=3</Recommend Answer>\
             <tool_call>{{\"name\": \"select_frames\", \"arguments\": {arguments}}}</tool_call>"
        )
    };
    match number {
        0 => "<".repeat(SIZE),
        1 => "<Snapshot>".repeat(SIZE / 10),
        2 => format!("<Snapshot>{}", "a".repeat(SIZE)),
        3 => call(&format!(
            "{{\"target_frames\": [{}1]}}",
            "1, ".repeat(SIZE / 3)
        )),
        4 => call(&format!("{{\"target_frames\": {}}}", "[".repeat(SIZE))),
        5 => call(&format!("{{\"target_frames\": [{}]}}", "9".repeat(SIZE))),
        6 => call(&format!("{{{}\"a\": 1}}", "\"a\": 1, ".repeat(SIZE / 8))),
        7 => SEEDS[3].replace(
            "</tool_call><",
            &format!("</tool_call>{}<", SEEDS[3][116..].repeat(SIZE / 160)),
        ),
        _ => format!("{}{}", SEEDS[0], "\n".repeat(SIZE)),
    }
}

/// Runs one reply through an episode; false if the end is not typed.
fn typed(text: String, pair: &PreferencePair, rules: &Rules) -> bool {
    let mut episode = Episode::open(pair, 0, rules);
    let reply = Reply {
        text,
        tokens: 1,
        ..Reply::default()
    };
    episode.advance::<Ops>(Ok(reply), pair, rules);
    let Some(round) = episode.rounds.last() else {
        return false;
    };
    match &episode.stop {
        Some(StopReason::Answered) => episode.answer().is_some(),
        Some(stop) => stop.fault().is_some_and(|words| !words.is_empty()),
        None => round.outcome.is_some() || round.fault.is_some(),
    }
}

/// Bytes that a reply may take for each of its own, beside a constant: JSON values are larger than their text.
const A_BYTE: usize = 400;
const ALWAYS: usize = 1 << 16;

fn check(text: String, pair: &PreferencePair, rules: &Rules) {
    let (length, before) = (text.len(), HELD.get());
    MOST.set(before);
    let shown: String = text.chars().take(400).collect();
    assert!(typed(text, pair, rules), "no typed end: {shown}");
    let taken = MOST.get().saturating_sub(before);
    assert!(
        taken <= ALWAYS + A_BYTE * length,
        "{taken} bytes for a reply of {length}: {shown}"
    );
}

fn setting() -> (PreferencePair, [Rules; 2]) {
    let pair = PreferencePair {
        key: PairKey(1),
        caption: "a ring".to_owned(),
        videos: [Arc::new(Blank), Arc::new(Blank)],
        truth: None,
    };
    let lenient = Rules {
        several: SeveralCalls::All,
        retries: 1,
        ..Rules::default()
    };
    (pair, [Rules::default(), lenient])
}

#[test]
fn a_million_mutations_of_traces_end_in_types() {
    const REPLIES: u64 = 1_000_000;
    let ends: Vec<u64> = std::thread::scope(|scope| {
        let halves: Vec<_> = (0..2u64)
            .map(|half| {
                scope.spawn(move || {
                    let (pair, rules) = setting();
                    let mut answered = 0;
                    for number in (half..REPLIES).step_by(2) {
                        let mut rng = stream(1, Purpose::Shuffle, 0, number, 0);
                        let text = mutated(&mut rng);
                        answered += u64::from(vrt_core::trace::read_unit(&text).is_ok());
                        check(text, &pair, &rules[(number / 2 % 2) as usize]);
                    }
                    answered
                })
            })
            .collect();
        halves
            .into_iter()
            .map(|half| half.join().expect("no panic"))
            .collect()
    });
    // Some mutations leave a unit whole: the validator and the dispatcher were reached as well.
    let whole: u64 = ends.iter().sum();
    assert!((10_000..900_000).contains(&whole), "{whole}");
}

#[test]
fn huge_replies_end_in_types_as_well() {
    let (pair, rules) = setting();
    for number in 0..9 {
        for rules in &rules {
            check(huge(number), &pair, rules);
        }
    }
}
