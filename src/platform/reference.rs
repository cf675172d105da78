//! The texts of the printed reference for a platform's table: one line per key. Never states a default: those
//! are read from the settings when the reference is printed. Enter at [`Section`].

/// One table of a school's file.
#[derive(Debug)]
pub struct Section {
    /// Path of the table as written in the file, `amocrm.pipelines.<role>`.
    pub path: &'static str,
    pub about: &'static str,
    /// In the order of the struct.
    pub keys: &'static [Key],
}

/// One key. A `kind` that ends in `, required` has no default.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    pub name: &'static str,
    pub kind: &'static str,
    pub about: &'static str,
}

impl Key {
    pub fn required(&self) -> bool {
        self.kind.ends_with(", required")
    }
}

pub const fn key(name: &'static str, kind: &'static str, about: &'static str) -> Key {
    Key { name, kind, about }
}
