//! A goal in another home and its plan, as turns before the one that counts.
//!
//! A model that was not taught to plan is told how in words, and shown once: small ones follow what they
//! have seen themselves say, and hardly what they are told.

use serde_json::{Value, json};

use super::choices::Choices;
use super::prompt::Form;
use super::schema::fields;
use crate::model::{Message, Role};
use crate::tasks::{ExamplePlan, SpokenStep, parse_plan, step_text};

/// Number of the first thing, which no list reaches by chance.
const FIRST: usize = 901;

/// The turns of the vocabulary's example: what is asked and what is answered; none where there is none.
pub fn turns(choices: &Choices<'_>, form: Form) -> Vec<Message> {
    let vocabulary = choices.vocabulary();
    let Some(example) = &vocabulary.example else { return Vec::new() };
    let text = format!("{}\n{}", example.steps.join("\n"), vocabulary.end);
    // It was checked when the vocabulary was read.
    let Ok(steps) = parse_plan(&text, vocabulary) else { return Vec::new() };
    // What cannot be done with this list is not shown.
    let is_possible = |step: &SpokenStep| choices.actions().any(|one| one.name == step.action);
    if !steps.iter().all(is_possible) {
        return Vec::new();
    }
    let things = things(&steps, choices.are_of_a_map());
    let name = |word: &String| {
        let thing = things.iter().find(|(known, _)| known == word);
        thing.map_or(word.clone(), |(_, name)| name.clone())
    };
    let named: Vec<SpokenStep> = steps
        .iter()
        .map(|step| SpokenStep {
            action: step.action.clone(),
            arguments: step.arguments.iter().map(name).collect(),
        })
        .collect();
    let answer = match form {
        Form::Lines => {
            let line = |step: &SpokenStep| format!("{}\n", step_text(step).trim_start());
            named.iter().map(line).collect::<String>() + &vocabulary.end
        }
        Form::Json => {
            let steps: Vec<Value> = named.iter().map(|step| as_json(step, choices)).collect();
            json!({"steps": steps, "not_found": []}).to_string()
        }
    };
    let asked = asked(example, &things, choices.are_of_a_map());
    vec![Message::new(Role::User, asked), Message::new(Role::Assistant, answer)]
}

/// The words of the steps in the order in which they come, and what each is called.
fn things(steps: &[SpokenStep], are_of_a_map: bool) -> Vec<(String, String)> {
    let mut things: Vec<(String, String)> = Vec::new();
    for word in steps.iter().flat_map(|step| &step.arguments) {
        if !things.iter().any(|(known, _)| known == word) {
            let name = match are_of_a_map {
                true => format!("{word}_{}", FIRST + things.len()),
                false => word.clone(),
            };
            things.push((word.clone(), name));
        }
    }
    things
}

/// As [`super::prompt::over_map`] and [`super::prompt::over_words`] ask.
fn asked(example: &ExamplePlan, things: &[(String, String)], are_of_a_map: bool) -> String {
    let goal = &example.goal;
    if !are_of_a_map {
        return format!("The goal: {goal}");
    }
    let line = |(at, (_, name)): (usize, &(String, String))| {
        format!("{name} at ({at}.0, 1.0, 0.9), {}.2 m away\n", at.max(1))
    };
    let list: String = things.iter().enumerate().map(line).collect();
    format!(
        "The robot is at (0.0, 0.0, 0.0) and holds nothing.\n\
         The objects, positions in metres:\n{list}The goal: {goal}"
    )
}

fn as_json(step: &SpokenStep, choices: &Choices<'_>) -> Value {
    let spec = choices.vocabulary().action(&step.action);
    let names = spec.map(fields).unwrap_or_default().into_iter().zip(&step.arguments);
    let arguments = names.map(|((field, _), name)| (field, Value::from(name.as_str())));
    let action = ("action".to_owned(), Value::from(step.action.as_str()));
    Value::Object(std::iter::once(action).chain(arguments).collect())
}

#[cfg(test)]
mod tests {
    use super::super::list::ObjectList;
    use super::*;
    use crate::scene::fixtures::object;
    use crate::tasks::ActionVocabulary;

    #[test]
    fn a_plan_is_shown_in_the_form_that_is_asked_for() {
        let objects = [object(1, "apple", [1.0; 3], 0.1), object(2, "fridge", [0.0; 3], 0.4)];
        let list = ObjectList::new(&objects, "", [0.0; 3], None);
        let mut alfred = ActionVocabulary::alfred();
        let choices = Choices::new(&alfred, &list.first(2), "");
        let [asked, answer] = turns(&choices, Form::Lines).try_into().unwrap();
        assert!(asked.content.contains("\nmug_902 at (1.0, 1.0, 0.9), 1.2 m away\n"), "{asked:?}");
        assert!(asked.content.ends_with("\nThe goal: put a clean mug on the shelf"), "{asked:?}");
        assert_eq!((asked.role, answer.role), (Role::User, Role::Assistant));
        let expected = "GotoLocation countertop_901\nPickupObject mug_902\nGotoLocation sinkbasin_903\n\
             CleanObject mug_902\nGotoLocation shelf_904\nPutObject mug_902 shelf_904\nNoOp";
        assert_eq!(answer.content, expected);
        let json: Value = serde_json::from_str(&turns(&choices, Form::Json)[1].content).unwrap();
        let put = json!({"action": "PutObject", "object": "mug_902", "receptacle": "shelf_904"});
        assert_eq!((&json["steps"][5], &json["not_found"]), (&put, &json!([])));

        let words = turns(&Choices::words(&alfred, ""), Form::Lines);
        assert_eq!(words[0].content, "The goal: put a clean mug on the shelf");
        assert!(words[1].content.ends_with("\nPutObject mug shelf\nNoOp"), "{words:?}");
        alfred.example = None;
        assert!(turns(&Choices::words(&alfred, ""), Form::Lines).is_empty());
    }
}
