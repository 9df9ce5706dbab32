//! The pointer file: which generations are kept.
//!
//! ```text
//!  sled-2-9        of this fold: it serves
//!  sled-1-4        of another fold: an older binary can return to it
//!  !sled-2-8       set aside: it moves to quarantine when no reader holds it
//! ```

use super::name::Name;

/// What the pointer file says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Pointer {
    /// Generations to keep; those of other folds after the own one.
    pub(super) names: Vec<Name>,
    /// Generations to move to quarantine.
    pub(super) aside: Vec<Name>,
}

impl Pointer {
    pub(super) fn encode(&self) -> String {
        let names = self.names.iter().map(|name| format!("{name}\n"));
        let aside = self.aside.iter().map(|name| format!("!{name}\n"));
        names.chain(aside).collect()
    }

    /// Lines that name no generation are passed over: anybody may have edited the file.
    pub(super) fn decode(text: &str) -> Self {
        let mut pointer = Self::default();
        for line in text.lines().map(str::trim) {
            match line.strip_prefix('!') {
                Some(name) => pointer.aside.extend(Name::parse(name)),
                None => pointer.names.extend(Name::parse(line)),
            }
        }
        pointer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pointer_survives_its_file_and_ignores_what_is_not_a_name() {
        let pointer = Pointer {
            names: vec![Name::new("sled", 2, 9), Name::new("sled", 1, 4)],
            aside: vec![Name::new("sled", 2, 8)],
        };
        let text = format!("{}../../etc\n!/tmp\n", pointer.encode());
        assert_eq!(Pointer::decode(&text), pointer);
    }
}
