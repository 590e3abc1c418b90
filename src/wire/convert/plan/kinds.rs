//! Whether a plan is one of classification or regression, as far as its specs say, and whether its parts agree.

use super::{AUTO_MODEL, PRIVATE, Reader, opened_as};
use crate::fed::Plan;
use crate::fed::attack::needs_classes;
use crate::ml::data::{DATA, TargetKind, no_classes};
use crate::ml::model::{MODELS, ModelError};
use crate::ml::partition::PARTITIONS;
use crate::spec::Spec;

/// What rows are to be taken for, as far as the specs of model and data say.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kinds {
    model: Option<TargetKind>,
    data: Option<TargetKind>,
}

impl Kinds {
    pub(super) fn of(model: &str, data: &str) -> Kinds {
        Kinds {
            model: match model {
                AUTO_MODEL => None,
                model => MODELS.build(model).ok().map(|model| model.kind()),
            },
            data: of_data(data),
        }
    }

    /// Which it is, if either says so; the model first.
    pub(super) fn known(self) -> Option<TargetKind> {
        self.model.or(self.data)
    }
}

fn of_data(spec: &str) -> Option<TargetKind> {
    let spec: Spec = opened_as(spec).parse().ok()?;
    if spec.name() == PRIVATE {
        return None;
    }
    DATA.build_spec(&spec).ok()?.kind()
}

impl Reader {
    /// Names what cannot go together. Data whose spec does not say what they are, are looked at when they are opened.
    pub(super) fn agree(&mut self, plan: &Plan, kinds: Kinds) {
        if let (Some(model), Some(data)) = (kinds.model, kinds.data)
            && model != data
        {
            self.wrong("model", ModelError::Targets { model, data });
        }
        if let Some(model) = kinds.known()
            && plan.training.objective().kind() != model
        {
            let objective = plan.training.objective_spec().to_owned();
            self.wrong(
                "training.objective",
                ModelError::Objective { model, objective },
            );
        }
        if kinds.data.or(kinds.model) == Some(TargetKind::Value) {
            self.without_classes(plan);
        }
    }

    /// Names what needs classes.
    fn without_classes(&mut self, plan: &Plan) {
        if let Some(name) = &plan.data.partition
            && PARTITIONS
                .build(name)
                .is_ok_and(|partition| partition.looks_at_classes())
        {
            self.wrong("data.partition", no_classes(name, &plan.data.spec));
        }
        let attack = plan.assault.as_ref().map(|assault| &assault.attack);
        if let Some(reason) = attack.and_then(|attack| needs_classes(attack)) {
            self.wrong("attack", reason);
        }
    }
}
