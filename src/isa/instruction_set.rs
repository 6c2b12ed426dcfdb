//! An instruction set as a value: found by name, capped, and told apart when the program runs.

use core::fmt;
use std::sync::OnceLock;

use super::Token;
use crate::conv::Choice;
use crate::element_type::ElementType;
use crate::error::Error;

/// The environment variable that caps the instruction set: no better one than the one it names is used.
pub const CAP_VARIABLE: &str = "CONVOLVE_ISA";

/// An instruction set that this machine has and the cap allows.
///
/// ```
/// use convolve::InstructionSet;
/// let best = InstructionSet::best()?;
/// assert!(InstructionSet::available()?.contains(&best));
/// assert_eq!(InstructionSet::find("scalar")?.lanes(convolve::ElementType::F32), 1);
/// # Ok::<(), convolve::Error>(())
/// ```
#[derive(Clone, Copy)]
pub struct InstructionSet(pub(super) Token);

impl InstructionSet {
    /// Those that this machine has and that are not above the cap, best first. Detected once and remembered.
    ///
    /// # Errors
    /// [`Error::InstructionSetUnavailable`] if `CONVOLVE_ISA` names no instruction set.
    pub fn available() -> Result<&'static [InstructionSet], Error> {
        static AVAILABLE: OnceLock<Result<Vec<InstructionSet>, Error>> = OnceLock::new();
        let remembered = AVAILABLE.get_or_init(|| {
            let cap = std::env::var_os(CAP_VARIABLE).filter(|cap| !cap.is_empty());
            // What is no text is no name either, and is refused.
            let cap = cap.map(|cap| cap.to_string_lossy().into_owned());
            capped(Token::detect_all(), cap.as_deref())
        });
        remembered.as_deref().map_err(Clone::clone)
    }

    /// The best available one.
    ///
    /// # Errors
    /// As for [`available`](InstructionSet::available).
    pub fn best() -> Result<InstructionSet, Error> {
        Ok(Self::available()?[0])
    }

    /// The available one of this name.
    ///
    /// # Errors
    /// [`Error::InstructionSetUnavailable`], with the names there are.
    pub fn find(name: &str) -> Result<InstructionSet, Error> {
        let available = Self::available()?;
        available.iter().copied().find(|isa| isa.name() == name).ok_or_else(|| unavailable(name, available))
    }

    /// `avx512`, `avx2`, `portable` or `scalar`.
    pub fn name(self) -> &'static str {
        self.0.name()
    }

    /// Elements of this type in one vector.
    pub fn lanes(self, element: ElementType) -> usize {
        self.0.lanes(element)
    }

    /// Whether multiply-add rounds once.
    pub fn is_fused(self) -> bool {
        self.0.is_fused()
    }

    /// Vector registers that micro-kernels plan with.
    pub(crate) fn registers(self) -> usize {
        self.0.registers()
    }
}

impl From<InstructionSet> for Choice {
    fn from(set: InstructionSet) -> Self {
        Choice::Only(set.name().into())
    }
}

impl PartialEq for InstructionSet {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name()
    }
}

impl Eq for InstructionSet {}

impl fmt::Debug for InstructionSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for InstructionSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Leaves out what stands above the cap. The names are in order, best first, on every machine of a kind.
fn capped(detected: Vec<InstructionSet>, cap: Option<&str>) -> Result<Vec<InstructionSet>, Error> {
    let Some(cap) = cap else { return Ok(detected) };
    let rank = |name: &str| Token::NAMES.iter().position(|known| *known == name);
    let limit = rank(cap).ok_or_else(|| unavailable(cap, &detected))?;
    Ok(detected.into_iter().filter(|isa| rank(isa.name()) >= Some(limit)).collect())
}

#[cold]
fn unavailable(got: &str, available: &[InstructionSet]) -> Error {
    Error::InstructionSetUnavailable {
        got: got.to_string(),
        available: available.iter().map(|isa| isa.name()).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cap_leaves_out_what_stands_above_it_and_refuses_unknown_names() {
        let all = Token::detect_all();
        let names = |sets: Vec<InstructionSet>| sets.iter().map(|isa| isa.name()).collect::<Vec<_>>();
        assert_eq!(names(capped(all.clone(), None).unwrap()), names(all.clone()));
        assert_eq!(names(capped(all.clone(), Some("scalar")).unwrap()), ["scalar"]);
        assert_eq!(names(capped(all.clone(), Some("portable")).unwrap()), ["portable", "scalar"]);
        assert!(matches!(
            capped(all, Some("mmx")),
            Err(Error::InstructionSetUnavailable { got, .. }) if got == "mmx"
        ));
    }
}
