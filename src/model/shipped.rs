//! Where the shipped model is.

use std::path::{Path, PathBuf};

/// The shipped model, as parameters and commands call it.
pub const SHIPPED_MODEL: &str = "models/nano";

/// Where an installation keeps what is no program, from the folder it was installed into.
const SHARE: &str = "share/scenellm";

/// The folder of the model that is called `named`.
///
/// `models/nano` is the shipped model wherever a program runs: the one in the working folder, or else that
/// of the installation the program belongs to (`share/scenellm/models/nano` beside its `bin` or `lib`),
/// or else that of the clone it was built from. Any other name is a path and stays as it is.
pub fn model_folder(named: &Path) -> PathBuf {
    let program = std::env::current_exe().ok();
    let clone = Path::new(env!("CARGO_MANIFEST_DIR"));
    match named == Path::new(SHIPPED_MODEL) && !named.is_dir() {
        true => shipped(program.as_deref(), clone).unwrap_or_else(|| named.to_owned()),
        false => named.to_owned(),
    }
}

/// The shipped model of the program at `program`, which was built from the clone at `clone`.
fn shipped(program: Option<&Path>, clone: &Path) -> Option<PathBuf> {
    // A program is `bin/scenellm` of its installation, or `lib/scenellm/scenellm` where colcon put it.
    let prefixes = program.into_iter().flat_map(|program| program.ancestors().skip(2).take(2));
    let roots = prefixes.map(|prefix| prefix.join(SHARE)).chain([clone.to_owned()]);
    roots.map(|root| root.join(SHIPPED_MODEL)).find(|folder| folder.is_dir())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_model_is_that_of_the_installation_or_of_the_clone() {
        let folder = tempfile::tempdir().unwrap();
        let (prefix, clone) = (folder.path().join("usr"), folder.path().join("clone"));
        let of = |program: &str| shipped(Some(&prefix.join(program)), &clone);
        let programs = ["bin/scenellm", "lib/scenellm/planner_node"];
        assert_eq!(programs.map(of), [None, None], "there is none");
        let own = clone.join(SHIPPED_MODEL);
        std::fs::create_dir_all(&own).unwrap();
        assert_eq!(programs.map(of), [Some(own.clone()), Some(own.clone())]);
        assert_eq!(shipped(None, &clone), Some(own.clone()));
        let installed = prefix.join(SHARE).join(SHIPPED_MODEL);
        std::fs::create_dir_all(&installed).unwrap();
        assert_eq!(programs.map(of), [Some(installed.clone()), Some(installed)]);
        assert_eq!(of("libexec/of/another/scenellm"), Some(own), "deeper is somewhere else");
    }

    #[test]
    fn any_other_name_is_a_path() {
        for named in ["models/nope", "nano", "/models/nano"] {
            assert_eq!(model_folder(Path::new(named)), Path::new(named));
        }
    }
}
