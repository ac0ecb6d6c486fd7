//! In: what a tiny policy was trained with. Out: the header of its file: all that is needed to ask it, checked before it is believed.

use std::sync::LazyLock;

use dfdx::prelude::Cpu;
use serde::{Deserialize, Serialize};
use vrt_core::episode::Rules;
use vrt_core::model::Tiny;
use vrt_core::op::{AllOps, Offered, OpGrammar, OpSet};
use vrt_core::tokenizer::{Vocabulary, VocabularyError};

/// Version of the header that this program writes and reads.
pub const FORMAT: u32 = 1;

/// Tokens that a unit may have at most.
const MOST_TOKENS: u32 = 4096;
/// Calls, and faulty ones that are told, that an episode may have at most.
const MOST_CALLS: u8 = 64;
/// Frames that are shown first or asked for at once, and visual tokens a picture, at most.
const MOST_FRAMES: u32 = 1024;

/// All that a policy's weights do not say.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// [`FORMAT`].
    pub format: u32,
    /// The model's sizes.
    pub model: Sizes,
    /// What its tokens stand for.
    pub language: Language,
    /// The operations that it is offered, in their order: some or all of the language's.
    pub offered: Vec<String>,
    /// What its episodes may do.
    pub rules: Rules,
    /// Tokens a unit may have.
    pub max_tokens: u32,
    /// What it has seen.
    pub world: WorldRecord,
    /// Where it comes from.
    pub provenance: Provenance,
}

/// The sizes of a tiny model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sizes {
    /// Numbers in all weights together.
    pub parameters: usize,
    /// Rows of the embedding table.
    pub vocabulary: usize,
    /// Width of the residual stream.
    pub width: usize,
    /// Layers of the decoder.
    pub layers: usize,
    /// Query heads.
    pub heads: usize,
    /// Key and value heads.
    pub key_heads: usize,
    /// Width of a head.
    pub head_width: usize,
    /// Width of the feed-forward layer.
    pub mlp: usize,
    /// Pixels on a side of a picture.
    pub side: u32,
}

impl Sizes {
    /// Those of the model of this program.
    pub fn own() -> Self {
        static OWN: LazyLock<Sizes> = LazyLock::new(Sizes::measured);
        OWN.clone()
    }

    fn measured() -> Self {
        let config = Tiny::new(&Cpu::default(), 0).decoder_config();
        Self {
            parameters: Tiny::PARAMETERS,
            vocabulary: config.vocab,
            width: config.dim,
            layers: config.layers,
            heads: config.heads,
            key_heads: config.kv_heads,
            head_width: config.head_dim,
            mlp: config.mlp,
            side: Tiny::SIDE,
        }
    }
}

/// What makes a closed vocabulary, and what comes of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Language {
    /// The operations whose calls it can spell.
    pub operations: Vec<String>,
    /// The words of captions and reports.
    pub words: Vec<String>,
    /// Frames that a video may have.
    pub longest_video: u32,
    /// What each token stands for, by its id. A program that makes others of the same operations and words would read the
    /// weights wrong.
    pub tokens: Vec<String>,
}

impl Language {
    /// The language of these grammars and words, for videos of up to `longest_video` frames.
    ///
    /// # Errors
    /// [`VocabularyError`] if it is no vocabulary of the tiny model.
    pub fn new(
        grammars: &[OpGrammar],
        words: &[&str],
        longest_video: u32,
    ) -> Result<Self, VocabularyError> {
        let vocabulary = Vocabulary::new(grammars, words, longest_video, Tiny::VOCAB)?;
        let owned = |text: &&str| (*text).to_owned();
        Ok(Self {
            operations: grammars.iter().map(|one| one.name.to_owned()).collect(),
            words: words.iter().map(owned).collect(),
            longest_video,
            tokens: vocabulary.spelled(),
        })
    }
}

/// The world that a policy was trained in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorldRecord {
    /// The seed of all its pairs.
    pub seed: u64,
    /// A caption of it, for people.
    pub caption: String,
    /// Pixels on a side of its frames.
    pub side: u32,
    /// The chances by which its pairs are drawn.
    pub settings: serde_json::Value,
}

