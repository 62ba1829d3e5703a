//! What is said in a chat, and by whom.

use serde::{Deserialize, Serialize};

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Sets the rules.
    System,
    /// Asks.
    User,
    /// Answers.
    Assistant,
}

/// One message of a chat.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Who speaks.
    pub role: Role,
    /// The words.
    pub content: String,
}

impl Message {
    /// A message of `role`.
    pub fn new(role: Role, content: impl Into<String>) -> Self {
        Self { role, content: content.into() }
    }
}

/// The same chat for a model that knows no system message: its words begin the first message.
pub(super) fn without_system(messages: &[Message]) -> Vec<Message> {
    let mut merged: Vec<Message> = Vec::with_capacity(messages.len());
    let mut rules = String::new();
    for message in messages {
        match message.role {
            Role::System => rules = format!("{rules}{}\n\n", message.content),
            _ => {
                let content = std::mem::take(&mut rules) + &message.content;
                merged.push(Message::new(message.role, content));
            }
        }
    }
    if !rules.is_empty() {
        merged.push(Message::new(Role::User, rules.trim_end()));
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_move_into_the_first_message() {
        let chat = [
            Message::new(Role::System, "Be brief."),
            Message::new(Role::User, "Hello"),
            Message::new(Role::Assistant, "Hi"),
        ];
        let merged = without_system(&chat);
        assert_eq!(merged[0], Message::new(Role::User, "Be brief.\n\nHello"));
        assert_eq!(merged[1..], chat[2..]);
        assert_eq!(without_system(&chat[..1]), [Message::new(Role::User, "Be brief.")]);
        assert_eq!(without_system(&[]), []);
    }
}
