//! The `.msg` texts: fields of a type, and the closure over its dependencies.

use super::msg::TEXTS;
use std::fmt::Write;

/// How many values a field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldArray {
    /// One value.
    None,
    /// This many values.
    Fixed(usize),
    /// Any number of values, perhaps up to a bound.
    Sequence,
}

/// One field of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// Its name.
    pub name: String,
    /// A primitive such as `uint8`, or a full type name such as `std_msgs/Header`.
    pub kind: String,
    /// How many.
    pub array: FieldArray,
}

const PRIMITIVES: [&str; 15] = [
    "bool", "byte", "char", "float32", "float64", "int8", "uint8", "int16", "uint16", "int32",
    "uint32", "int64", "uint64", "string", "wstring",
];

/// The fields of a `.msg` text of `package`, in order; `None` when a line is no field, constant or
/// comment.
pub fn parse_definition(package: &str, text: &str) -> Option<Vec<Field>> {
    let lines: Option<Vec<_>> = text.lines().map(|line| field(package, line)).collect();
    Some(lines?.into_iter().flatten().collect())
}

/// The field of one line: `Some(None)` for a comment or a constant, `None` for nonsense.
fn field(package: &str, line: &str) -> Option<Option<Field>> {
    let line = line.split('#').next().unwrap_or_default().trim();
    if line.is_empty() {
        return Some(None);
    }
    let (kind, rest) = line.split_once(char::is_whitespace)?;
    let rest = rest.trim();
    let name: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    if name.is_empty() {
        return None;
    }
    if rest[name.len()..].trim_start().starts_with('=') {
        return Some(None);
    }
    let (kind, array) = match kind.split_once('[') {
        None => (kind, FieldArray::None),
        Some((kind, bound)) => match bound.strip_suffix(']')? {
            "" => (kind, FieldArray::Sequence),
            bound if bound.starts_with("<=") => (kind, FieldArray::Sequence),
            length => (kind, FieldArray::Fixed(length.parse().ok()?)),
        },
    };
    let kind = kind.split("<=").next().unwrap_or_default();
    let kind = if PRIMITIVES.contains(&kind) || kind.contains('/') {
        kind.to_owned()
    } else {
        format!("{package}/{kind}")
    };
    Some(Some(Field { name, kind, array }))
}

/// The text of `full_type` (`package/msg/Name`) with those of all types it needs; empty for a type
/// not known here.
pub(super) fn definition_of(full_type: &str) -> String {
    let name = full_type.replacen("/msg/", "/", 1);
    let found = TEXTS.iter().find(|(package, short, _)| name == format!("{package}/{short}"));
    found.map(|(package, _, text)| with_dependencies(package, text)).unwrap_or_default()
}