/// Where a policy comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provenance {
    /// The experiment.
    pub experiment: String,
    /// Its arm.
    pub arm: String,
    /// How much was trained.
    pub scale: String,
    /// The kind of the stage that left the weights.
    pub stage: String,
    /// The stage's identity.
    pub stage_id: String,
    /// The step of the stage, if it is not its last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<u32>,
    /// The training seed.
    pub seed: u64,
    /// The code that wrote the file.
    pub revision: String,
    /// What it was trained with since, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub since: Vec<Training>,
}

/// A stage on somebody's own pairs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Training {
    /// The stage.
    pub stage: String,
    /// blake3 of everything that decided its result.
    pub settings: String,
    /// The preference file.
    pub data: String,
    /// Pairs of it that could teach.
    pub pairs: usize,
    /// The training seed.
    pub seed: u64,
}

impl Header {
    /// Checks every field; the vocabulary and the set of operations that they describe.
    ///
    /// # Errors
    /// What is wrong with the first field that cannot be used.
    pub(super) fn check(&self) -> Result<(Vocabulary, Offered), String> {
        let own = Sizes::own();
        if self.model != own {
            let found = &self.model;
            return Err(format!(
                "`model` is {found:?}, this program's is {own:?}; export it again with this program"
            ));
        }
        self.check_rules()?;
        let vocabulary = self.language.vocabulary()?;
        let offered = Offered::of(&self.offered).ok_or_else(|| {
            let offered = self.offered.join(", ");
            format!("`offered`: there is no set of operations [{offered}]")
        })?;
        let unspoken = self
            .offered
            .iter()
            .find(|name| !self.language.operations.contains(name));
        match unspoken {
            Some(name) => Err(format!("`offered`: the language has no words for `{name}`")),
            None => Ok((vocabulary, offered)),
        }
    }

    fn check_rules(&self) -> Result<(), String> {
        let Rules {
            initial_per_video,
            max_calls,
            frames_a_call,
            frame_tokens,
            retries,
            ..
        } = self.rules;
        let bounded = [
            ("max_tokens", self.max_tokens, 1, MOST_TOKENS),
            ("rules.initial_per_video", initial_per_video, 1, MOST_FRAMES),
            ("rules.max_calls", max_calls.into(), 0, MOST_CALLS.into()),
            ("rules.frames_a_call", frames_a_call, 1, MOST_FRAMES),
            ("rules.frame_tokens", frame_tokens, 1, MOST_FRAMES),
            ("rules.retries", retries.into(), 0, MOST_CALLS.into()),
        ];
        for (name, value, least, most) in bounded {
            if !(least..=most).contains(&value) {
                return Err(format!("`{name}` is {value}, not from {least} to {most}"));
            }
        }
        Ok(())
    }
}

impl Language {
    /// The vocabulary, if its tokens are those of the file.
    fn vocabulary(&self) -> Result<Vocabulary, String> {
        let known = AllOps::grammars();
        let mut grammars: Vec<OpGrammar> = Vec::new();
        for name in &self.operations {
            if grammars.iter().any(|one| one.name == name) {
                return Err(format!(
                    "`language.operations`: `{name}` stands there twice"
                ));
            }
            let grammar = known.iter().find(|grammar| grammar.name == name);
            let grammar = grammar.ok_or_else(|| {
                let known = AllOps::NAMES.join(", ");
                format!("`language.operations`: there is no operation `{name}`; there are {known}")
            })?;
            grammars.push(grammar.clone());
        }
        if self.longest_video == 0 {
            return Err("`language.longest_video` is 0".to_owned());
        }
        let words: Vec<&str> = self.words.iter().map(String::as_str).collect();
        let vocabulary = Vocabulary::new(&grammars, &words, self.longest_video, Tiny::VOCAB)
            .map_err(|error| format!("`language`: {error}"))?;
        let own = vocabulary.spelled();
        if own == self.tokens {
            return Ok(vocabulary);
        }
        let same = own.iter().zip(&self.tokens).take_while(|(a, b)| a == b);
        let first = same.count();
        let there = |tokens: &[String]| {
            let token = tokens.get(first);
            token.map_or_else(|| "missing".to_owned(), |token| format!("{token:?}"))
        };
        Err(format!(
            "`language.tokens`: token {first} is {}, this program's is {}; export the policy again with this program",
            there(&self.tokens),
            there(&own)
        ))
    }
}
