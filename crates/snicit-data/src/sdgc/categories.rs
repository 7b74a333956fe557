use std::path::Path;

use snicit::Categories;

use crate::error::LineProblem;
use crate::text::{Single, Source, for_each_line, push_decimal};
use crate::{DataError, atomic_file};

const FIELDS: &str = "1 field (category)";

/// Reads categories, one a line. An empty file is the answer that no input survives.
///
/// # Errors
/// The first line that is not an index, or not larger than the one before: a file in another order is
/// no list of categories but, say, one of labels.
pub fn read_categories(file: &Path) -> Result<Categories, DataError> {
    let format = Single { fields: FIELDS, name: "category" };
    let mut indices: Vec<u32> = Vec::new();
    for_each_line(&mut Source::open(file)?, FIELDS, |text| {
        let category = format.parse(text)?;
        if let Some(&before) = indices.last()
            && category <= before
        {
            let expected = format!("more than {before}, the category before it");
            return Err(LineProblem::Field { field: "category", found: category.to_string(), expected });
        }
        indices.push(category);
        Ok(())
    })?;
    Ok(Categories::new(indices))
}

/// Writes categories, one a line, ascending.
///
/// # Errors
/// If the file cannot be written.
pub fn write_categories(file: &Path, categories: &Categories) -> Result<(), DataError> {
    atomic_file::write(file, |writer| {
        let mut lines = Vec::new();
        for &index in categories.indices() {
            push_decimal(&mut lines, u64::from(index));
            lines.push(b'\n');
        }
        writer.write_all(&lines)
    })
}
