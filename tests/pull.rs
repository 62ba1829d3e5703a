//! `scenellm models pull` against a hub on this machine: broken transfers, false content, odd
//! names, models that not everybody may have.

#![allow(clippy::unwrap_used, reason = "tests stop where they fail")]

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};

/// A checkpoint in the layout of the one that is pulled, but small.
const FILES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/vision/vit_tiny");
const NAME: &str = "vit-base-patch16-224";
/// A chat model, as safetensors and as GGUF, and where the hub has it.
const CHAT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/chat_planner");
const CHAT_SOURCE: &str = "me/chat";
/// What `torch.save` wrote, beside that.
const PICKLE: &str = "pickle/nested.pt";
/// The token of whoever may have a gated model.
const TOKEN: &str = "hf_let_in";

/// How the hub treats us.
#[derive(Clone, Copy, PartialEq)]
enum Manner {
    Fair,
    /// Breaks off the first transfer of the weights in their middle.
    BreaksOff,
    /// The same, and then there is no hub any more.
    Dies,
    /// Is too busy for the first transfer of the weights.
    Stumbles,
    /// Sends weights that are not those it names.
    Lies,
    /// Names content by a path out of the cache.
    Escapes,
    /// Has the weights only as PyTorch wrote them; those of something else.
    Pickles,
    /// Gives nothing to whoever does not show the token.
    Gated,
}

/// Ranges of the weights that were asked for, first bytes.
type Asked = Arc<Mutex<Vec<u64>>>;

fn hub(manner: Manner) -> (String, Asked) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let asked = Asked::default();
    let heard = asked.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            serve(stream, manner, &heard);
            if manner == Manner::Dies && !heard.lock().unwrap().is_empty() {
                return;
            }
        }
    });
    (endpoint, asked)
}

/// Answers one request and closes.
fn serve(mut stream: TcpStream, manner: Manner, asked: &Asked) {
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
    let Some(Ok(request)) = lines.next() else { return };
    let headers: Vec<String> =
        lines.map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
    let shown = header(&headers, "authorization");
    let bearer = format!("Bearer {TOKEN}");
    if manner == Manner::Gated && shown != Some(bearer.as_str()) {
        let status = if shown.is_some() { "403 Forbidden" } else { "401 Unauthorized" };
        let head = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        stream.write_all(head.as_bytes()).unwrap();
        return;
    }
    let file = request.split_whitespace().nth(1).unwrap().rsplit('/').next().unwrap().to_owned();
    let path = match (manner, file.as_str()) {
        (Manner::Pickles, "pytorch_model.bin") => Path::new(FILES).with_file_name(PICKLE),
        (Manner::Pickles, "model.safetensors") => PathBuf::new(),
        _ if request.contains(CHAT_SOURCE) => Path::new(CHAT).join(&file),
        _ => Path::new(FILES).join(&file),
    };
    if manner == Manner::Pickles && request.contains("/api/models/") {
        let body = r#"{"sha": "c0ffee00", "siblings": [{"rfilename": "pytorch_model.bin"}]}"#;
        let length = body.len();
        let head =
            format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n");
        stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body.as_bytes())).unwrap();
        return;
    }
    let Ok(content) = std::fs::read(path) else {
        stream.write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n").unwrap();
        return;
    };
    let range = header(&headers, "range").map(|range| range.trim_start_matches("bytes="));
    let (from, to) = range.and_then(|range| range.split_once('-')).unwrap();
    let from: usize = from.parse().unwrap();
    let to = to.parse().map_or(content.len(), |last: usize| last + 1);
    let is_weights = file.ends_with(".safetensors") || file.ends_with(".gguf");
    let etag = match manner {
        Manner::Escapes => "../../../../stolen".to_owned(),
        _ if is_weights => sha256(&content),
        // As long as the name of a blob in git.
        _ => sha256(&content)[..40].to_owned(),
    };
    let mut body = content[from..to].to_vec();
    if is_weights && to == content.len() {
        if manner == Manner::Lies {
            body.last_mut().into_iter().for_each(|byte| *byte ^= 1);
        }
        let mut asked = asked.lock().unwrap();
        asked.push(from as u64);
        let is_first = asked.len() == 1;
        if is_first && matches!(manner, Manner::BreaksOff | Manner::Dies) {
            body.truncate(content.len() / 2);
        }
        if is_first && manner == Manner::Stumbles {
            let busy = b"HTTP/1.1 503 Busy\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
            let _ = stream.write_all(busy);
            return;
        }
    }
    let head = format!(
        "HTTP/1.1 206 Partial Content\r\netag: \"{etag}\"\r\nx-repo-commit: {}\r\n\
         content-range: bytes {from}-{}/{}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        "c0ffee00".repeat(5),
        to - 1,
        content.len(),
        to - from
    );
    // The client may have gone.
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body));
}

