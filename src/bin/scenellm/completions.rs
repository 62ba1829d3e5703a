//! `scenellm completions`: scripts for the shell.

use crate::{Arguments, Outcome};
use clap::{Args, CommandFactory};
use clap_complete::Shell;
use std::io::Write;

/// Print the completion script of a shell.
///
/// bash: `scenellm completions bash > ~/.local/share/bash-completion/completions/scenellm`;
/// zsh: `scenellm completions zsh > DIR/_scenellm` for a DIR of `$fpath`;
/// fish: `scenellm completions fish > ~/.config/fish/completions/scenellm.fish`.
#[derive(Args)]
pub struct Completions {
    /// The shell.
    shell: Shell,
}

impl Completions {
    /// Prints the script.
    pub fn run(self) -> anyhow::Result<Outcome> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Arguments::command(), "scenellm", &mut script);
        std::io::stdout().write_all(&script)?;
        Ok(Outcome::Done)
    }
}
