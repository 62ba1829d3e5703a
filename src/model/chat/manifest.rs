//! `scenellm.yaml` of a chat model: which one, and where it runs.
//!
//! Public weights stand where their owner keeps them, so unlike in a Scene-LLM checkpoint paths may
//! lead out of the folder; relative ones begin at it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::super::error::ModelError;
use super::super::manifest::{Decoding, MANIFEST_FILE, ModelKind, parse_checked};

/// The longest time a server may be waited for, seconds.
const MOST_SECONDS: f64 = 3600.0;
/// The largest context that is planned for, tokens.
const MOST_CONTEXT: usize = 1 << 20;

/// The manifest of a chat model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChatManifest {
    /// `chat`.
    pub kind: ModelKind,
    /// Name as it stands in reports.
    pub name: String,
    /// What it is, in a sentence.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Licence of the weights.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub license: String,
    /// The model in this process; this or `endpoint`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub local: Option<LocalChatSpec>,
    /// The server that runs the model; this or `local`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<EndpointSpec>,
    /// Tokens of the prompt and the answer together.
    #[serde(default = "default_context")]
    pub context: usize,
    /// Most objects of the map that stand in a prompt, however long the context is.
    #[serde(default = "default_most_objects")]
    pub most_objects: usize,
    /// Actions and words of plans, a YAML file; ALFRED's unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vocabulary: Option<PathBuf>,
    /// Further rules for the model, such as those of the house it works in.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub instructions: String,
    /// How answers are searched.
    #[serde(default)]
    pub decoding: Decoding,
}

fn default_context() -> usize {
    4096
}

fn default_most_objects() -> usize {
    200
}

/// A model that runs in this process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LocalChatSpec {
    /// A `.gguf` file (of one that was split the first part), a `.safetensors` file with `config.json`
    /// beside it, or a folder of both.
    pub weights: PathBuf,
    /// `tokenizer.json`; beside safetensors, or made from the metadata of GGUF, unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokenizer: Option<PathBuf>,
    /// A file with the chat template; that of the model unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<PathBuf>,
}

/// A server that speaks OpenAI's protocol.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EndpointSpec {
    /// Where its API begins, such as `http://localhost:8000/v1`.
    pub url: String,
    /// Name of the model there.
    pub model: String,
    /// Environment variable that holds the API key; none is sent unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_key_env: Option<String>,
    /// How long an answer may take, all tries together, seconds.
    #[serde(default = "default_timeout_s")]
    pub timeout_s: f64,
    /// How often a request is sent again that a server refused for the moment or did not take.
    #[serde(default = "default_retries")]
    pub retries: u32,
    /// Whether the answer is sent while it is made, so that its steps are said as they come and a newer
    /// goal can interrupt it.
    #[serde(default = "default_stream")]
    pub stream: bool,
    /// How the server is held to the form of a plan.
    #[serde(default)]
    pub response_format: ResponseFormat,
    /// Further fields of every request, by which servers and models differ, as OpenAI's own clients call
    /// them; one that is null is left out of the request.
    #[serde(default, skip_serializing_if = "serde_json::Map::is_empty")]
    pub extra_body: serde_json::Map<String, serde_json::Value>,
}

fn default_timeout_s() -> f64 {
    60.0
}

fn default_retries() -> u32 {
    2
}

fn default_stream() -> bool {
    true
}

/// How a server is held to the form of a plan. Whatever it sends is checked here all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResponseFormat {
    /// By the form of the plans that are possible now: a JSON schema, and of a Scene-LLM, which
    /// writes lines, a regular expression.
    #[default]
    JsonSchema,
    /// Any JSON object.
    JsonObject,
    /// By the words of the prompt alone.
    None,
}

impl EndpointSpec {
    /// The time an answer may take.
    pub fn timeout(&self) -> Duration {
        Duration::try_from_secs_f64(self.timeout_s.min(MOST_SECONDS)).unwrap_or_default()
    }

    /// The first thing that is wrong with it, as field and reason.
    pub(in super::super) fn fault(&self) -> Option<(&'static str, String)> {
        let Self { timeout_s, retries, url, .. } = self;
        if !(0.01..=MOST_SECONDS).contains(timeout_s) {
            let reason = format!("is {timeout_s}, must be 0.01..={MOST_SECONDS}");
            return Some(("endpoint.timeout_s", reason));
        }
        if *retries > 10 {
            return Some(("endpoint.retries", format!("is {retries}, at most 10")));
        }
        let is_http = url.starts_with("http://") || url.starts_with("https://");
        let reason = || format!("'{url}' must begin with http:// or https://");
        (!is_http).then(|| ("endpoint.url", reason()))
    }

