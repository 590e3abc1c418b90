//! What a step takes into account besides the gradient of the loss.

/// What a step takes into account besides the gradient g of the loss; 0 leaves a part out.
///
/// With parameters w, w_0 where training on the shard began, step length eta and velocity v, which
/// begins with 0 for every shard, a step is
///
/// ```text
/// g <- g + weight_decay w + proximal (w - w_0) + correction
/// v <- momentum v + g
/// w <- w - eta v
/// ```
///
/// That is the heavy ball (Polyak, 1964) and the l2 penalty (weight_decay / 2) |w|^2, biases included,
/// both as PyTorch's `SGD` has them, and the proximal term (proximal / 2) |w - w_0|^2 of FedProx (Li et
/// al., "Federated Optimization in Heterogeneous Networks", 2020). The correction is a vector of its own
/// for each training, as SCAFFOLD and FedDyn have it. None of them is part of the loss that is reported.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct StepRule {
    /// Share of the velocity that stays from step to step: 0 to below 1.
    pub momentum: f64,
    /// Pull towards 0.
    pub weight_decay: f64,
    /// Pull towards the parameters that training began with.
    pub proximal: f64,
}

/// Strongest pull there is.
pub const MAX_PULL: f64 = 1e6;

impl StepRule {
    /// The gradient and nothing else.
    pub fn is_plain(&self) -> bool {
        *self == StepRule::default()
    }
}
