//! Runs of one model: with everything it sees, blind, and with things taken away.

use anyhow::bail;
use scenellm::learn::Ablation;
use scenellm::tasks::SceneView;

/// What is taken from the model in each run; `None` is nothing.
#[derive(Clone)]
pub struct Runs(Vec<Option<Ablation>>);

impl Runs {
    /// Seeing and blind, and then `ablate`. Where nothing changes between a look and an answer,
    /// `why_no_update` says why there is no run without updates.
    ///
    /// # Errors
    ///
    /// When such a run is asked for nevertheless.
    pub fn new(ablate: &[Ablation], why_no_update: Option<&str>) -> anyhow::Result<Self> {
        if let Some(why) = why_no_update
            && ablate.contains(&Ablation::NoUpdate)
        {
            bail!("no_update: {why}");
        }
        let mut runs = vec![None, Some(Ablation::Blind)];
        for one in ablate.iter().map(|one| Some(*one)) {
            if !runs.contains(&one) {
                runs.push(one);
            }
        }
        Ok(Self(runs))
    }

    /// What is taken away in each.
    pub fn each(&self) -> impl Iterator<Item = Option<Ablation>> + '_ {
        self.0.iter().copied()
    }

    /// What is left of a view in each of them.
    pub fn views(&self, view: &SceneView) -> Vec<Option<SceneView>> {
        let left = |run| match run {
            Some(ablation) => Ablation::apply(ablation, view),
            None => Some(view.clone()),
        };
        self.each().map(left).collect()
    }

    /// Name of a run: what was taken away, or `seeing`.
    pub fn name(run: Option<Ablation>) -> &'static str {
        run.map_or("seeing", Ablation::name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_blind_twin_always_stands_beside_and_nothing_twice() {
        let names = |ablate: &[Ablation]| -> Vec<&str> {
            Runs::new(ablate, None).unwrap().each().map(Runs::name).collect()
        };
        assert_eq!(names(&[]), ["seeing", "blind"]);
        let twice = [Ablation::Blind, Ablation::NoEgo, Ablation::NoEgo];
        assert_eq!(names(&twice), ["seeing", "blind", "no_ego"]);
        let views = Runs::new(&[], None).unwrap().views(&SceneView::default());
        assert_eq!(views, [Some(SceneView::default()), None]);
        assert!(Runs::new(&[Ablation::NoUpdate], Some("nothing moves")).is_err());
    }
}