    /// The API key, if one is wanted, from the environment as `variable` reads it.
    pub fn api_key(
        &self,
        variable: &mut dyn FnMut(&str) -> Option<String>,
    ) -> Result<Option<String>, String> {
        let Some(name) = &self.api_key_env else { return Ok(None) };
        match variable(name).map(|key| key.trim().to_owned()) {
            Some(key) if !key.is_empty() => Ok(Some(key)),
            _ => Err(format!("the environment variable {name} is not set")),
        }
    }
}

impl ChatManifest {
    /// What a manifest would say of `path` where there is none: a GGUF file, or a folder of
    /// safetensors as Hugging Face has it.
    pub(in super::super) fn of_weights(path: &Path) -> Option<Self> {
        let is_gguf = path.is_file() && path.extension().is_some_and(|kind| kind == "gguf");
        let is_folder = path.join("config.json").exists() && !path.join(MANIFEST_FILE).exists();
        let weights = std::path::absolute(path).ok().filter(|_| is_gguf || is_folder)?;
        Some(Self {
            kind: ModelKind::Chat,
            name: weights.file_stem()?.to_string_lossy().into_owned(),
            description: String::new(),
            license: String::new(),
            local: Some(LocalChatSpec { weights, tokenizer: None, template: None }),
            endpoint: None,
            context: default_context(),
            most_objects: default_most_objects(),
            vocabulary: None,
            instructions: String::new(),
            decoding: Decoding { max_tokens: 512, ..Decoding::default() },
        })
    }

    /// Reads and checks the manifest of the model in `folder`, which may be the model itself.
    pub fn load(folder: &Path) -> Result<Self, ModelError> {
        if let Some(manifest) = Self::of_weights(folder) {
            return Ok(manifest);
        }
        let path = folder.join(MANIFEST_FILE);
        let text = std::fs::read_to_string(&path)
            .map_err(|source| ModelError::Read { path: path.clone(), source })?;
        let manifest = Self::parse(&text, &path)?;
        let local = manifest.local.as_ref();
        let files = [
            ("local.weights", local.map(|local| &local.weights)),
            ("local.tokenizer", local.and_then(|local| local.tokenizer.as_ref())),
            ("local.template", local.and_then(|local| local.template.as_ref())),
            ("vocabulary", manifest.vocabulary.as_ref()),
        ];
        for (field, file) in files {
            if let Some(file) = file.filter(|file| !folder.join(file).exists()) {
                let reason = format!("'{}' is not there", folder.join(file).display());
                return Err(ModelError::Manifest { path, field: field.into(), reason });
            }
        }
        Ok(manifest)
    }

    /// Parses and checks a manifest without looking for its files; `path` stands in errors.
    pub fn parse(text: &str, path: &Path) -> Result<Self, ModelError> {
        parse_checked(text, path, Self::fault)
    }

    pub(super) fn without_model(&self, folder: &Path) -> ModelError {
        ModelError::Manifest {
            path: folder.join(MANIFEST_FILE),
            field: "local".into(),
            reason: "either local or endpoint must say where the model is".into(),
        }
    }

