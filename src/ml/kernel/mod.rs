//! The inner loops: products of matrices, each with one fixed order of additions.

mod product;
mod transpose;

pub use product::{add_product, add_transposed_product};
pub use transpose::transpose;
