//! `scenellm models pull`: fetch the files of a public checkpoint, whole and unharmed.

use super::login;
use super::transfer::Transfer;
use crate::Outcome;
use anyhow::{Context, bail, ensure};
use clap::Args;
use hf_hub::api::sync::{Api, ApiBuilder, ApiRepo};
use hf_hub::{Cache, CacheRepo, Repo, RepoType};
use scenellm::vision::CatalogueEntry;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

/// The branch whose content the hashes of the catalogue are of.
const MAIN: &str = "main";
/// Weights of encoders as the catalogue names them, and as PyTorch wrote them, which is all that some
/// publishers have.
const WEIGHTS: [&str; 2] = ["model.safetensors", "pytorch_model.bin"];

/// Fetch the files of a public checkpoint and check every tensor in them.
///
/// They go into the cache of the hub's own tools, or into the folder given; what is there already is
/// not fetched again, and a transfer that broke off goes on where it ended. `HF_TOKEN`,
/// `HF_TOKEN_PATH`, a login, `HF_HOME` and `HF_ENDPOINT` are those of the hub's own tools. Nothing
/// else in this program uses the network.
#[derive(Args)]
pub struct Pull {
    /// A name of `models list`, or its publisher and name.
    name: String,
    /// Look for the name in this file, in the form of those in config/models, instead.
    #[arg(long, value_name = "FILE")]
    catalogue: Option<PathBuf>,
    /// Cache folder.
    #[arg(long, value_name = "DIR")]
    cache: Option<PathBuf>,
    /// Branch, tag or commit.
    #[arg(long, default_value = MAIN)]
    revision: String,
    /// Address of the hub or of a mirror.
    #[arg(long, value_name = "URL", env = "HF_ENDPOINT")]
    endpoint: Option<String>,
}

impl Pull {
    /// Fetches, verifies, and says where the files are. The answer is no when they are not what their
    /// configuration says.
    pub fn run(self) -> anyhow::Result<Outcome> {
        let entries = super::known(self.catalogue.as_deref())?;
        let known = |entry: &&CatalogueEntry| [&entry.name, &entry.source].contains(&&self.name);
        let Some(entry) = entries.iter().find(known) else {
            bail!("no checkpoint is called '{}'; `scenellm models list` shows them", self.name);
        };
        let hash_of = |file: &str| {
            let hash = entry.sha256.get(file).map(String::as_str);
            hash.filter(|_| self.revision == MAIN)
        };
        let cache = self.cache.map_or_else(Cache::from_env, Cache::new);
        let token = login::token(&cache);
        let has_token = token.is_some();
        let mut builder = ApiBuilder::from_cache(cache.clone()).with_token(token);
        if let Some(endpoint) = self.endpoint {
            builder = builder.with_endpoint(endpoint.trim_end_matches('/').to_owned());
        }
        let repo =
            Repo::with_revision(entry.source.clone(), RepoType::Model, self.revision.clone());
        let api = builder.build()?;
        let (remote, local) = (api.repo(repo.clone()), cache.repo(repo));
        let mut first = None;
        for file in &entry.files {
            let mut names = names_of(entry, file).into_iter();
            let is_there = names.find_map(|name| Some((name, local.get(name)?)));
            let path = match is_there {
                Some((file, path)) => {
                    if let Some(hash) = hash_of(file) {
                        verify(&path, file, hash, "the catalogue")?;
                    }
                    path
                }
                None => {
                    let file = published(&remote, entry, file);
                    let fetched = fetch(&api, &remote, &local, file, hash_of(file));
                    fetched.map_err(|error| login::explained(error, &entry.source, has_token))?
                }
            };
            first = first.or(Some(path));
        }
        let first = first.context("the catalogue names no files")?;
        // A GGUF file is a model by itself, or the first of its parts; other files are one together.
        let place = match first.extension() {
            Some(kind) if kind == "gguf" => first.as_path(),
            _ => first.parent().unwrap_or(Path::new(".")),
        };
        let check = super::check(place)?;
        let mut out = std::io::stdout();
        for fault in &check.faults {
            writeln!(out, "{fault}")?;
        }
        writeln!(out, "{}", place.display())?;
        Ok(if check.faults.is_empty() { Outcome::Done } else { Outcome::No })
    }
}

/// Under which names `file` of `entry` may be published, the best first.
fn names_of<'a>(entry: &CatalogueEntry, file: &'a str) -> Vec<&'a str> {
    match file == WEIGHTS[0] && !entry.is_language_model() {
        true => WEIGHTS.to_vec(),
        false => vec![file],
    }
}

/// The name under which the hub lists `file`. A mirror may list nothing: then its own.
fn published<'a>(remote: &ApiRepo, entry: &CatalogueEntry, file: &'a str) -> &'a str {
    let names = names_of(entry, file);
    if names.len() == 1 {
        return file;
    }
    let listed = remote.info().map(|info| info.siblings).unwrap_or_default();
    let is_listed = |name: &&str| listed.iter().any(|one| one.rfilename == **name);
    names.into_iter().find(is_listed).unwrap_or(file)
}

/// The hash by which the hub knows the content of `file`. It becomes a file name, as the commit does,
/// and so must be nothing but a hash.
fn content_id(metadata: &hf_hub::api::sync::Metadata, file: &str) -> anyhow::Result<String> {
    for id in [metadata.etag(), metadata.commit_hash()] {
        let is_hash = (8..=64).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_hexdigit());
        ensure!(is_hash, "{file}: the server names it '{id}', which is no hash");
    }
    Ok(metadata.etag().to_owned())
}

/// Fetches `file` and holds what came against its SHA-256: the one that the catalogue names, or
/// that by which the hub knows large files.
fn fetch(
    api: &Api,
    remote: &ApiRepo,
    local: &CacheRepo,
    file: &str,
    catalogue: Option<&str>,
) -> anyhow::Result<PathBuf> {
    // Whoever reads this must know which address could not be reached.
    let url = remote.url(file);
    let metadata =
        api.metadata(&url).with_context(|| format!("{file}: cannot be asked for at {url}"))?;
    let id = content_id(&metadata, file)?;
    let hub = Some(id.as_str()).filter(|id| id.len() == 64);
    if let (Some(hash), Some(id)) = (catalogue, hub)
        && !hash.eq_ignore_ascii_case(id)
    {
        bail!("{file}: SHA-256 is {id} at the server, the catalogue says {hash}; not fetched");
    }
    let part = local.blob_path(&id).with_extension("part");
    let path = Transfer { remote, file, bytes: metadata.size() as u64, part }.run()?;
    match (catalogue, hub) {
        (Some(hash), _) => verify(&path, file, hash, "the catalogue")?,
        (None, Some(hash)) => verify(&path, file, hash, "the server")?,
        (None, None) => {}
    }
    Ok(path)
}

/// Holds the content of `file` at `path` against the SHA-256 that `whose` names; what differs is removed.
fn verify(path: &Path, file: &str, hash: &str, whose: &str) -> anyhow::Result<()> {
    let mut hasher = Sha256::new();
    File::open(path)
        .and_then(|mut content| std::io::copy(&mut content, &mut hasher))
        .with_context(|| format!("{}: cannot read", path.display()))?;
    let found: String = hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    if !found.eq_ignore_ascii_case(hash) {
        // The file itself, not only the link to it.
        std::fs::remove_file(path.canonicalize()?)?;
        std::fs::remove_file(path).ok();
        bail!("{file}: SHA-256 is {found}, {whose} says {hash}; it was removed, pull again");
    }
    Ok(())
}
