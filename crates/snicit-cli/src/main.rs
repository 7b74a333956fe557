//! The `snicit` command.

fn main() {}
