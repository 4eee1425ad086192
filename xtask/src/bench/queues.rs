//! What several queues of a backend bring.

use super::field::{Field, Section};

/// All cases of this section.
pub(super) fn section(field: &Field) -> Section {
    let _nobody = field;
    Section::default()
}
