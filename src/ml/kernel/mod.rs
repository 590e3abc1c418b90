//! The inner loops: products of matrices, each with one fixed order of additions, compiled for every
//! instruction set and chosen as the program runs.

mod convert;
mod element;
mod gradient;
mod isa;
mod panels;
mod product;
mod step;

pub use convert::{narrow, widen};
pub use element::Element;
pub use gradient::Gradient;
pub use isa::{Isa, Work};
pub use panels::Panels;
pub use product::product;
pub use step::{Step, Terms};

#[cfg(test)]
mod tests;
