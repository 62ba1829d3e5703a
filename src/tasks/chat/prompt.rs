//! The messages by which a chat model is asked for a plan.

use super::choices::Choices;
use super::list::ObjectList;
use super::schema::fields;
use crate::model::{Message, Role};
use crate::tasks::{ActionVocabulary, ArgumentKind};

/// How the answer is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// A step a line; decoded under the grammar of plans.
    Lines,
    /// A JSON object; checked when it has come.
    Json,
}

/// The rules: what may be said and how, and the further `instructions` of the manifest.
pub fn rules(choices: &Choices<'_>, form: Form, instructions: &str) -> String {
    let end = &choices.vocabulary().end;
    let mut text = String::from(
        "You plan for a household robot. You are told where the robot is, which objects its map \
         knows, and a goal. Write the plan that reaches the goal, and nothing else.\n",
    );
    text.push_str(match form {
        Form::Lines => "Write one step a line: an action and its arguments.\n",
        Form::Json => "Write JSON: {\"steps\": [...], \"not_found\": [...]}. The steps are:\n",
    });
    for action in choices.actions().filter(|action| action.name != *end) {
        match form {
            Form::Lines => {
                text.push_str(&action.name);
                for (field, _) in fields(action) {
                    text.push_str(&format!(" {}", field.to_uppercase()));
                }
            }
            Form::Json => {
                text.push_str(&format!("{{\"action\": \"{}\"", action.name));
                for (field, _) in fields(action) {
                    text.push_str(&format!(", \"{field}\": NAME"));
                }
                text.push('}');
            }
        }
        text.push('\n');
    }
    text.push_str(
        "Arguments are names of the list, letter by letter, the number included. Go to a place \
         before you act there. The hand holds one thing at a time: pick up what you put, heat, \
         cool, clean or slice it before, and put it down before you take another.\n",
    );
    text.push_str(&match form {
        Form::Lines => format!(
            "After the last step write {end}. If the goal needs things that are not on the list, \
             write instead of a plan a line NotFound: with the word of each, such as \
             NotFound:mug, and then {end}.\n"
        ),
        Form::Json => "If the goal needs things that are not on the list, leave the steps empty \
             and put the words of these things into not_found.\n"
            .to_owned(),
    });
    if !instructions.trim().is_empty() {
        text.push_str(instructions.trim());
        text.push('\n');
    }
    text
}

/// The messages for `goal` over the first `count` objects of `list`.
pub fn over_map(
    rules: &str,
    list: &ObjectList<'_>,
    count: usize,
    goal: &str,
    robot_m: [f64; 3],
) -> Vec<Message> {
    let [x, y, z] = robot_m;
    let faces = list.heading_deg().map_or(String::new(), |degrees| {
        format!(", faces {degrees}° counterclockwise from the x axis,")
    });
    let holds = list.held_name().unwrap_or("nothing");
    let asked = format!(
        "The robot is at ({x:.1}, {y:.1}, {z:.1}){faces} and holds {holds}.\n\
         The objects, positions in metres:\n{}\
         The goal: {}",
        list.text(count),
        in_one_line(goal)
    );
    vec![Message::new(Role::System, rules), Message::new(Role::User, asked)]
}

/// The messages for `goal` where no map is known and words stand for things.
pub fn over_words(rules: &str, vocabulary: &ActionVocabulary, goal: &str) -> Vec<Message> {
    let words = |kind| vocabulary.words(kind).join(", ");
    let asked = format!(
        "No map is known. Names are the words of things: {}; and of places: {}.\n\
         The goal: {}",
        words(ArgumentKind::Object),
        words(ArgumentKind::Receptacle),
        in_one_line(goal)
    );
    vec![Message::new(Role::System, rules), Message::new(Role::User, asked)]
}

/// A goal cannot pretend to be a line of the list.
fn in_one_line(goal: &str) -> String {
    goal.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::fixtures::object;

    #[test]
    fn everything_a_plan_rests_on_is_said() {
        let objects = [
            object(1, "mug", [1.0, 0.04, 0.55], 0.1),
            object(2, "sink basin", [0.0, 2.0, 0.5], 0.4),
        ];
        let list = ObjectList::new(&objects, "wash", [0.5, 0.0, 0.0], None);
        let choices = Choices::new(&ActionVocabulary::alfred(), &list.first(2), "wash");
        let text = rules(&choices, Form::Lines, " Never enter the bathroom. ");
        for part in ["\nPutObject OBJECT RECEPTACLE\n", "NotFound:mug", "write NoOp", "bathroom.\n"]
        {
            assert!(text.contains(part), "{text}");
        }
        let chat = over_map(&text, &list, 2, "wash\nthe mug", [0.5, 0.0, 0.0]);
        assert_eq!(chat[1].content.lines().count(), 5, "{}", chat[1].content);
        assert!(chat[1].content.contains("mug_1 at (1.0, 0.0, 0.6)"), "{}", chat[1].content);
        assert!(chat[1].content.ends_with("The goal: wash the mug"));
        let robot = "The robot is at (0.5, 0.0, 0.0) and holds nothing.\n";
        assert!(chat[1].content.starts_with(robot), "{}", chat[1].content);
        let list = list.facing(Some(-std::f64::consts::FRAC_PI_2));
        let chat = over_map(&text, &list, 2, "wash", [0.5, 0.0, 0.0]);
        let faces = ", faces 270° counterclockwise from the x axis, and holds nothing.\n";
        assert!(chat[1].content.contains(faces), "{}", chat[1].content);
        let json = rules(&choices, Form::Json, "");
        let put = "{\"action\": \"PutObject\", \"object\": NAME, \"receptacle\": NAME}\n";
        assert!(json.contains(put) && !json.contains("NoOp"), "{json}");
    }
}
