//! Steps of all layers by a rule, and what the rule remembers from step to step.

use crate::ml::kernel::{Panels, Step, Terms};
use crate::ml::real::Real;
use crate::ml::training::Training;

/// Takes the steps of a training.
pub(super) struct Stepper<T> {
    learning_rate: f64,
    /// What makes the objective's gradient of the sums of the step at hand.
    scale: f64,
    /// Whether a step is the gradient and nothing else, and can do without the fields below.
    is_plain: bool,
    decay: Option<T>,
    /// Where training began, and the pull towards it.
    proximal: Option<(Vec<Panels<T>>, T)>,
    correction: Option<Vec<Panels<T>>>,
    velocity: Option<(Vec<Panels<T>>, T)>,
}

impl<T: Real> Stepper<T> {
    /// For a training that begins at these parameters.
    pub fn new(
        how: &Training,
        parameters: &[&Panels<T>],
        correction: Option<Vec<Panels<T>>>,
    ) -> Self {
        let rule = how.rule();
        let used = |value: f64| (value != 0.0).then(|| T::from_f64(value));
        let zeros = || parameters.iter().map(|all| all.zeros_like()).collect();
        let begin = || parameters.iter().copied().cloned().collect();
        Stepper {
            learning_rate: how.learning_rate(),
            scale: 1.0,
            is_plain: rule.is_plain() && correction.is_none(),
            decay: used(rule.weight_decay),
            proximal: used(rule.proximal).map(|pull| (begin(), pull)),
            correction,
            velocity: used(rule.momentum).map(|share| (zeros(), share)),
        }
    }

    /// From now on the gradient is so many times the sums over the rows of a step.
    pub fn set_scale(&mut self, scale: f64) {
        self.scale = scale;
    }

    /// The step of the layer of this number.
    pub fn of_layer<'a>(&'a mut self, number: usize, parameters: &'a mut Panels<T>) -> Step<'a, T> {
        if self.is_plain {
            return Step {
                parameters,
                length: T::from_f64(self.learning_rate * self.scale),
                terms: None,
            };
        }
        let proximal = self.proximal.as_ref();
        let velocity = self.velocity.as_mut();
        let terms = Terms {
            scale: T::from_f64(self.scale),
            decay: self.decay,
            proximal: proximal.map(|(begin, pull)| (&begin[number], *pull)),
            correction: self.correction.as_ref().map(|all| &all[number]),
            velocity: velocity.map(|(all, share)| (&mut all[number], *share)),
        };
        Step {
            parameters,
            length: T::from_f64(self.learning_rate),
            terms: Some(terms),
        }
    }
}
