//! The names in a map file that have numbers, since version 5: `u32` number of names, then each, in the
//! order of their numbers from 1.

use super::objects::{read_u32, write_u32};
use super::{bad, read_text, write_text};
use crate::scene::LabelNumbers;
use std::io::{self, Read, Write};

pub(super) fn write_names(out: &mut impl Write, numbers: &LabelNumbers) -> io::Result<()> {
    let names = numbers.names();
    write_u32(out, names.len() as u32)?;
    names.into_iter().try_for_each(|name| write_text(out, name))
}

pub(super) fn read_names(input: &mut impl Read) -> io::Result<LabelNumbers> {
    let mut numbers = LabelNumbers::default();
    for number in 1..=read_u32(input)? {
        if !numbers.add(&read_text(input)?) {
            return Err(bad(&format!("name {number} is empty, stands twice, or is one too many")));
        }
    }
    Ok(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_back_with_their_numbers() {
        let mut numbers = LabelNumbers::default();
        assert!(numbers.add("mug") && numbers.add("apple"));
        let mut file = Vec::new();
        write_names(&mut file, &numbers).unwrap();
        assert_eq!(read_names(&mut file.as_slice()).unwrap(), numbers);
        let twice = [&[2, 0, 0, 0][..], &file[4..11], &file[4..11]].concat();
        let refused = read_names(&mut twice.as_slice()).unwrap_err().to_string();
        assert!(refused.contains("name 2 is empty, stands twice"), "{refused}");
        for end in 0..file.len() {
            assert!(read_names(&mut &file[..end]).is_err(), "cut off at {end}");
        }
    }
}
