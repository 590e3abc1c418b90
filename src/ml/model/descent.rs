//! Stochastic gradient descent over mini-batches.
//!
//! A step over rows B replaces parameters w by w - eta c sum over B of the gradient of the loss,
//! with c from the objective: 1 / |B| for a mean, 1 for a sum (Bottou, Curtis and Nocedal,
//! "Optimization Methods for Large-Scale Machine Learning", 2018, section 3). What
//! else a step takes into account, [`StepRule`](crate::ml::step_rule::StepRule) says.

use super::ModelError;
use super::pass::{BLOCK, Loss};
use super::step::Stepper;
use super::workspace::Workspace;
use crate::ml::data::{Dataset, Targets, TargetsView};
use crate::ml::real::Real;
use crate::ml::training::Training;
use crate::seed::Stream;

/// How a descent went.
pub(super) struct Descent {
    /// Sum of the loss over the rows of the last epoch.
    pub loss: f64,
    /// Epochs made.
    pub epochs: u32,
    /// Steps made.
    pub steps: u64,
}

/// Changes the parameters of the workspace as `how` says, with a correction added to every gradient.
///
/// With a plateau, the summed loss of each epoch, as the forward passes see it, is compared with
/// that of the epoch before. If an epoch is a single step, its loss is known before the step is
/// made, which is then left out; otherwise training stops behind the epoch.
pub(super) fn descend<T: Real>(
    workspace: &mut Workspace<T>,
    data: &Dataset,
    how: &Training,
    correction: Option<&[T]>,
    mut stream: Stream,
    cancelled: &dyn Fn() -> bool,
) -> Result<Descent, ModelError> {
    let rows = data.rows();
    let mut order: Vec<u32> = (0..rows as u32).collect();
    let batch = if how.batch() == 0 {
        rows
    } else {
        rows.min(how.batch() as usize)
    };
    let correction = correction.map(|values| workspace.pack(values));
    let mut stepper = Stepper::new(how, &workspace.parameters(), correction);
    let mut steps = 0;
    let mut before = None;
    for epoch in 0..how.epochs() {
        if how.batch() != 0 {
            stream.shuffle(&mut order);
        }
        let mut loss = Loss::watching(how.plateau().is_some(), data.kind());
        for step in order.chunks(batch) {
            stepper.set_scale(how.objective().scale(step.len()));
            workspace.start_step();
            let last = step.len().div_ceil(BLOCK) - 1;
            for (number, block) in step.chunks(BLOCK).enumerate() {
                if cancelled() {
                    return Err(ModelError::Cancelled);
                }
                see(workspace, data, how, block, &mut loss);
                let is_last = number == last;
                if is_last && step.len() == rows && is_flat(how, before, loss) {
                    return Ok(Descent {
                        loss: loss.sum,
                        epochs: epoch,
                        steps,
                    });
                }
                let stepper = is_last.then_some(&mut stepper);
                workspace.backward(block.len(), number == 0, stepper);
            }
            steps += 1;
        }
        if epoch + 1 == how.epochs() || is_flat(how, before, loss) {
            return Ok(Descent {
                loss: loss.sum,
                epochs: epoch + 1,
                steps,
            });
        }
        before = loss.watched;
    }
    unreachable!("a training has at least one epoch")
}

/// Whether the summed loss changed by no more than the plateau.
fn is_flat(how: &Training, before: Option<f64>, loss: Loss) -> bool {
    match (how.plateau(), before, loss.watched) {
        (Some(plateau), Some(before), Some(now)) => (now - before).abs() <= plateau,
        _ => false,
    }
}

/// The forward pass and the loss of some rows.
fn see<T: Real>(
    workspace: &mut Workspace<T>,
    data: &Dataset,
    how: &Training,
    block: &[u32],
    loss: &mut Loss,
) {
    workspace.load(data, block.iter().map(|row| *row as usize));
    workspace.forward(block.len());
    let objective = how.objective();
    match data.targets() {
        Targets::Classes { labels, .. } => {
            let labels = gathered(labels, block);
            let targets = TargetsView::Classes(&labels[..block.len()]);
            workspace.differentiate(objective, targets, loss);
        }
        Targets::Values(values) => {
            let values = gathered(values, block);
            let targets = TargetsView::Values(&values[..block.len()]);
            workspace.differentiate(objective, targets, loss);
        }
    }
}

/// Those of these rows, side by side.
fn gathered<T: Copy + Default>(of_all: &[T], rows: &[u32]) -> [T; BLOCK] {
    let mut of_these = [T::default(); BLOCK];
    for (place, row) in of_these.iter_mut().zip(rows) {
        *place = of_all[*row as usize];
    }
    of_these
}