    /// The first thing that is wrong with it, as field and reason.
    fn fault(&self) -> Option<(&'static str, String)> {
        if self.kind != ModelKind::Chat {
            return Some(("kind", "must be chat".into()));
        }
        if self.name.trim().is_empty() {
            return Some(("name", "is empty".into()));
        }
        if self.local.is_some() == self.endpoint.is_some() {
            let reason = "either local or endpoint must say where the model is, not both";
            return Some(("local", reason.into()));
        }
        if !(1..=MOST_CONTEXT).contains(&self.context) {
            return Some(("context", format!("is {}, must be 1..={MOST_CONTEXT}", self.context)));
        }
        if !(1..=10_000).contains(&self.most_objects) {
            return Some(("most_objects", format!("is {}, must be 1..=10000", self.most_objects)));
        }
        let of_endpoint = self.endpoint.as_ref().and_then(EndpointSpec::fault);
        if of_endpoint.is_some() {
            return of_endpoint;
        }
        self.decoding.fault(self.context.saturating_sub(1))
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::manifest::Manifest;
    use super::*;

    const SERVER: &str = "
kind: chat
name: served
endpoint: {url: 'http://localhost:8000/v1', model: some/model, api_key_env: A_KEY, timeout_s: 5}
";
    const LOCAL: &str = "
kind: chat
name: mine
local: {weights: /data/model.gguf}
context: 512
";

    fn parse(text: &str) -> Result<ChatManifest, ModelError> {
        ChatManifest::parse(text, Path::new("m/scenellm.yaml"))
    }

    #[test]
    fn what_is_written_is_read() {
        for text in [SERVER, LOCAL] {
            let manifest = parse(text).unwrap();
            let written = serde_yaml::to_string(&manifest).unwrap();
            assert_eq!(parse(&written).unwrap(), manifest);
        }
        let endpoint = parse(SERVER).unwrap().endpoint.unwrap();
        assert_eq!(endpoint.timeout(), Duration::from_secs(5));
        assert_eq!(endpoint.response_format, ResponseFormat::JsonSchema);
    }

    #[test]
    fn further_fields_of_requests_are_read() {
        let extra = "timeout_s: 5, extra_body: {max_tokens: null, chat_template_kwargs: \
                     {enable_thinking: false}}";
        let manifest = parse(&SERVER.replacen("timeout_s: 5", extra, 1)).unwrap();
        let written = serde_yaml::to_string(&manifest).unwrap();
        assert_eq!(parse(&written).unwrap(), manifest);
        let fields = serde_json::Value::from(manifest.endpoint.unwrap().extra_body);
        let kwargs = serde_json::json!({"enable_thinking": false});
        assert_eq!(fields, serde_json::json!({"max_tokens": null, "chat_template_kwargs": kwargs}));
    }

    #[test]
    fn faults_are_named() {
        let cases = [
            (SERVER, "timeout_s: 5", "timeout_s: .nan", "endpoint.timeout_s"),
            (SERVER, "timeout_s: 5", "retries: 99", "endpoint.retries"),
            (SERVER, "http://", "ftp://", "endpoint.url: 'ftp://"),
            (SERVER, "api_key_env: A_KEY", "api_key: secret", "api_key"),
            (SERVER, "name: served", "name: ''", "name: is empty"),
            (SERVER, "kind: chat", "kind: scene_llm", "kind: must be chat"),
            (LOCAL, "context: 512", "context: 100", "decoding.max_tokens"),
            (LOCAL, "context: 512", "context: 0", "context: is 0"),
            (LOCAL, "context: 512", "most_objects: 0", "most_objects"),
            (LOCAL, "local: {weights: /data/model.gguf}", "", "local: either"),
        ];
        for (text, from, to, message) in cases {
            let changed = text.replacen(from, to, 1);
            assert_ne!(changed, text);
            let error = parse(&changed).unwrap_err().to_string();
            assert!(error.contains(message), "{error} does not say {message}");
            assert!(error.starts_with("m/scenellm.yaml: "), "{error}");
        }
    }

    #[test]
    fn the_shipped_manifests_can_be_read() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/models");
        let folders = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let mut kinds = Vec::new();
        for path in folders.map(|folder| folder.join(MANIFEST_FILE)).filter(|path| path.exists()) {
            let text = std::fs::read_to_string(&path).unwrap();
            let kind = ModelKind::of(path.parent().unwrap()).unwrap();
            match kind {
                ModelKind::Chat => drop(ChatManifest::parse(&text, &path).unwrap()),
                ModelKind::SceneLlm => drop(Manifest::parse(&text, &path).unwrap()),
            }
            kinds.push(kind);
        }
        let chats = kinds.iter().filter(|kind| **kind == ModelKind::Chat).count();
        assert_eq!((chats, kinds.len()), (5, 6));
    }

    #[test]
    fn keys_come_from_the_environment_only() {
        let endpoint = parse(SERVER).unwrap().endpoint.unwrap();
        let key = |value: Option<&str>| {
            endpoint.api_key(&mut |name| {
                assert_eq!(name, "A_KEY");
                value.map(str::to_owned)
            })
        };
        assert_eq!(key(Some(" k \n")), Ok(Some("k".into())));
        assert!(key(None).unwrap_err().contains("A_KEY is not set"));
        assert!(key(Some(" ")).is_err());
    }
}
