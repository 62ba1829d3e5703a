//! What of a recording was not used, and why.

use std::collections::BTreeMap;

/// What was not used, and why: by reasons without their numbers, the first as it was and how often it came.
/// Where clocks disagree each image has a reason of its own, which differs in the stamps alone.
#[derive(Default)]
pub struct Dropped(BTreeMap<String, (String, usize)>);

impl Dropped {
    /// Notes that a reason came so often.
    pub fn add(&mut self, reason: String, times: usize) {
        self.0.entry(without_numbers(&reason)).or_insert((reason, 0)).1 += times;
    }

    /// Reasons, and how often each came.
    pub fn reasons(&self) -> Vec<(String, usize)> {
        self.0.values().cloned().collect()
    }
}

/// `text` with a `#` for each number that is no part of a name, as that of `/camera1` is.
fn without_numbers(text: &str) -> String {
    let mut without = String::with_capacity(text.len());
    let (mut is_number, mut is_name) = (false, false);
    for letter in text.chars() {
        let goes_on = letter.is_ascii_digit() && is_number;
        is_number = letter.is_ascii_digit() && !is_name;
        is_name = !is_number && (letter.is_alphanumeric() || letter == '_');
        if !goes_on {
            without.push(if is_number { '#' } else { letter });
        }
    }
    without
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_that_differ_in_stamps_alone_are_told_once() {
        let mut dropped = Dropped::default();
        for second in [7, 8, 123] {
            let late = format!("/cam1: not there yet at {second}.000000007 s, map -> odom_2");
            dropped.add(late, 1);
        }
        dropped.add("/cam2: not there yet at 7.000000007 s, map -> odom_2".into(), 4);
        let told =
            |camera: u8| format!("/cam{camera}: not there yet at 7.000000007 s, map -> odom_2");
        assert_eq!(dropped.reasons(), [(told(1), 3), (told(2), 4)]);
    }
}