/// What the header called `wanted` says.
fn header<'a>(headers: &'a [String], wanted: &str) -> Option<&'a str> {
    headers.iter().find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        name.eq_ignore_ascii_case(wanted).then_some(value)
    })
}

fn sha256(content: &[u8]) -> String {
    use sha2::Digest;
    sha2::Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn pull(name: &str, endpoint: &str, cache: &Path) -> Output {
    pull_with(&[name], endpoint, cache)
}

fn pull_with(arguments: &[&str], endpoint: &str, cache: &Path) -> Output {
    command(arguments, endpoint, cache).output().unwrap()
}

/// The command of somebody without a login.
fn command(arguments: &[&str], endpoint: &str, cache: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_scenellm"));
    command.args(["models", "pull", "--endpoint", endpoint, "--cache"]).arg(cache).args(arguments);
    for token in ["HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_TOKEN_PATH"] {
        command.env_remove(token);
    }
    command.env("HF_HOME", cache.join("home"));
    command
}

fn said(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn a_broken_transfer_goes_on_and_nothing_comes_twice() {
    let cache = tempfile::tempdir().unwrap();
    let (endpoint, asked) = hub(Manner::BreaksOff);
    let done = pull(NAME, &endpoint, cache.path());
    let (out, error) = (said(&done.stdout), said(&done.stderr));
    assert!(done.status.success(), "{out}\n{error}");
    let folder = PathBuf::from(out.lines().last().unwrap());
    for file in ["config.json", "model.safetensors"] {
        let original = std::fs::read(Path::new(FILES).join(file)).unwrap();
        assert!(std::fs::read(folder.join(file)).unwrap() == original, "{file}");
    }
    let half = std::fs::metadata(Path::new(FILES).join("model.safetensors")).unwrap().len() / 2;
    assert_eq!(*asked.lock().unwrap(), [0, half]);
    assert!(pull(NAME, &endpoint, cache.path()).status.success());
    assert_eq!(asked.lock().unwrap().len(), 2, "what is there is not fetched again");
}

/// What one run leaves half done, the next one finishes, even where its first try fails before a byte
/// came, and where the first run ended between the last byte and the file's name.
#[test]
fn another_run_goes_on_where_one_broke_off() {
    let original = std::fs::read(Path::new(FILES).join("model.safetensors")).unwrap();
    let hash = sha256(&original);
    let half = original.len() / 2;
    let last = original.len() - 1;
    for (manner, left, ranges) in [
        (Manner::Fair, half, vec![half]),
        (Manner::Stumbles, half, vec![half, half]),
        (Manner::Fair, original.len(), vec![last]),
        (Manner::Fair, original.len() + 1, vec![0]),
    ] {
        let cache = tempfile::tempdir().unwrap();
        let (endpoint, asked) = hub(Manner::Dies);
        let done = pull(NAME, &endpoint, cache.path());
        let error = said(&done.stderr);
        let told = "model.safetensors: not fetched; the same command goes on from here";
        assert!(!done.status.success() && error.contains(told), "{error}");
        assert_eq!(*asked.lock().unwrap(), [0]);
        let blobs = cache.path().join(format!("models--google--{NAME}/blobs"));
        let part = blobs.join(&hash).with_extension("part");
        assert!(std::fs::read(&part).unwrap() == original[..half]);
        if left > half {
            let more = [original.as_slice(), b"?"].concat();
            std::fs::write(&part, &more[..left]).unwrap();
        }

        let (endpoint, asked) = hub(manner);
        let done = pull(NAME, &endpoint, cache.path());
        let (out, error) = (said(&done.stdout), said(&done.stderr));
        assert!(done.status.success(), "{out}\n{error}");
        let ranges: Vec<u64> = ranges.into_iter().map(|from| from as u64).collect();
        assert_eq!(*asked.lock().unwrap(), ranges);
        let folder = PathBuf::from(out.lines().last().unwrap());
        assert!(std::fs::read(folder.join("model.safetensors")).unwrap() == original);
        assert!(blobs.join(&hash).exists() && !part.exists());
    }
}

/// What went bad on disk between two runs is found out by its hash when the rest is there.
#[test]
fn a_part_that_is_another_files_is_found_out() {
    let cache = tempfile::tempdir().unwrap();
    let (endpoint, _) = hub(Manner::Dies);
    assert!(!pull(NAME, &endpoint, cache.path()).status.success());
    let hash = sha256(&std::fs::read(Path::new(FILES).join("model.safetensors")).unwrap());
    let blobs = cache.path().join(format!("models--google--{NAME}/blobs"));
    let part = blobs.join(hash).with_extension("part");
    let mut content = std::fs::read(&part).unwrap();
    content[99] ^= 1;
    std::fs::write(&part, content).unwrap();
    let (fair, asked) = hub(Manner::Fair);
    let done = pull(NAME, &fair, cache.path());
    let error = said(&done.stderr);
    assert!(!done.status.success() && error.contains("it was removed, pull again"), "{error}");
    assert!(pull(NAME, &fair, cache.path()).status.success());
    assert_eq!(asked.lock().unwrap().last(), Some(&0));
}

#[test]
fn false_content_is_removed_and_named() {
    let cache = tempfile::tempdir().unwrap();
    let (endpoint, _) = hub(Manner::Lies);
    let done = pull(NAME, &endpoint, cache.path());
    let error = said(&done.stderr);
    assert!(!done.status.success() && error.contains("model.safetensors: SHA-256 is"), "{error}");
    let (fair, _) = hub(Manner::Fair);
    let again = pull(NAME, &fair, cache.path());
    assert!(again.status.success(), "{}", said(&again.stderr));
}

#[test]
fn hashes_of_the_catalogue_are_held_against_what_comes_and_what_is_there() {
    let cache = tempfile::tempdir().unwrap();
    let catalogue = tempfile::NamedTempFile::new().unwrap();
    let (endpoint, asked) = hub(Manner::Fair);
    let [config, weights] = ["config.json", "model.safetensors"]
        .map(|file| sha256(&std::fs::read(Path::new(FILES).join(file)).unwrap()));
    let pull = |config: &str, weights: &str| {
        let text = format!(
            "[{{name: pinned, source: me/pinned, licence: MIT, kind: vit, parameters: 1, \
             width: 24, image_px: 32, patch_px: 8, files: [config.json, model.safetensors], \
             sha256: {{config.json: '{config}', model.safetensors: '{weights}'}}}}]"
        );
        std::fs::write(catalogue.path(), text).unwrap();
        let file = catalogue.path().to_str().unwrap();
        pull_with(&["pinned", "--catalogue", file], &endpoint, cache.path())
    };
    let folder = cache.path().join("models--me--pinned/snapshots").join("c0ffee00".repeat(5));
    let other = "ab".repeat(32);

    // A small file, of which the server tells no SHA-256, is found out when it is there.
    let done = pull(&other, &weights);
    let error = said(&done.stderr);
    let told = format!("config.json: SHA-256 is {config}, the catalogue says {other}");
    assert!(!done.status.success() && error.contains(&told), "{error}");
    assert!(!folder.join("config.json").exists(), "a false file is not kept");
    // A large one before it is fetched.
    let done = pull(&config, &other);
    let error = said(&done.stderr);
    assert!(!done.status.success() && error.contains("model.safetensors: SHA-256 is"), "{error}");
    assert!(asked.lock().unwrap().is_empty() && !folder.join("model.safetensors").exists());
    // And what lies in the cache already.
    let done = pull(&config, &weights);
    assert!(done.status.success(), "{}", said(&done.stderr));
    std::fs::remove_file(folder.join("config.json")).unwrap();
    std::fs::write(folder.join("config.json"), "{}").unwrap();
    let done = pull(&config, &weights);
    let error = said(&done.stderr);
    assert!(!done.status.success() && error.contains("config.json: SHA-256 is"), "{error}");
    assert!(!folder.join("config.json").exists());
    assert!(pull(&config, &weights).status.success());
}

#[test]
fn weights_come_as_pytorch_wrote_them_where_there_are_no_others() {
    let cache = tempfile::tempdir().unwrap();
    let (endpoint, _) = hub(Manner::Pickles);
    let done = pull(NAME, &endpoint, cache.path());
    let (out, error) = (said(&done.stdout), said(&done.stderr));
    let folder = PathBuf::from(out.lines().last().unwrap_or_else(|| panic!("{error}")));
    let original = std::fs::read(Path::new(FILES).with_file_name(PICKLE)).unwrap();
    assert!(std::fs::read(folder.join("pytorch_model.bin")).unwrap() == original);
    assert!(!done.status.success() && out.contains("belongs to another kind"), "{out}");
}

#[test]
fn chat_models_come_as_a_folder_or_as_one_file() {
    let list = Command::new(env!("CARGO_BIN_EXE_scenellm")).args(["models", "list"]).output();
    let list = said(&list.unwrap().stdout);
    for source in ["Qwen/Qwen2.5-7B-Instruct", "bartowski/gemma-2-2b-it-GGUF"] {
        assert!(list.contains(source), "{list}");
    }
    let cache = tempfile::tempdir().unwrap();
    let catalogue = tempfile::NamedTempFile::new().unwrap();
    let (endpoint, _) = hub(Manner::Fair);
    let whole = "config.json, tokenizer.json, tokenizer_config.json, model.safetensors";
    for (files, end) in [(whole, "c0ffee00"), ("model.gguf", "model.gguf")] {
        let text = format!(
            "[{{name: chat, source: {CHAT_SOURCE}, licence: MIT, kind: qwen2, parameters: 1, \
             width: 32, files: [{files}]}}]"
        );
        std::fs::write(catalogue.path(), text).unwrap();
        let file = catalogue.path().to_str().unwrap();
        let done = pull_with(&["chat", "--catalogue", file], &endpoint, cache.path());
        let (out, error) = (said(&done.stdout), said(&done.stderr));
        assert!(done.status.success(), "{out}\n{error}");
        let place = out.lines().last().unwrap();
        assert!(place.ends_with(end) && Path::new(place).exists(), "{place}");
    }
}

#[test]
fn a_gated_model_asks_for_a_login_and_says_so() {
    let home = tempfile::tempdir().unwrap();
    let (endpoint, asked) = hub(Manner::Gated);
    let cache = |name: &str| home.path().join(name).join("hub");
    let pull = |name: &str, variables: &[(&str, &str)]| {
        let mut command = command(&[NAME], &endpoint, &cache(name));
        command.env("HF_HOME", home.path()).envs(variables.iter().copied()).output().unwrap()
    };
    let refused = |variables: &[(&str, &str)]| {
        let done = pull("refused", variables);
        let error = said(&done.stderr);
        assert!(!done.status.success() && done.stdout.is_empty(), "{error}");
        let told = format!("the hub refuses google/{NAME}: the model is gated");
        assert!(error.contains(&told) && error.contains("accept its licence"), "{error}");
        assert!(error.contains("set HF_TOKEN") && error.contains("config.json"), "{error}");
        error
    };
    let error = refused(&[]);
    assert!(error.contains("401") && !error.contains("that was shown"), "{error}");
    let error = refused(&[("HF_TOKEN", "hf_other")]);
    assert!(error.contains("403") && error.contains("that was shown"), "{error}");
    assert!(!error.contains("hf_other"), "a token is nobody's business: {error}");
    assert!(asked.lock().unwrap().is_empty() && !cache("refused").exists());

    let file = home.path().join("my_token");
    std::fs::write(&file, format!("{TOKEN}\n")).unwrap();
    let file = file.to_str().unwrap();
    let let_in = |name: &str, variables: &[(&str, &str)]| {
        let done = pull(name, variables);
        assert!(done.status.success(), "{name}: {}", said(&done.stderr));
        assert!(!said(&done.stderr).contains(TOKEN) && !said(&done.stdout).contains(TOKEN));
    };
    let_in("variable", &[("HF_TOKEN", TOKEN)]);
    let_in("old_variable", &[("HF_TOKEN", ""), ("HUGGING_FACE_HUB_TOKEN", TOKEN)]);
    let_in("file", &[("HF_TOKEN_PATH", file)]);
    // A login beside the cache that is named, and the user's own, which is elsewhere.
    std::fs::create_dir(home.path().join("beside")).unwrap();
    std::fs::write(home.path().join("beside/token"), TOKEN).unwrap();
    let_in("beside", &[]);
    std::fs::write(home.path().join("token"), TOKEN).unwrap();
    let_in("login", &[]);
    // What is said here and now counts more.
    refused(&[("HF_TOKEN", "hf_other")]);
    refused(&[("HF_TOKEN_PATH", "/no/such/token")]);
}

#[test]
fn odd_names_are_refused() {
    let cache = tempfile::tempdir().unwrap();
    let (endpoint, _) = hub(Manner::Escapes);
    let done = pull(NAME, &endpoint, cache.path());
    let error = said(&done.stderr);
    assert!(!done.status.success() && error.contains("which is no hash"), "{error}");
    let done = pull("no-such-model", &endpoint, cache.path());
    let error = said(&done.stderr);
    assert!(error.contains("no checkpoint is called 'no-such-model'"), "{error}");
    assert_eq!(std::fs::read_dir(cache.path()).unwrap().count(), 0);
}

#[test]
fn where_no_hub_answers_file_and_address_are_told() {
    let cache = tempfile::tempdir().unwrap();
    // A port that was free a moment ago: nobody listens there.
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let endpoint = format!("http://{free}");
    let done = pull(NAME, &endpoint, cache.path());
    let error = said(&done.stderr);
    assert!(!done.status.success(), "{error}");
    let told = format!(": cannot be asked for at {endpoint}/google/{NAME}/");
    assert!(error.contains("config.json") && error.contains(&told), "{error}");
}
