//! What a program tells its user on stderr: errors in words, and whether a log may have colours.

use std::error::Error;
use std::io::IsTerminal;

/// An error and its causes, the outermost first. Many messages hold their cause already: it is not
/// said twice.
pub fn in_words<'a>(causes: impl Iterator<Item = &'a (dyn Error + 'static)>) -> String {
    causes.map(ToString::to_string).fold(String::new(), |told, cause| match () {
        () if told.is_empty() => cause,
        () if told.contains(&cause) => told,
        () => format!("{told}: {cause}"),
    })
}

/// Whether a log on stderr may have colours: where that is a terminal, and whoever reads it has not
/// said no with `NO_COLOR` (no-color.org). In a file they would be noise.
pub fn has_colors() -> bool {
    let is_refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    std::io::stderr().is_terminal() && !is_refused
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;

    #[derive(Debug, thiserror::Error)]
    #[error("no model in nope: {source}. Name another")]
    struct NoModel {
        source: io::Error,
    }

    #[derive(Debug, thiserror::Error)]
    #[error("it cannot start")]
    struct NoStart {
        source: NoModel,
    }

    #[test]
    fn a_cause_that_a_message_holds_already_is_not_said_twice() {
        let error = NoStart { source: NoModel { source: io::Error::other("no such file") } };
        let causes: [&(dyn Error + 'static); 3] = [&error, &error.source, &error.source.source];
        let told = in_words(causes.into_iter());
        assert_eq!(told, "it cannot start: no model in nope: no such file. Name another");
    }
}
