//! Runs pickle programs in candle's machine, with an account of what they make.
//!
//! The machine itself reserves as much as a string says it is long, copies whatever is recalled from
//! its memory (so a few bytes can double what there is again and again), nests without end, and adds
//! up numbers of any length. Each opcode is therefore entered into an account before it runs.

use std::collections::HashMap;

use candle_core::pickle::{Object, OpCode, Stack};

/// Most objects a program may make, copies included: a tensor takes some 80.
const MOST_OBJECTS: usize = 1 << 19;
/// Objects are taken apart by recursion.
const MOST_DEPTH: usize = 32;
/// Of what the machine says about an error, which may show all it holds.
const MOST_REASON_CHARS: usize = 200;

/// What `program` makes.
pub(super) fn run(program: &[u8]) -> Result<Object, String> {
    let (mut machine, mut account) = (Stack::empty(), Account::default());
    let mut rest = program;
    loop {
        let at = program.len() - rest.len();
        let stopped = account.enter(rest).and_then(|()| {
            machine
                .read(&mut rest)
                .map_err(|error| error.to_string().chars().take(MOST_REASON_CHARS).collect())
        });
        match stopped {
            Ok(true) => break,
            Ok(false) => {}
            Err(reason) => return Err(format!("data.pkl, byte {at}: {reason}")),
        }
    }
    machine.finalize().map_err(|error| format!("data.pkl: {error}"))
}

/// Size of an object.
#[derive(Debug, Clone, Copy)]
struct Size {
    objects: usize,
    depth: usize,
}

/// The machine's stack and memory as sizes.
#[derive(Debug, Default)]
struct Account {
    /// A mark has none.
    stack: Vec<Option<Size>>,
    memory: HashMap<u32, Size>,
    /// All objects that were ever made.
    made: usize,
}

impl Account {
    /// Enters what the opcode at the start of `program` does.
    fn enter(&mut self, program: &[u8]) -> Result<(), String> {
        let Some((code, rest)) = program.split_first() else {
            return Err("ends without a stop".into());
        };
        let code = OpCode::try_from(*code)
            .map_err(|code| format!("opcode {code:#04x}, which torch.save does not write"))?;
        match code {
            OpCode::Proto | OpCode::Stop => Ok(()),
            OpCode::Mark => {
                self.stack.push(None);
                self.made(1)
            }
            OpCode::Global => {
                let lines: usize = rest.split(|byte| *byte == b'\n').take(2).map(<[u8]>::len).sum();
                self.text(lines)
            }
            OpCode::BinUnicode => match rest.split_first_chunk() {
                Some((length, text)) if u32::from_le_bytes(*length) as usize <= text.len() => {
                    self.text(u32::from_le_bytes(*length) as usize)
                }
                _ => Err("a string longer than the program".into()),
            },
            OpCode::Long1 => match rest.first() {
                Some(0..=8) => self.push(Size { objects: 1, depth: 1 }),
                _ => Err("a number of more than 64 bits".into()),
            },
            OpCode::BinInt
            | OpCode::BinInt1
            | OpCode::BinInt2
            | OpCode::BinFloat
            | OpCode::NewTrue
            | OpCode::NewFalse
            | OpCode::None
            | OpCode::EmptyTuple
            | OpCode::EmptyList
            | OpCode::EmptyDict => self.push(Size { objects: 1, depth: 1 }),
            OpCode::BinPersId | OpCode::Tuple1 => self.wrap(1),
            OpCode::Tuple2 | OpCode::Reduce | OpCode::Build | OpCode::NewObj => self.wrap(2),
            OpCode::Tuple3 => self.wrap(3),
            OpCode::Tuple | OpCode::Dict => {
                let count = self.above_mark()?;
                let parts = self.take(count)?;
                self.stack.pop();
                self.push(parts.within())
            }
            OpCode::Append => self.add(1),
            OpCode::SetItem => self.add(2),
            OpCode::Appends | OpCode::SetItems => {
                let count = self.above_mark()?;
                let parts = self.take(count)?;
                self.stack.pop();
                self.put_in(parts)
            }
            OpCode::BinPut => self.keep(rest.first().map(|slot| u32::from(*slot))),
            OpCode::LongBinPut => {
                self.keep(rest.first_chunk().map(|slot| u32::from_le_bytes(*slot)))
            }
            OpCode::BinGet => self.recall(rest.first().map(|slot| u32::from(*slot))),
            OpCode::LongBinGet => {
                self.recall(rest.first_chunk().map(|slot| u32::from_le_bytes(*slot)))
            }
        }
    }

    fn made(&mut self, objects: usize) -> Result<(), String> {
        self.made = self.made.saturating_add(objects);
        match self.made <= MOST_OBJECTS {
            true => Ok(()),
            false => Err(format!("makes more than {MOST_OBJECTS} objects")),
        }
    }