/// `text` of `package`, and behind it the texts of all types it needs, each after a line of `=` and
/// its name.
pub fn with_dependencies(package: &str, text: &str) -> String {
    let needs = |package: &str, text: &str| {
        let fields = parse_definition(package, text).unwrap_or_default();
        fields.into_iter().map(|field| field.kind).filter(|kind| kind.contains('/'))
    };
    let mut names: Vec<String> = Vec::new();
    let mut out = text.to_owned();
    let mut wanted: Vec<String> = needs(package, text).collect();
    while !wanted.is_empty() {
        for name in std::mem::take(&mut wanted) {
            let known = TEXTS.iter().find(|(p, short, _)| name == format!("{p}/{short}"));
            let Some((package, _, text)) = known.filter(|_| !names.contains(&name)) else {
                continue;
            };
            // Writing to a string cannot fail.
            let _ = write!(out, "{}\nMSG: {name}\n{text}", "=".repeat(80));
            wanted.extend(needs(package, text));
            names.push(name);
        }
    }
    out
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::action::Action;
    use super::super::msg::{Detection3DArray, Message, Plan};
    use super::super::srv::Service;
    use super::*;
    use serde::de::value::Error;
    use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer, SeqAccess, Visitor};

    /// What a struct looks like to serde, in the words of the `.msg` texts.
    #[derive(Debug, Default, Clone, PartialEq)]
    struct Shape {
        kind: String,
        array: Option<FieldArray>,
        fields: Vec<(String, Shape)>,
    }

    /// Records the shape of whatever is deserialised from it, giving zeros and empty strings.
    struct Tracer<'a>(&'a mut Shape);

    macro_rules! primitives {
        ($($method:ident, $visit:ident, $kind:literal, $zero:expr;)*) => {
            $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
                self.0.kind = $kind.into();
                visitor.$visit($zero)
            })*
        };
    }

    impl<'de> Deserializer<'de> for Tracer<'_> {
        type Error = Error;

        primitives! {
            deserialize_bool, visit_bool, "bool", false;
            deserialize_i8, visit_i8, "int8", 0;
            deserialize_u8, visit_u8, "uint8", 0;
            deserialize_u16, visit_u16, "uint16", 0;
            deserialize_u32, visit_u32, "uint32", 0;
            deserialize_u64, visit_u64, "uint64", 0;
            deserialize_i32, visit_i32, "int32", 0;
            deserialize_i64, visit_i64, "int64", 0;
            deserialize_f32, visit_f32, "float32", 0.0;
            deserialize_f64, visit_f64, "float64", 0.0;
            deserialize_string, visit_str, "string", "";
        }

        fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            self.0.kind = "uint8".into();
            self.0.array = Some(FieldArray::Sequence);
            visitor.visit_bytes(&[])
        }

        fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            let value = visitor.visit_seq(Repeat { shape: self.0, left: 1 })?;
            self.0.array = Some(FieldArray::Sequence);
            Ok(value)
        }

        fn deserialize_tuple<V: Visitor<'de>>(
            self,
            len: usize,
            visitor: V,
        ) -> Result<V::Value, Error> {
            let value = visitor.visit_seq(Repeat { shape: self.0, left: len })?;
            self.0.array = Some(FieldArray::Fixed(len));
            Ok(value)
        }

        fn deserialize_struct<V: Visitor<'de>>(
            self,
            name: &'static str,
            fields: &'static [&'static str],
            visitor: V,
        ) -> Result<V::Value, Error> {
            self.0.kind = name.into();
            self.0.fields.clear();
            visitor.visit_seq(Fields { shape: self.0, names: fields.iter() })
        }

        fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Error> {
            Err(serde::de::Error::custom("no ROS type"))
        }

        serde::forward_to_deserialize_any! {
            i16 char str bytes option unit unit_struct newtype_struct
            tuple_struct map enum identifier ignored_any
        }
    }

    struct Repeat<'a> {
        shape: &'a mut Shape,
        left: usize,
    }

    impl<'de> SeqAccess<'de> for Repeat<'_> {
        type Error = Error;
        fn next_element_seed<T: DeserializeSeed<'de>>(
            &mut self,
            seed: T,
        ) -> Result<Option<T::Value>, Error> {
            if self.left == 0 {
                return Ok(None);
            }
            self.left -= 1;
            seed.deserialize(Tracer(self.shape)).map(Some)
        }
    }

    struct Fields<'a> {
        shape: &'a mut Shape,
        names: std::slice::Iter<'static, &'static str>,
    }

    impl<'de> SeqAccess<'de> for Fields<'_> {
        type Error = Error;
        fn next_element_seed<T: DeserializeSeed<'de>>(
            &mut self,
            seed: T,
        ) -> Result<Option<T::Value>, Error> {
            let Some(name) = self.names.next() else { return Ok(None) };
            let mut shape = Shape::default();
            let value = seed.deserialize(Tracer(&mut shape))?;
            self.shape.fields.push(((*name).to_owned(), shape));
            Ok(Some(value))
        }
    }

    /// The struct has the fields of its `.msg` text: names, types, array lengths, order.
    pub fn assert_shape<T: Message>() {
        let shape = shape_of::<T>();
        assert_fields(T::TYPE.replacen("/msg/", "/", 1).as_str(), &shape);
        assert!(T::TYPE_HASH.len() == 71);
    }

    /// The request and the response have the fields of their `.srv` text.
    pub fn assert_service_shape<S: Service>() {
        let (package, name) = S::TYPE.split_once("/srv/").unwrap();
        let (request, response) = S::DEFINITION.split_once("---\n").unwrap();
        let mut shape = shape_of::<S::Request>();
        // What DDS puts into a message without fields.
        shape.fields.retain(|(field, _)| field != "structure_needs_at_least_one_member");
        assert_text(package, &format!("{name}_Request"), request, &shape);
        assert_text(package, &format!("{name}_Response"), response, &shape_of::<S::Response>());
    }

    /// Goal, result and feedback have the fields of their `.action` text.
    pub fn assert_action_shape<A: Action>() {
        let (package, name) = A::TYPE.split_once("/action/").unwrap();
        let mut texts = A::DEFINITION.split("---\n");
        let mut part = |end: &str, shape: Shape| {
            assert_text(package, &format!("{name}_{end}"), texts.next().unwrap(), &shape);
        };
        part("Goal", shape_of::<A::Goal>());
        part("Result", shape_of::<A::Result>());
        part("Feedback", shape_of::<A::Feedback>());
        assert_eq!(texts.next(), None);
    }

    fn shape_of<T: DeserializeOwned>() -> Shape {
        let mut shape = Shape::default();
        T::deserialize(Tracer(&mut shape)).unwrap();
        shape
    }

    fn assert_fields(name: &str, shape: &Shape) {
        let (package, _, text) =
            TEXTS.iter().find(|(p, n, _)| name == format!("{p}/{n}")).expect("the text is known");
        assert_text(package, name, text, shape);
    }

    fn assert_text(package: &str, name: &str, text: &str, shape: &Shape) {
        let fields = parse_definition(package, text).unwrap();
        let names: Vec<_> = fields.iter().map(|field| &field.name).collect();
        let found: Vec<_> = shape.fields.iter().map(|(name, _)| name).collect();
        assert_eq!(names, found, "{name}");
        for (field, (_, shape)) in fields.iter().zip(&shape.fields) {
            assert_eq!(field.array, shape.array.unwrap_or(FieldArray::None), "{name} {field:?}");
            if field.kind.contains('/') {
                let short = field.kind.rsplit('/').next().unwrap();
                assert_eq!(short, shape.kind, "{name}.{}", field.name);
                assert_fields(&field.kind, shape);
            } else {
                // A byte is a number like any other.
                let kind = if field.kind == "byte" { "uint8" } else { &field.kind };
                assert_eq!(kind, shape.kind, "{name}.{}", field.name);
            }
        }
    }

    #[test]
    fn parses_constants_defaults_bounds_and_comments() {
        let text =
            "uint8 A=1 # one\n\n# note\nfloat64 w 1\nstring<=8[<=3] names\nHeader[2] h # two";
        let fields = parse_definition("pkg", text).unwrap();
        let field =
            |name: &str, kind: &str, array| Field { name: name.into(), kind: kind.into(), array };
        assert_eq!(
            fields,
            [
                field("w", "float64", FieldArray::None),
                field("names", "string", FieldArray::Sequence),
                field("h", "pkg/Header", FieldArray::Fixed(2)),
            ]
        );
        assert_eq!(parse_definition("pkg", "nonsense"), None);
    }

    #[test]
    fn definitions_carry_every_dependency_once() {
        let text = Detection3DArray::definition();
        for name in ["builtin_interfaces/Time", "geometry_msgs/Quaternion", "std_msgs/Header"] {
            assert_eq!(text.matches(&format!("MSG: {name}\n")).count(), 1, "{name}");
        }
        assert!(text.starts_with("std_msgs/Header header\n"));
        assert!(Plan::definition().contains("MSG: scenellm/PlanArgument\n"));
    }

    #[test]
    fn texts_are_all_parsable_and_closed() {
        for (package, name, text) in TEXTS {
            for field in parse_definition(package, text).unwrap() {
                assert!(
                    !field.kind.contains('/')
                        || TEXTS.iter().any(|(p, n, _)| field.kind == format!("{p}/{n}")),
                    "{package}/{name} needs {}",
                    field.kind
                );
            }
        }
    }
}
