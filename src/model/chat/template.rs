//! The template by which a chat becomes the text that a model was tuned on.
//!
//! Templates are Jinja as `transformers` renders it: blocks trimmed, Python's string methods,
//! `raise_exception`. They come with the model, from somebody else: size and steps are bounded.

use std::path::{Path, PathBuf};

use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Serde, Value};
use minijinja::{Environment, Error, ErrorKind, context};
use minijinja_contrib::pycompat::unknown_method_callback;
use serde::Deserialize;

use super::super::error::ModelError;
use super::message::{Message, without_system};
use crate::language::GgufFile;

/// Larger template files are refused; the longest known has 20 kB.
const MOST_BYTES: u64 = 1 << 20;
/// Larger `tokenizer_config.json` are refused.
const MOST_CONFIG_BYTES: u64 = 64 << 20;
/// Steps a template may take.
const FUEL: u64 = 10_000_000;
/// The name under which the environment holds the template.
const NAME: &str = "chat_template";
/// Where templates begin the thoughts of a model that always thinks aloud, and where those end.
const THOUGHTS: [&str; 2] = ["<think>", "</think>"];
/// What a template learns of the time. The same prompt every day is the same plan every day, so it is
/// the day that templates of Llama 3 take where nobody tells them.
const DAY: [(&str, &str); 10] = [
    ("%Y", "2024"),
    ("%y", "24"),
    ("%m", "07"),
    ("%B", "July"),
    ("%b", "Jul"),
    ("%d", "26"),
    ("%A", "Friday"),
    ("%H", "00"),
    ("%M", "00"),
    ("%S", "00"),
];

/// A chat template, and the special tokens it writes.
#[derive(Debug)]
pub struct ChatTemplate {
    path: PathBuf,
    environment: Environment<'static>,
    bos_token: String,
    eos_token: String,
}

/// The fields of `tokenizer_config.json` that matter here. `chat_template.json`, which models that see
/// pictures as well may have instead (Mistral 3), has the last of them.
#[derive(Deserialize, Default)]
struct TokenizerConfig {
    #[serde(default)]
    bos_token: Option<TokenName>,
    #[serde(default)]
    eos_token: Option<TokenName>,
    #[serde(default)]
    chat_template: Option<Templates>,
}

/// A special token as older and newer files write it.
#[derive(Deserialize)]
#[serde(untagged)]
enum TokenName {
    Plain(String),
    Added { content: String },
}

impl TokenName {
    fn text(self) -> String {
        match self {
            Self::Plain(text) | Self::Added { content: text } => text,
        }
    }
}

/// One template, or several by name.
#[derive(Deserialize)]
#[serde(untagged)]
enum Templates {
    One(String),
    Named(Vec<NamedTemplate>),
}

#[derive(Deserialize)]
struct NamedTemplate {
    name: String,
    template: String,
}

impl TokenizerConfig {
    /// Reads the file at `path`; nothing is known where there is none.
    fn read(path: &Path) -> Result<Self, ModelError> {
        if !path.exists() {
            return Ok(Self::default());
        }
        serde_json::from_str(&read(path, MOST_CONFIG_BYTES)?)
            .map_err(|error| ModelError::Template { path: path.into(), reason: error.to_string() })
    }
}

impl Templates {
    /// The one for a chat without tools, if it is there.
    fn plain(self) -> Option<String> {
        match self {
            Self::One(source) => Some(source),
            Self::Named(all) => {
                let default = all.into_iter().find(|named| named.name == "default");
                default.map(|named| named.template)
            }
        }
    }
}

impl ChatTemplate {
    /// Compiles `source`; `path` stands in errors, the tokens are what `bos_token` and `eos_token`
    /// mean in it.
    pub fn new(
        source: String,
        bos_token: &str,
        eos_token: &str,
        path: &Path,
    ) -> Result<Self, ModelError> {
        let mut environment = Environment::new();
        let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
        let syntax = syntax.map_err(|error| fault(path, &error))?;
        environment.set_syntax(syntax);
        environment.set_fuel(Some(FUEL));
        environment.set_unknown_method_callback(unknown_method_callback);
        environment.add_function("raise_exception", |reason: String| -> Result<String, Error> {
            Err(Error::new(ErrorKind::InvalidOperation, reason))
        });
        environment.add_function("strftime_now", |format: String| -> String {
            DAY.iter().fold(format, |text, &(part, value)| text.replace(part, value))
        });
        environment.add_template_owned(NAME, source).map_err(|error| fault(path, &error))?;
        let (bos_token, eos_token) = (bos_token.to_owned(), eos_token.to_owned());
        Ok(Self { path: path.into(), environment, bos_token, eos_token })
    }

