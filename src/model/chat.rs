//! Conversations as the text a model was tuned on: its own Jinja template, or plain "Human:" and "Assistant:" lines.

use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use minijinja::value::Kwargs;
use minijinja::{Environment, Error, ErrorKind};
use serde::Serialize;
use serde_json::{Map, Value};

use super::ModelError;
use super::date;
use super::files::{Fields, Source, exists, read};

/// Who says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    System,
    User,
    Assistant,
}

/// One turn of a conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Message {
    pub role: Role,
    pub content: String,
}

impl Message {
    /// A turn of the person.
    pub fn user(content: &str) -> Self {
        Self { role: Role::User, content: content.to_owned() }
    }
}

/// A model's chat template and the special tokens it may name.
pub(super) struct Chat {
    template: Option<(String, PathBuf)>,
    /// `bos_token` and its like.
    tokens: Map<String, Value>,
}

impl Chat {
    /// Looks for chat_template.jinja, then in tokenizer_config.json, then in chat_template.json.
    pub fn open(source: &Source) -> Result<Self, ModelError> {
        let config = Fields::read_or_empty(&source.file("tokenizer_config.json"))?;
        let mut tokens = Map::new();
        for key in ["bos_token", "eos_token", "unk_token", "pad_token", "sep_token", "cls_token", "mask_token"] {
            let content = match config.get(key) {
                Some(Value::Object(token)) => token.get("content").cloned(),
                other => other.cloned(),
            };
            if let Some(content @ Value::String(_)) = content {
                tokens.insert(key.into(), content);
            }
        }
        Ok(Self::new(find_template(source, &config)?, tokens))
    }

    /// A template and the file it is from, and the special tokens.
    pub fn new(template: Option<(String, PathBuf)>, tokens: Map<String, Value>) -> Self {
        Self { template, tokens }
    }

    pub fn has_template(&self) -> bool {
        self.template.is_some()
    }

    /// Why the template cannot be used, if so.
    pub fn fault(&self) -> Option<ModelError> {
        let (template, path) = self.template.as_ref()?;
        let error = environment().add_template("chat", template).err()?;
        Some(ModelError::Template { path: path.clone(), problem: first_line(&error) })
    }

    /// The text up to where the assistant begins to answer.
    pub fn render(&self, messages: &[Message]) -> Result<String, ModelError> {
        let Some((template, path)) = &self.template else {
            return Ok(plain(messages));
        };
        let rendered = self.render_template(template, messages);
        rendered.map_err(|error| ModelError::Template { path: path.clone(), problem: first_line(&error) })
    }

    fn render_template(&self, template: &str, messages: &[Message]) -> Result<String, Error> {
        let mut context = self.tokens.clone();
        let messages = serde_json::to_value(messages)
            .map_err(|error| Error::new(ErrorKind::BadSerialization, error.to_string()))?;
        context.insert("messages".into(), messages);
        context.insert("add_generation_prompt".into(), true.into());
        let mut environment = environment();
        environment.add_template("chat", template)?;
        environment.get_template("chat")?.render(context)
    }
}

/// As transformers sets it up.
fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_trim_blocks(true);
    environment.set_lstrip_blocks(true);
    environment.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
    environment.add_function("raise_exception", |message: String| -> Result<String, Error> {
        Err(Error::new(ErrorKind::InvalidOperation, message))
    });
    environment.add_function("strftime_now", |format: &str| date::format(format, seconds_now()));
    // Python's json.dumps leaves <, > and & alone, minijinja's own filter does not.
    environment.add_filter("tojson", |value: minijinja::Value, options: Kwargs| -> Result<String, Error> {
        let indent: Option<usize> = options.get("indent")?;
        let json = if indent.is_some() { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) };
        json.map_err(|error| Error::new(ErrorKind::BadSerialization, error.to_string()))
    });
    environment
}

fn seconds_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs())
}

fn find_template(source: &Source, config: &Fields) -> Result<Option<(String, PathBuf)>, ModelError> {
    let file = source.file("chat_template.jinja");
    if exists(&file) {
        let text = String::from_utf8(read(&file, "the chat template", "Fetch it again")?.into_owned())
            .map_err(|_| ModelError::Template { path: file.clone(), problem: "it is not UTF-8".into() })?;
        return Ok(Some((text, file)));
    }
    if let Some(text) = template_in(config)? {
        return Ok(Some((text, config.path().to_owned())));
    }
    let beside = Fields::read_or_empty(&source.file("chat_template.json"))?;
    Ok(template_in(&beside)?.map(|text| (text, beside.path().to_owned())))
}

/// A template, or the one called `default` of a list of them.
fn template_in(fields: &Fields) -> Result<Option<String>, ModelError> {
    const KEY: &str = "chat_template";
    match fields.get(KEY) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(Value::Array(list)) => {
            let default = list.iter().find(|item| item["name"] == "default").or(list.first());
            match default.map(|item| &item["template"]) {
                Some(Value::String(text)) => Ok(Some(text.clone())),
                _ => Err(fields.wrong(KEY, "is a list without a `template`")),
            }
        }
        Some(_) => Err(fields.wrong(KEY, "is neither a text nor a list of templates")),
    }
}

/// The form for models without a template.
fn plain(messages: &[Message]) -> String {
    let mut text = String::new();
    for message in messages {
        let speaker = match message.role {
            Role::System => "",
            Role::User => "Human: ",
            Role::Assistant => "Assistant: ",
        };
        text += speaker;
        text += &message.content;
        text += "\n\n";
    }
    text + "Assistant:"
}

/// An error of minijinja in one line, with its place.
fn first_line(error: &Error) -> String {
    error.to_string().lines().next().unwrap_or("unknown fault").to_owned()
}
