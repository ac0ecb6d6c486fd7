//! In: a stranger's operations and a way to tell a call. Out: the kit that the stages train with.

use std::fs;
use std::marker::PhantomData;
use std::sync::Arc;

use rand_chacha::ChaCha8Rng;
use serde_json::Value;
use vrt_core::op::{OpError, OpGrammar, OpSet, Workspace};
use vrt_core::tokenizer::Vocabulary;
use vrt_train::atomic::FileError;

use super::LabError;
use crate::kit::{Kit, vocabulary};
use crate::stages::WORLD_SEED;
use crate::world::World;
use crate::world::ask::{Ask, AskError, Demonstrate, Own};
use crate::world::config::WorldConfig;
use crate::world::facts::PairFacts;
use crate::world::teacher::Call;
use crate::world::told::Told;

/// Operations `O`, shown as `tell` tells them.
pub struct Shown<O> {
    tell: fn(&Call) -> Told,
    world: World,
    vocabulary: Arc<Vocabulary>,
    /// A hash of the program: what an operation or a term does stands nowhere else.
    code: String,
    ops: PhantomData<fn() -> O>,
}

impl<O> Clone for Shown<O> {
    fn clone(&self) -> Self {
        Self {
            tell: self.tell,
            world: self.world.clone(),
            vocabulary: self.vocabulary.clone(),
            code: self.code.clone(),
            ops: PhantomData,
        }
    }
}

impl<O: OpSet> Shown<O> {
    /// The kit of these operations in a world.
    ///
    /// # Errors
    /// [`LabError`] if they make no vocabulary, the world none, or the program's file cannot be read.
    pub fn new(tell: fn(&Call) -> Told, world: WorldConfig) -> Result<Self, LabError> {
        let program = std::env::current_exe().map_err(FileError::at("find", "the program"))?;
        let code = fs::read(&program).map_err(FileError::at("read", &program))?;
        Ok(Self {
            tell,
            world: World::new(WORLD_SEED, world)?,
            vocabulary: Arc::new(vocabulary(&O::grammars())?),
            code: blake3::hash(&code).to_string(),
            ops: PhantomData,
        })
    }
}

impl<O: OpSet> Demonstrate for Shown<O> {
    fn ask(
        &self,
        call: Call,
        facts: &PairFacts,
        _: usize,
        _: &mut ChaCha8Rng,
    ) -> Result<Ask, AskError> {
        let told = (self.tell)(&call);
        let tokens = self.vocabulary.call(told.tool, &told.arguments)?;
        let text = self.vocabulary.render(&tokens, facts.pool());
        let pair = self.world.pair(facts.key);
        let mut view = Workspace::new(&pair);
        let outcome = O::call(told.tool, &arguments(&told, &text)?, &mut view)?;
        Ok(Ask::Own(Arc::new(Own { told, outcome })))
    }
}

/// The arguments in the text of a call.
fn arguments(told: &Told, text: &str) -> Result<Value, OpError> {
    let call = text
        .split_once("<tool_call>")
        .and_then(|(_, rest)| rest.split_once("</tool_call>"))
        .and_then(|(call, _)| serde_json::from_str::<Value>(call).ok());
    match call {
        Some(mut call) => Ok(call["arguments"].take()),
        None => Err(OpError::Refused {
            tool: told.tool,
            what: format!("the demonstration spells {text:?}, which is no call"),
            cure: "tell each argument with one frame, list, number or flag".to_owned(),
        }),
    }
}

impl<O: OpSet + 'static> Kit for Shown<O> {
    type Ops = O;

    fn grammars(&self) -> Vec<OpGrammar> {
        O::grammars()
    }

    fn language(&self) -> Option<Value> {
        Some(serde_json::json!(format!("{:?}", O::grammars())))
    }

    fn identity(&self) -> Option<Value> {
        Some(serde_json::json!([O::NAMES, self.code]))
    }
}
