//! What is wrong with the numbers of a training's configuration, in words that name the field.

/// Of shares and probabilities, each behind the name of its field, the first that is none.
pub fn share_fault(shares: &[(&str, f64)]) -> Option<String> {
    let (name, share) = shares.iter().find(|(_, share)| !(0.0..=1.0).contains(share))?;
    Some(format!("{name} is {share}, must be 0 to 1"))
}

/// Of the probability that an activation is dropped, which leaves some: they stand for all.
pub fn dropout_fault(dropout: f32) -> Option<String> {
    let is_sound = (0.0..1.0).contains(&dropout);
    (!is_sound).then(|| format!("dropout is {dropout}, must be 0 or more and below 1"))
}
