//! Registers full of numbers.

use pulp::Simd;

/// A number that registers hold several of. All of it is rounded as IEEE 754 says, lane by lane.
pub trait Element: Copy + 'static {
    /// A register of the instruction set.
    type Register<S: Simd>: Copy;

    /// Numbers in a register.
    fn lanes<S: Simd>() -> usize {
        size_of::<Self::Register<S>>() / size_of::<Self>()
    }

    /// This number in all lanes.
    fn splat<S: Simd>(simd: S, value: Self) -> Self::Register<S>;

    /// `sum + left * right`: the product is rounded, then the sum.
    fn add_product<S: Simd>(
        simd: S,
        sum: Self::Register<S>,
        left: Self::Register<S>,
        right: Self::Register<S>,
    ) -> Self::Register<S>;

    /// `left + right`.
    fn plus<S: Simd>(
        simd: S,
        left: Self::Register<S>,
        right: Self::Register<S>,
    ) -> Self::Register<S>;

    /// `left - right`.
    fn minus<S: Simd>(
        simd: S,
        left: Self::Register<S>,
        right: Self::Register<S>,
    ) -> Self::Register<S>;

    /// `left * right`.
    fn times<S: Simd>(
        simd: S,
        left: Self::Register<S>,
        right: Self::Register<S>,
    ) -> Self::Register<S>;

    /// `from - left * right`: the product is rounded, then the difference.
    fn take_product<S: Simd>(
        simd: S,
        from: Self::Register<S>,
        left: Self::Register<S>,
        right: Self::Register<S>,
    ) -> Self::Register<S>;

    /// These numbers as registers, without those at the end that do not fill one.
    fn registers<S: Simd>(values: &[Self]) -> &[Self::Register<S>];

    /// The same, to be changed.
    fn registers_mut<S: Simd>(values: &mut [Self]) -> &mut [Self::Register<S>];
}

macro_rules! element {
    ($T:ident, $Register:ident, $splat:ident, $add:ident, $sub:ident, $mul:ident, $cast:ident, $cast_mut:ident) => {
        impl Element for $T {
            type Register<S: Simd> = S::$Register;

            #[inline(always)]
            fn splat<S: Simd>(simd: S, value: $T) -> S::$Register {
                simd.$splat(value)
            }

            #[inline(always)]
            fn add_product<S: Simd>(
                simd: S,
                sum: S::$Register,
                left: S::$Register,
                right: S::$Register,
            ) -> S::$Register {
                simd.$add(sum, simd.$mul(left, right))
            }

            #[inline(always)]
            fn plus<S: Simd>(simd: S, left: S::$Register, right: S::$Register) -> S::$Register {
                simd.$add(left, right)
            }

            #[inline(always)]
            fn minus<S: Simd>(simd: S, left: S::$Register, right: S::$Register) -> S::$Register {
                simd.$sub(left, right)
            }

            #[inline(always)]
            fn times<S: Simd>(simd: S, left: S::$Register, right: S::$Register) -> S::$Register {
                simd.$mul(left, right)
            }

            #[inline(always)]
            fn take_product<S: Simd>(
                simd: S,
                from: S::$Register,
                left: S::$Register,
                right: S::$Register,
            ) -> S::$Register {
                simd.$sub(from, simd.$mul(left, right))
            }

            #[inline(always)]
            fn registers<S: Simd>(values: &[$T]) -> &[S::$Register] {
                S::$cast(values).0
            }

            #[inline(always)]
            fn registers_mut<S: Simd>(values: &mut [$T]) -> &mut [S::$Register] {
                S::$cast_mut(values).0
            }
        }
    };
}

element!(
    f32,
    f32s,
    splat_f32s,
    add_f32s,
    sub_f32s,
    mul_f32s,
    as_simd_f32s,
    as_mut_simd_f32s
);
element!(
    f64,
    f64s,
    splat_f64s,
    add_f64s,
    sub_f64s,
    mul_f64s,
    as_simd_f64s,
    as_mut_simd_f64s
);
