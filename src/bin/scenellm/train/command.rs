//! The command that was given, as the manifest of what it makes will tell it.

/// The words of this command, as a shell would read them. The program goes by its name, wherever it is.
pub fn command_line() -> String {
    written(std::env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned()))
}

fn written(words: impl Iterator<Item = String>) -> String {
    let words = words.map(|word| quoted(&word));
    std::iter::once("scenellm".to_owned()).chain(words).collect::<Vec<_>>().join(" ")
}

/// A word, in quotes where a shell would take it for something else.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "-_./,:=@%+".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_would_read_the_same_words() {
        let words = ["train", "--config=a.yaml", "my data.jsonl", "it's", ""].map(String::from);
        let told = r"scenellm train --config=a.yaml 'my data.jsonl' 'it'\''s' ''";
        assert_eq!(written(words.into_iter()), told);
    }
}