    /// The template of the safetensors model in `folder`: `chat_template.jinja`, or what
    /// `tokenizer_config.json` or else `chat_template.json` holds; `file` takes the place of all.
    pub fn beside(folder: &Path, file: Option<&Path>) -> Result<Self, ModelError> {
        let config_path = folder.join("tokenizer_config.json");
        let config = TokenizerConfig::read(&config_path)?;
        let beside = folder.join("chat_template.jinja");
        let (source, path) = match (file, config.chat_template) {
            (Some(file), _) => (read(file, MOST_BYTES)?, file.to_path_buf()),
            (None, _) if beside.exists() => (read(&beside, MOST_BYTES)?, beside),
            (None, Some(templates)) => {
                (templates.plain().ok_or_else(|| missing(&config_path))?, config_path)
            }
            (None, None) => {
                let path = folder.join("chat_template.json");
                let templates = TokenizerConfig::read(&path)?.chat_template;
                let source = templates.and_then(Templates::plain);
                (source.ok_or_else(|| missing(&config_path))?, path)
            }
        };
        let text = |token: Option<TokenName>| token.map(TokenName::text).unwrap_or_default();
        Self::new(source, &text(config.bos_token), &text(config.eos_token), &path)
    }

    /// The template in the metadata of a GGUF file; `file` takes its place.
    pub fn of_gguf(gguf: &GgufFile, file: Option<&Path>) -> Result<Self, ModelError> {
        let (source, path) = match (file, gguf.text("tokenizer.chat_template")) {
            (Some(file), _) => (read(file, MOST_BYTES)?, file),
            (None, Some(source)) => (source.to_owned(), gguf.path()),
            (None, None) => return Err(missing(gguf.path())),
        };
        let token = |key: &str| gguf.token_text(key).unwrap_or_default();
        let bos = token("tokenizer.ggml.bos_token_id");
        let eos = token("tokenizer.ggml.eos_token_id");
        Self::new(source, bos, eos, path)
    }

    /// The text of `messages`; with `answer` the words that begin the model's turn stand behind
    /// them. Where the template knows no system message, its words begin the first other one. Where it
    /// has the model think aloud in any case, the thoughts are ended before they begin: an answer under
    /// a grammar would else stand among them.
    pub fn render(&self, messages: &[Message], answer: bool) -> Result<String, ModelError> {
        let text = self.render_whole(messages, answer)?;
        let [begin, end] = THOUGHTS;
        let thinking = text.trim_end();
        if answer && thinking.ends_with(begin) {
            return Ok(format!("{thinking}\n\n{end}\n\n"));
        }
        Ok(text)
    }

    fn render_whole(&self, messages: &[Message], answer: bool) -> Result<String, ModelError> {
        let complete = |text: &String, messages: &[Message]| {
            messages.iter().all(|message| text.contains(message.content.trim()))
        };
        let whole = self.render_as_is(messages, answer);
        if let Ok(text) = &whole
            && complete(text, messages)
        {
            return whole;
        }
        let merged = without_system(messages);
        match (self.render_as_is(&merged, answer), whole) {
            (Ok(text), _) if complete(&text, &merged) => Ok(text),
            (_, Err(error)) => Err(error),
            _ => Err(ModelError::Template {
                path: self.path.clone(),
                reason: "it leaves out what is said".into(),
            }),
        }
    }

    fn render_as_is(&self, messages: &[Message], answer: bool) -> Result<String, ModelError> {
        let values = context! {
            messages => Value::from(Serde(messages)),
            add_generation_prompt => answer,
            bos_token => self.bos_token.as_str(),
            eos_token => self.eos_token.as_str(),
            // Models that think aloud first are asked not to: the grammar leaves no room for it.
            enable_thinking => false,
        };
        let template = self.environment.get_template(NAME);
        template
            .and_then(|template| template.render(values))
            .map_err(|error| fault(&self.path, &error))
    }
}

fn fault(path: &Path, error: &Error) -> ModelError {
    ModelError::Template { path: path.into(), reason: format!("{error:#}") }
}

fn missing(path: &Path) -> ModelError {
    let reason = "there is none; is this an instruction-tuned model? Name a file: local.template";
    ModelError::Template { path: path.into(), reason: reason.into() }
}

fn read(path: &Path, most: u64) -> Result<String, ModelError> {
    let error = |source| ModelError::Read { path: path.into(), source };
    let length = std::fs::metadata(path).map_err(error)?.len();
    if length > most {
        let reason = format!("{length} bytes are too many, at most {most} are read");
        return Err(ModelError::Template { path: path.into(), reason });
    }
    std::fs::read_to_string(path).map_err(error)
}

#[cfg(test)]
mod tests {
    use super::super::message::Role;
    use super::*;

    fn template(source: &str) -> Result<ChatTemplate, ModelError> {
        ChatTemplate::new(source.into(), "<s>", "</s>", Path::new("m/chat_template.jinja"))
    }

    fn chat() -> Vec<Message> {
        vec![Message::new(Role::System, "Be brief."), Message::new(Role::User, "Hello")]
    }

    #[derive(Deserialize)]
    struct Rendered {
        chat: Vec<Message>,
        answer: bool,
        text: Option<String>,
    }

