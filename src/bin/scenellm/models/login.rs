//! Who we are to the hub, and what to do when it lets us in nowhere.

use hf_hub::Cache;
use hf_hub::api::sync::ApiError;

/// Variables that hold a token; the first that does counts.
const TOKENS: [&str; 2] = ["HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"];
/// The variable that names a file with one.
const TOKEN_FILE: &str = "HF_TOKEN_PATH";

/// The token that the hub is shown: that of the environment, or of the file it names, or else of a
/// login, the user's own or one beside `cache`. It goes into requests and nowhere else.
///
/// The hub's client by itself looks only beside `cache`, and who names a folder has no login there.
pub fn token(cache: &Cache) -> Option<String> {
    let of_variable = |name: &str| of_text(&std::env::var(name).ok()?);
    if let Some(token) = TOKENS.into_iter().find_map(of_variable) {
        return Some(token);
    }
    match std::env::var_os(TOKEN_FILE).filter(|path| !path.is_empty()) {
        Some(path) => of_text(&std::fs::read_to_string(path).ok()?),
        None => Cache::from_env().token().or_else(|| cache.token()),
    }
}

/// The token in what people write into variables and files.
fn of_text(text: &str) -> Option<String> {
    Some(text.trim().to_owned()).filter(|token| !token.is_empty())
}

/// Whether the hub said that we may not have what was asked for; to ask again changes nothing.
pub fn is_refusal(error: &ApiError) -> bool {
    match error {
        ApiError::RequestError(error) => matches!(**error, ureq::Error::StatusCode(401 | 403)),
        _ => false,
    }
}

/// The same `error`, and where it is a refusal of a file of `source`, what to do.
pub fn explained(error: anyhow::Error, source: &str, has_token: bool) -> anyhow::Error {
    if !error.downcast_ref::<ApiError>().is_some_and(is_refusal) {
        return error;
    }
    let also = match has_token {
        true => "; the token that was shown lets nobody in",
        false => "",
    };
    error.context(format!(
        "the hub refuses {source}: the model is gated, or there is none of that name; accept its \
         licence on its page, and log in with the hub's own tools or set HF_TOKEN{also}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context;

    fn answer(status: u16) -> ApiError {
        ApiError::RequestError(Box::new(ureq::Error::StatusCode(status)))
    }

    #[test]
    fn blanks_are_no_token() {
        assert_eq!(of_text(" hf_one\n").as_deref(), Some("hf_one"));
        assert_eq!(of_text(" \n"), None);
    }

    #[test]
    fn refusals_are_explained_and_other_errors_left_alone() {
        for status in [401, 403] {
            assert!(is_refusal(&answer(status)));
            let error = Err::<(), _>(answer(status)).context("config.json: not fetched");
            let error = explained(error.unwrap_err(), "me/gated", false);
            let told = format!("{error:#}");
            assert!(told.starts_with("the hub refuses me/gated: the model is gated"), "{told}");
            assert!(told.contains("set HF_TOKEN: config.json: not fetched"), "{told}");
        }
        assert!(!is_refusal(&answer(503)) && !is_refusal(&ApiError::InvalidResume));
        let error = explained(answer(404).into(), "me/gated", false);
        assert!(!error.to_string().contains("gated"), "{error}");
        let error = explained(answer(403).into(), "me/gated", true);
        assert!(error.to_string().ends_with("the token that was shown lets nobody in"), "{error}");
    }
}
