//! A step of one layer against its gradient, to which momentum, decay, a proximal term or a correction may be added.
//!
//! Every value is worked out on its own, by the same operations in the same order whatever the registers, none of them
//! fused. [`Gradient`](super::Gradient) takes the step where the slopes are.

use std::ops::Range;

use pulp::Simd;

use super::panels::Panels;
use crate::ml::real::Real;

/// Registers of slopes worked on together.
const SPAN: usize = 4;

/// A step of one layer.
pub struct Step<'a, T> {
    /// What takes the step.
    pub parameters: &'a mut Panels<T>,
    /// How much of the slopes is taken off the parameters.
    pub length: T,
    /// What is made of the slopes before.
    pub terms: Option<Terms<'a, T>>,
}

/// What is made of the slopes before a step. What is absent is left out.
pub struct Terms<'a, T> {
    /// Times the sums over the rows: makes the gradient of the objective of them.
    pub scale: T,
    /// What pulls towards 0, and how strongly.
    pub decay: Option<T>,
    /// What pulls towards these parameters, and how strongly.
    pub proximal: Option<(&'a Panels<T>, T)>,
    /// Added to the gradient.
    pub correction: Option<&'a Panels<T>>,
    /// What of earlier steps stays, and how much of it.
    pub velocity: Option<(&'a mut Panels<T>, T)>,
}

impl<T: Real> Step<'_, T> {
    /// Takes the step of these places, which fill registers.
    #[inline(always)]
    pub(super) fn take_some<S: Simd>(&mut self, simd: S, sums: &Panels<T>, places: Range<usize>) {
        let lanes = T::lanes::<S>();
        let start = places.start;
        let sums = T::registers::<S>(&sums.values()[places]);
        let (spans, rest) = sums.as_chunks::<SPAN>();
        for (number, span) in spans.iter().enumerate() {
            self.take_at(simd, start + number * SPAN * lanes, *span);
        }
        for (number, register) in rest.iter().enumerate() {
            self.take_at(
                simd,
                start + (spans.len() * SPAN + number) * lanes,
                [*register],
            );
        }
    }

    #[inline(always)]
    fn take_at<S: Simd, const LENGTH: usize>(
        &mut self,
        simd: S,
        start: usize,
        mut slopes: [T::Register<S>; LENGTH],
    ) {
        let places = start..start + LENGTH * T::lanes::<S>();
        let parameters = &mut self.parameters.values_mut()[places.clone()];
        let parameters = T::registers_mut::<S>(parameters);
        if let Some(terms) = &mut self.terms {
            slopes = terms.add(simd, places, parameters, slopes);
        }
        let length = T::splat(simd, self.length);
        for (parameter, slope) in parameters.iter_mut().zip(&slopes) {
            *parameter = T::take_product(simd, *parameter, length, *slope);
        }
    }
}

impl<T: Real> Terms<'_, T> {
    /// The slopes with all that is added to them, in the order of the fields.
    #[inline(always)]
    fn add<S: Simd, const LENGTH: usize>(
        &mut self,
        simd: S,
        places: Range<usize>,
        parameters: &[T::Register<S>],
        mut slopes: [T::Register<S>; LENGTH],
    ) -> [T::Register<S>; LENGTH] {
        let scale = T::splat(simd, self.scale);
        for slope in &mut slopes {
            *slope = T::times(simd, scale, *slope);
        }
        if let Some(decay) = self.decay {
            let decay = T::splat(simd, decay);
            for (slope, parameter) in slopes.iter_mut().zip(parameters) {
                *slope = T::add_product(simd, *slope, decay, *parameter);
            }
        }
        if let Some((begin, pull)) = self.proximal {
            let begin = T::registers::<S>(&begin.values()[places.clone()]);
            let pull = T::splat(simd, pull);
            for ((slope, parameter), begin) in slopes.iter_mut().zip(parameters).zip(begin) {
                let apart = T::minus(simd, *parameter, *begin);
                *slope = T::add_product(simd, *slope, pull, apart);
            }
        }
        if let Some(correction) = self.correction {
            let correction = T::registers::<S>(&correction.values()[places.clone()]);
            for (slope, correction) in slopes.iter_mut().zip(correction) {
                *slope = T::plus(simd, *slope, *correction);
            }
        }
        if let Some((velocity, share)) = &mut self.velocity {
            let velocity = T::registers_mut::<S>(&mut velocity.values_mut()[places]);
            let share = T::splat(simd, *share);
            for (slope, velocity) in slopes.iter_mut().zip(velocity) {
                *slope = T::add_product(simd, *slope, share, *velocity);
                *velocity = *slope;
            }
        }
        slopes
    }
}
