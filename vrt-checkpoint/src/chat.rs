//! In: messages. Out: the prompt's text, by the template that the checkpoint brings.

use std::fs;
use std::path::{Path, PathBuf};

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{Environment, Error, ErrorKind, context};
use minijinja_contrib::pycompat::unknown_method_callback;
use serde::{Deserialize, Serialize};

/// Where a template may stand, the newest form first.
const FILES: [&str; 3] = [
    "chat_template.jinja",
    "chat_template.json",
    "tokenizer_config.json",
];
const NAME: &str = "chat_template";

/// A template could not be read or run.
#[derive(Debug, thiserror::Error)]
pub enum ChatError {
    /// No file holds one.
    #[error(
        "{}: no chat template in {}; fetch the checkpoint's",
        folder.display(),
        FILES.join(", ")
    )]
    Missing {
        /// The folder.
        folder: PathBuf,
    },
    /// A file cannot be read.
    #[error("{}: {problem}; fetch the file again", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        problem: String,
    },
    /// The template is not valid, or it refused the messages.
    #[error("chat template: {0}")]
    Template(String),
}

/// One message of a conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Message {
    /// `system`, `user` or `assistant`.
    pub role: String,
    /// What it says.
    pub content: Content,
}

/// What a message says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Content {
    /// Text alone.
    Text(String),
    /// Text and pictures, in order.
    Parts(Vec<Part>),
}

/// A piece of a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum Part {
    /// Text.
    Text {
        /// The text.
        text: String,
    },
    /// The place of an image.
    Image,
    /// The place of a video.
    Video,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Source {
    One(String),
    Many(Vec<Named>),
}

#[derive(Deserialize)]
struct Named {
    name: String,
    template: String,
}

#[derive(Deserialize)]
struct Holder {
    chat_template: Option<Source>,
}

/// A checkpoint's chat template.
#[derive(Debug)]
pub struct ChatTemplate(Environment<'static>);

impl ChatTemplate {
    /// Finds the template in a checkpoint's folder.
    ///
    /// # Errors
    /// [`ChatError`]: no file has one, or it is not valid.
    pub fn find(folder: &Path) -> Result<Self, ChatError> {
        for name in FILES {
            let path = folder.join(name);
            if !path.exists() {
                continue;
            }
            let refuse = |problem: String| ChatError::Read {
                path: path.clone(),
                problem,
            };
            let text = fs::read_to_string(&path).map_err(|error| refuse(error.to_string()))?;
            if name.ends_with(".jinja") {
                return Self::new(text);
            }
            let holder: Holder =
                serde_json::from_str(&text).map_err(|error| refuse(error.to_string()))?;
            match holder.chat_template {
                Some(Source::One(text)) => return Self::new(text),
                Some(Source::Many(named)) => {
                    let default = named.into_iter().find(|named| named.name == "default");
                    let default = default.ok_or_else(|| {
                        refuse("`chat_template` has no template named `default`".to_owned())
                    })?;
                    return Self::new(default.template);
                }
                None => {}
            }
        }
        Err(ChatError::Missing {
            folder: folder.to_owned(),
        })
    }

    /// A template from its text.
    ///
    /// # Errors
    /// [`ChatError::Template`] says what is not valid, and where.
    pub fn new(text: String) -> Result<Self, ChatError> {
        let mut environment = Environment::new();
        // As transformers sets them.
        let syntax = SyntaxConfig::builder()
            .trim_blocks(true)
            .lstrip_blocks(true)
            .build()
            .map_err(|error| refuse(&error))?;
        environment.set_syntax(syntax);
        environment.set_unknown_method_callback(unknown_method_callback);
        environment.add_function(
            "raise_exception",
            |message: String| -> Result<String, Error> {
                Err(Error::new(ErrorKind::InvalidOperation, message))
            },
        );
        environment
            .add_template_owned(NAME, text)
            .map_err(|error| refuse(&error))?;
        Ok(Self(environment))
    }

    /// The text of a conversation, with the opening of the assistant's answer if `answer`.
    ///
    /// # Errors
    /// [`ChatError::Template`] if the template refuses the messages.
    pub fn render(&self, messages: &[Message], answer: bool) -> Result<String, ChatError> {
        let template = self.0.get_template(NAME).map_err(|error| refuse(&error))?;
        template
            .render(context! { messages => Serde(messages), add_generation_prompt => answer })
            .map_err(|error| refuse(&error))
    }
}

fn refuse(error: &Error) -> ChatError {
    ChatError::Template(error.to_string())
}
