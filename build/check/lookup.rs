//! What names of types stand for.

use super::Program;
use crate::stubgen::Fault;
use crate::stubgen::syntax::{Definition, File, Kind, Name, Type};

impl Program {
    /// The file and definition a name stands for.
    pub fn find<'a>(
        &'a self,
        file: &'a File,
        name: &Name,
    ) -> Result<(&'a File, &'a Definition), Fault> {
        let unknown = || (name.at, format!("there is no type `{}`", name.text));
        let (home, short) = match name.text.split_once('.') {
            None => (file, name.text.as_str()),
            Some((stem, short)) => {
                if !file.includes.iter().any(|include| include.text == stem) {
                    return Err((name.at, format!("`{stem}` is not included")));
                }
                let home = self.files.iter().find(|other| other.stem == stem);
                (home.ok_or_else(unknown)?, short)
            }
        };
        let mut types = home
            .definitions
            .iter()
            .filter(|definition| !matches!(definition.kind, Kind::Const(..) | Kind::Service(_)));
        let found = types.find(|definition| definition.name.text == short);
        Ok((home, found.ok_or_else(unknown)?))
    }

    /// What a name stands for.
    pub fn target<'a>(&'a self, file: &'a File, kind: &Type) -> Option<&'a Kind> {
        match kind {
            Type::Named(name) => Some(&self.find(file, name).ok()?.1.kind),
            _ => None,
        }
    }

    /// Fails when `kind` holds a `whole` without a container between, so without end.
    pub fn bare(
        &self,
        file: &File,
        whole: &Name,
        kind: &Type,
        seen: &mut Vec<Name>,
    ) -> Result<(), Fault> {
        let Type::Named(name) = kind else {
            return Ok(());
        };
        let (home, definition) = self.find(file, name)?;
        if definition.name == *whole {
            return Err((whole.at, format!("`{}` holds itself", whole.text)));
        }
        if seen.contains(&definition.name) {
            return Ok(());
        }
        seen.push(definition.name.clone());
        match &definition.kind {
            Kind::Struct(fields) | Kind::Exception(fields) => fields
                .iter()
                .try_for_each(|field| self.bare(home, whole, &field.kind, seen)),
            Kind::Typedef(kind) => self.bare(home, whole, kind, seen),
            _ => Ok(()),
        }
    }
}
