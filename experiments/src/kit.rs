//! In: the tools a policy is offered. Out: all that the stages need to know of them, as one type.
//!
//! The set of operations is a type, so that everything behind a stage is dispatched statically; the choice among the
//! sets of a spec is made here, once.

use std::marker::PhantomData;

use rand_chacha::ChaCha8Rng;
use serde_json::Value;
use vrt_core::model::Tiny;
use vrt_core::op::{AllOps, OpGrammar, OpSet, PaperOps};
use vrt_core::tokenizer::{Vocabulary, VocabularyError};

use crate::world::ask::{Ask, AskError, Demonstrate, Tools};
use crate::world::facts::PairFacts;
use crate::world::split::Length;
use crate::world::teacher::Call;
use crate::world::words;

/// Tools, the language they are spoken of in, and how the teacher shows them.
pub trait Kit: Demonstrate + Clone + 'static {
    /// The operations that are offered.
    type Ops: OpSet;

    /// The grammars that the vocabulary is built with: the offered operations' or more.
    fn grammars(&self) -> Vec<OpGrammar>;

    /// What sets the vocabulary apart from the paper's, for a stage's identity.
    fn language(&self) -> Option<Value>;

    /// What sets the tools and their demonstration apart from the paper's, for a stage's identity.
    fn identity(&self) -> Option<Value>;

    /// The vocabulary of these grammars and the world's words.
    ///
    /// # Errors
    /// [`VocabularyError`] if an operation cannot be spelled, or the model's embedding table is too small.
    fn vocabulary(&self) -> Result<Vocabulary, VocabularyError> {
        vocabulary(&self.grammars())
    }
}

/// The vocabulary of these grammars and the world's words.
///
/// # Errors
/// [`VocabularyError`] if an operation cannot be spelled, or the model's embedding table is too small.
pub fn vocabulary(grammars: &[OpGrammar]) -> Result<Vocabulary, VocabularyError> {
    let longest = Length::Long.frames();
    Vocabulary::new(grammars, &words::pieces(), longest, Tiny::VOCAB)
}

/// Tools of a spec: `O` stands for them.
pub struct Offered<O> {
    tools: Tools,
    ops: PhantomData<fn() -> O>,
}

impl<O> Clone for Offered<O> {
    fn clone(&self) -> Self {
        Self::of(self.tools)
    }
}

impl<O> Offered<O> {
    pub(crate) fn of(tools: Tools) -> Self {
        Self {
            tools,
            ops: PhantomData,
        }
    }
}

impl Offered<PaperOps> {
    /// The paper's one tool.
    pub fn paper() -> Self {
        Self::of(Tools::Paper)
    }
}

impl Offered<AllOps> {
    /// The whole library.
    pub fn all() -> Self {
        Self::of(Tools::All)
    }
}

impl<O> Demonstrate for Offered<O> {
    fn ask(
        &self,
        call: Call,
        facts: &PairFacts,
        outcomes: usize,
        rng: &mut ChaCha8Rng,
    ) -> Result<Ask, AskError> {
        self.tools.ask(call, facts, outcomes, rng)
    }
}

impl<O: OpSet + 'static> Kit for Offered<O> {
    type Ops = O;

    /// Every set but the paper's shares the whole library's, so that policies with different tools grow from one base.
    fn grammars(&self) -> Vec<OpGrammar> {
        match self.tools {
            Tools::Paper => PaperOps::grammars(),
            _ => AllOps::grammars(),
        }
    }

    fn language(&self) -> Option<Value> {
        (!self.tools.is_paper()).then(|| serde_json::json!(Tools::All))
    }

    fn identity(&self) -> Option<Value> {
        (!self.tools.is_paper()).then(|| serde_json::json!(self.tools))
    }
}

/// Evaluates an expression with `$kit` standing for the kit of `$tools`.
macro_rules! with_kit {
    ($tools:expr, $kit:ident => $make:expr) => {{
        use vrt_core::op;
        use $crate::kit::Offered;
        use $crate::world::ask::Tools;
        macro_rules! made {
            ($ops:ty) => {{
                let $kit = Offered::<$ops>::of($tools);
                $make
            }};
        }
        match $tools {
            Tools::Paper | Tools::Select => made!(op::PaperOps),
            Tools::Range => made!(op::RangeOps),
            Tools::SelectRange => made!(op::SelectRangeOps),
            Tools::SelectZoom => made!(op::SelectZoomOps),
            Tools::SelectDifference => made!(op::SelectDifferenceOps),
            Tools::SelectRecall => made!(op::SelectRecallOps),
            Tools::All => made!(op::AllOps),
        }
    }};
}
pub(crate) use with_kit;
