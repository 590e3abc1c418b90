//! Definitions that refer to no others: constants and enums.

use super::names::{Case, unique};
use crate::stubgen::Fault;
use crate::stubgen::syntax::{EnumValue, Literal, Name, Type};

/// Checks that a constant's value is of its type.
pub fn constant(name: &Name, kind: &Type, value: &Literal) -> Result<(), Fault> {
    let fits = match (kind, value) {
        (Type::I8, Literal::Int(value)) => i8::try_from(*value).is_ok(),
        (Type::I16, Literal::Int(value)) => i16::try_from(*value).is_ok(),
        (Type::I32, Literal::Int(value)) => i32::try_from(*value).is_ok(),
        (Type::I64, Literal::Int(_)) | (Type::Text, Literal::Text(_)) => true,
        _ => false,
    };
    if fits {
        Ok(())
    } else {
        let message = format!("the value of `{}` does not fit its type", name.text);
        Err((name.at, message))
    }
}

/// Checks that an enum starts at UNKNOWN and says nothing twice.
pub fn enumeration(name: &Name, values: &[EnumValue]) -> Result<(), Fault> {
    unique("the value", values.iter().map(|value| &value.name))?;
    if !values
        .first()
        .is_some_and(|first| first.name.text == "UNKNOWN" && first.value == 0)
    {
        let message = format!("the first value of `{}` must be UNKNOWN = 0", name.text);
        return Err((name.at, message));
    }
    for (index, value) in values.iter().enumerate() {
        Case::Upper.check(&value.name)?;
        if let Some(other) = values[..index].iter().find(|o| o.value == value.value) {
            let message = format!("{} is taken by `{}`", value.value, other.name.text);
            return Err((value.name.at, message));
        }
    }
    Ok(())
}
