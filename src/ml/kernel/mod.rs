//! The inner loops: products of matrices, each with one fixed order of additions, compiled for every
//! instruction set and chosen as the program runs.

mod convert;
mod element;
mod gradient;
mod isa;
mod panels;
mod planes;
mod pool;
mod product;
mod rows;
mod step;
mod window;

pub use convert::{narrow, widen};
pub use element::Element;
pub use gradient::Gradient;
pub use isa::{Isa, Work};
pub use panels::Panels;
pub use planes::{to_pixels, to_planes};
pub use pool::Pool;
pub use product::product;
pub use rows::Rows;
pub use step::{Step, Terms};
pub use window::Window;

#[cfg(test)]
mod tests;