    #[test]
    fn templates_of_all_families_render_as_transformers_renders_them() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/chat_templates");
        let golden = std::fs::read_to_string(folder.join("golden.json")).unwrap();
        type Chats = std::collections::BTreeMap<String, Rendered>;
        let golden: std::collections::BTreeMap<String, Chats> =
            serde_json::from_str(&golden).unwrap();
        assert_eq!(golden.len(), 9);
        for (family, chats) in golden {
            let source = std::fs::read_to_string(folder.join(format!("{family}.jinja"))).unwrap();
            let template = template(&source).unwrap();
            for (name, Rendered { chat, answer, text }) in chats {
                let found = template.render_as_is(&chat, answer);
                assert_eq!(found.as_ref().ok(), text.as_ref(), "{family} {name}: {found:?}");
                // What a planner says is understood by every family.
                let question = chat.last().is_some_and(|message| message.role == Role::User);
                if question && chat.len() < 3 {
                    let text = template.render(&chat, true).unwrap();
                    assert!(chat.iter().all(|one| text.contains(one.content.trim())), "{text}");
                }
            }
        }
    }

    #[test]
    fn a_template_without_system_messages_gets_its_words_in_the_first_one() {
        for refusal in ["{{ raise_exception('no system') }}", ""] {
            let source = format!(
                "{{{{ bos_token }}}}{{% for m in messages %}}{{% if m.role == 'system' %}}{refusal}\
                 {{% else %}}[{{{{ m['content'].strip() }}}}]{{% endif %}}{{% endfor %}}"
            );
            let text = template(&source).unwrap().render(&chat(), true).unwrap();
            assert_eq!(text, "<s>[Be brief.\n\nHello]");
        }
    }

    /// As templates of DeepSeek's distilled models and of Qwen 3 "Thinking" end.
    #[test]
    fn thoughts_that_a_template_begins_are_ended() {
        let source = "{{ bos_token }}{% for m in messages %}[{{ m.content }}]{% endfor %}\
            {% if add_generation_prompt %}{{ '<|Assistant|><think>\n' }}{% endif %}";
        let template = template(source).unwrap();
        let text = template.render(&chat(), true).unwrap();
        assert_eq!(text, "<s>[Be brief.][Hello]<|Assistant|><think>\n\n</think>\n\n");
        assert_eq!(template.render(&chat(), false).unwrap(), "<s>[Be brief.][Hello]");
    }

    /// As Mistral Small 3 asks for it.
    #[test]
    fn templates_may_ask_for_the_day_and_every_day_is_the_same() {
        let source = "{% set today = strftime_now('%Y-%m-%d') %}{{ today + '|' }}\
            {{ strftime_now('%d %b %Y') }}{% for m in messages %} {{ m.content }}{% endfor %}";
        let text = template(source).unwrap().render(&chat(), true).unwrap();
        assert_eq!(text, "2024-07-26|26 Jul 2024 Be brief. Hello");
    }

    #[test]
    fn what_is_wrong_with_a_template_is_said() {
        let error = template("{% for %}").unwrap_err().to_string();
        assert!(error.starts_with("m/chat_template.jinja: chat template: "), "{error}");
        let refusing = template("{{ raise_exception('roles must alternate') }}").unwrap();
        let error = refusing.render(&chat(), true).unwrap_err().to_string();
        assert!(error.contains("roles must alternate"), "{error}");
        let silent = template("nothing").unwrap().render(&chat(), true).unwrap_err().to_string();
        assert!(silent.contains("leaves out what is said"), "{silent}");
        let endless =
            "{% for a in range(9999) %}{% for b in range(9999) %}x{% endfor %}{% endfor %}";
        let error = template(endless).unwrap().render(&chat(), true).unwrap_err().to_string();
        assert!(error.contains("fuel"), "{error}");
    }

    #[test]
    fn files_are_looked_for_where_models_have_them() {
        let folder = tempfile::tempdir().unwrap();
        let write =
            |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        let render = |file: Option<&Path>| -> Result<String, ModelError> {
            ChatTemplate::beside(folder.path(), file)?.render(&chat()[1..], true)
        };
        assert!(render(None).unwrap_err().to_string().contains("local.template"));
        write("chat_template.json", r#"{"chat_template": "0 {{ messages[0].content }}"}"#);
        assert_eq!(render(None).unwrap(), "0 Hello");
        let one = r#"{"bos_token": {"content": "<b>"}, "eos_token": null,
            "chat_template": "{{ bos_token }}1 {{ messages[0].content }}"}"#;
        write("tokenizer_config.json", one);
        assert_eq!(render(None).unwrap(), "<b>1 Hello");
        write(
            "tokenizer_config.json",
            r#"{"bos_token": "<b>", "chat_template": [{"name": "tool_use", "template": "x"},
                {"name": "default", "template": "2 {{ messages[0]['content'] }}"}]}"#,
        );
        assert_eq!(render(None).unwrap(), "2 Hello");
        write("chat_template.jinja", "3 {{ messages[0].content }}{{ bos_token }}");
        assert_eq!(render(None).unwrap(), "3 Hello<b>");
        let mine = folder.path().join("mine.jinja");
        write("mine.jinja", "4 {{ messages[0].content }}");
        assert_eq!(render(Some(&mine)).unwrap(), "4 Hello");
        write("tokenizer_config.json", "{");
        assert!(render(None).unwrap_err().to_string().contains("tokenizer_config.json"));
    }
}
