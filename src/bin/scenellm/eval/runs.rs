//! Runs of one model: with everything that is known, blind, and with things taken away.

use anyhow::bail;
use scenellm::learn::Ablation;
use scenellm::scene::MapObject;
use scenellm::tasks::SceneView;

/// What is known of a home.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Known {
    /// What a model is shown of it; `None` where it is shown nothing.
    pub view: Option<SceneView>,
    /// The objects of the map.
    pub objects: Vec<MapObject>,
}

impl Known {
    /// What is left of it in a run. To whom nothing is shown, nothing is left of the list either.
    pub fn left(&self, run: Option<Ablation>) -> Self {
        match (run, &self.view) {
            (None, _) => self.clone(),
            (Some(_), None) => Self::default(),
            (Some(ablation), Some(view)) => {
                let (view, objects) = ablation.apply(view, &self.objects);
                Self { view, objects }
            }
        }
    }
}

/// What is taken away in each run; `None` is nothing.
#[derive(Clone)]
pub struct Runs(Vec<Option<Ablation>>);

impl Runs {
    /// Seeing and blind, and then `ablate`. `idle` are ablations that would change nothing, with
    /// the reason.
    ///
    /// # Errors
    ///
    /// When such a run is asked for nevertheless.
    pub fn new(ablate: &[Ablation], idle: &[(Ablation, &str)]) -> anyhow::Result<Self> {
        if let Some((one, why)) = idle.iter().find(|(one, _)| ablate.contains(one)) {
            bail!("{}: {why}", one.name());
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

    /// What is left in each of them.
    pub fn left(&self, known: &Known) -> Vec<Known> {
        self.each().map(|run| known.left(run)).collect()
    }

    /// Name of a run: what was taken away, or `seeing`.
    pub fn name(run: Option<Ablation>) -> &'static str {
        run.map_or("seeing", Ablation::name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use scenellm::sim::household::{World, household};

    #[test]
    fn the_blind_twin_always_stands_beside_and_nothing_twice() {
        let names = |ablate: &[Ablation]| -> Vec<&str> {
            Runs::new(ablate, &[]).unwrap().each().map(Runs::name).collect()
        };
        assert_eq!(names(&[]), ["seeing", "blind"]);
        let twice = [Ablation::Blind, Ablation::NoEgo, Ablation::NoEgo];
        assert_eq!(names(&twice), ["seeing", "blind", "no_ego"]);
        let idle = [(Ablation::NoUpdate, "nothing moves")];
        let error = Runs::new(&[Ablation::NoUpdate], &idle).err().unwrap().to_string();
        assert_eq!(error, "no_update: nothing moves");
        assert!(Runs::new(&[Ablation::NoEgo], &idle).is_ok());
    }

    #[test]
    fn the_blind_twin_knows_nothing_and_the_other_all() {
        let world = household(3).unwrap();
        let objects = world.home().entities.iter().map(World::as_map_object).collect();
        let known = Known { view: Some(SceneView::default()), objects };
        let runs = Runs::new(&[Ablation::NoList], &[]).unwrap();
        let no_list = Known { view: known.view.clone(), objects: Vec::new() };
        assert_eq!(runs.left(&known), [known.clone(), Known::default(), no_list]);
        let shown_nothing = Known { view: None, ..known };
        assert_eq!(shown_nothing.left(Some(Ablation::NoEgo)), Known::default());
    }
}
