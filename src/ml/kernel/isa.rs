//! The instruction set that kernels run with.
//!
//! A kernel is written once, over arrays as wide as the registers, and compiled once for each
//! instruction set. The set is chosen while the program runs and changes the speed and nothing else:
//! every path does the same additions and multiplications in the same order, none of them fused.

use pulp::{Arch, Scalar128b, Simd, WithSimd};

/// An instruction set that this machine has.
#[derive(Clone, Copy, Debug)]
pub struct Isa(Arch);

/// What can run with any instruction set. All of it has to be `#[inline(always)]`, because a function
/// that is called is compiled for the baseline.
pub trait Work {
    /// What it gives.
    type Output;

    /// Does it, with these registers.
    fn run<S: Simd>(self, simd: S) -> Self::Output;
}

struct Call<W>(W);

impl<W: Work> WithSimd for Call<W> {
    type Output = W::Output;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> W::Output {
        self.0.run(simd)
    }
}

impl Isa {
    /// The fastest that this machine has.
    pub fn best() -> Self {
        Isa(Arch::new())
    }

    /// What every machine of this kind has.
    pub fn baseline() -> Self {
        Isa(Arch::Scalar)
    }

    /// All that this machine has, slowest first.
    pub fn all() -> Vec<Self> {
        let mut all = vec![Isa::baseline(), Isa::best()];
        all.dedup_by_key(|isa| isa.name());
        all
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Arch::V3(_) => "avx2",
            _ => "baseline",
        }
    }

    /// Values of type `T` in one register.
    pub fn lanes<T>(self) -> usize {
        let bytes = match self.0 {
            #[cfg(target_arch = "x86_64")]
            Arch::V3(_) => 32,
            _ => 16,
        };
        bytes / size_of::<T>()
    }

    /// Does some work with this instruction set. Costs about as much as a call of a function.
    #[inline]
    pub fn run<W: Work>(self, work: W) -> W::Output {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Arch::V3(_) => self.0.dispatch(Call(work)),
            _ => work.run(Scalar128b),
        }
    }
}