    fn push(&mut self, size: Size) -> Result<(), String> {
        if size.depth > MOST_DEPTH {
            return Err(format!("nests objects more than {MOST_DEPTH} deep"));
        }
        self.stack.push(Some(size));
        self.made(size.objects)
    }

    /// A string counts as many objects as would fit its place.
    fn text(&mut self, bytes: usize) -> Result<(), String> {
        self.push(Size { objects: 1 + bytes / size_of::<Object>(), depth: 1 })
    }

    /// How many objects lie above the last mark.
    fn above_mark(&self) -> Result<usize, String> {
        let count = self.stack.iter().rev().position(Option::is_none);
        count.ok_or_else(|| "no mark".to_owned())
    }

    /// Takes the last `count` objects, which become one.
    fn take(&mut self, count: usize) -> Result<Size, String> {
        let mut all = Size { objects: 0, depth: 0 };
        for _ in 0..count {
            let Some(Some(size)) = self.stack.pop() else {
                return Err("takes an object where none is".into());
            };
            all.objects += size.objects;
            all.depth = all.depth.max(size.depth);
        }
        Ok(all)
    }

    fn wrap(&mut self, count: usize) -> Result<(), String> {
        let parts = self.take(count)?;
        self.push(parts.within())
    }

    fn add(&mut self, count: usize) -> Result<(), String> {
        let parts = self.take(count)?;
        self.put_in(parts)
    }

    /// Puts `parts` into the last object.
    fn put_in(&mut self, parts: Size) -> Result<(), String> {
        let whole = self.take(1)?;
        let objects = whole.objects + parts.objects;
        self.push(Size { objects, depth: whole.depth.max(parts.depth + 1) })
    }

    /// Copies the last object into the machine's memory.
    fn keep(&mut self, slot: Option<u32>) -> Result<(), String> {
        match (slot, self.stack.last()) {
            (Some(slot), Some(Some(size))) => {
                self.memory.insert(slot, *size);
                self.made(size.objects)
            }
            _ => Err("keeps an object where none is".into()),
        }
    }

    /// Copies an object out of the machine's memory.
    fn recall(&mut self, slot: Option<u32>) -> Result<(), String> {
        match slot.and_then(|slot| self.memory.get(&slot)) {
            Some(size) => self.push(*size),
            None => Err("recalls an object that it did not keep".into()),
        }
    }
}

impl Size {
    /// Of an object that holds these.
    fn within(self) -> Self {
        Self { objects: self.objects + 1, depth: self.depth + 1 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(parts: &[&[u8]]) -> String {
        run(&parts.concat()).unwrap_err()
    }

    #[test]
    fn small_programs_run() {
        let program = b"\x80\x02}q\x00(X\x01\x00\x00\x00aK\x07X\x01\x00\x00\x00bh\x00u.";
        let Object::Dict(items) = run(program).unwrap() else { panic!("no dictionary") };
        assert!(items.contains(&(Object::Unicode("a".into()), Object::Int(7))));
        assert_eq!(items.len(), 2);
    }

    #[test]
    fn programs_that_would_fill_the_memory_are_stopped() {
        // A pair of the pair before, forty times: 2⁴⁰ objects.
        let double = |slot: u8| vec![b'q', slot, b'h', slot, 0x86];
        let bomb: Vec<u8> = (0..31).flat_map(double).collect();
        assert!(error(&[b"\x80\x02)", &bomb]).contains("more than 524288 objects"));
        // The same, flat: a list to which it is appended itself.
        let bomb: Vec<u8> = (0..40).flat_map(|slot| [b'q', slot, b'h', slot, b'a']).collect();
        assert!(error(&[b"]", &bomb]).contains("more than"));
        let long = [b"X\xff\xff\xff\xff".as_slice(), &[b'a'; 64]].concat();
        assert!(error(&[&long]).contains("a string longer than the program"));
        // A string of a megabyte, recalled again and again.
        let text =
            [&b"X"[..], &(1u32 << 20).to_le_bytes(), &vec![b'a'; 1 << 20], b"q\x00"].concat();
        assert!(error(&[&text, &b"h\x00".repeat(1000)]).contains("more than"));
        assert!(error(&[b")", &[0x85; 1000]]).contains("32 deep"));
        assert!(error(&[&vec![b'('; 1 << 20]]).contains("more than"));
    }

    #[test]
    fn programs_that_make_no_sense_are_named() {
        assert!(error(&[b"\x8a\x09aaaaaaaaaa"]).contains("byte 0: a number of more than 64 bits"));
        for (program, reason) in [
            (&b"N"[..], "ends without a stop"),
            (b"(\x85.", "takes an object"),
            (b"u.", "no mark"),
            (b"h\x05.", "did not keep"),
            (b"(q\x05.", "where none is"),
            (b"N(NNu.", "expected a dict"),
            (b"cos\nsystem", "ends without a stop"),
            (b"i", "opcode 0x69"),
            (b".", "empty stack"),
        ] {
            assert!(error(&[program]).contains(reason), "{}", error(&[program]));
        }
    }
}
