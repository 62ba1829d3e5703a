//! Progress bars on long work; silent when nobody watches.

use indicatif::{ProgressBar, ProgressStyle};

/// A bar over `length` units of `what`, with rate and time left.
pub fn bar(length: u64, what: &str) -> ProgressBar {
    let template = "{prefix} {wide_bar} {percent:>3} % · {elapsed} gone, {eta} left · {msg}";
    let style = ProgressStyle::with_template(template).expect("the template is fixed and valid");
    ProgressBar::new(length).with_style(style).with_prefix(what.to_string())
}

/// A bar over `length` bytes of `what`.
pub fn bytes(length: u64, what: &str) -> ProgressBar {
    let template = "{prefix} {wide_bar} {bytes} of {total_bytes} · {bytes_per_sec} · {eta} left";
    let style = ProgressStyle::with_template(template).expect("the template is fixed and valid");
    ProgressBar::new(length).with_style(style).with_prefix(what.to_string())
}
