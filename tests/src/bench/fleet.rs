//! Many vans at one hub.

use super::{Figure, Scale};

/// Measures nothing yet.
///
/// # Errors
/// A program failed.
pub fn measure(_: Scale) -> anyhow::Result<Vec<Figure>> {
    Ok(Vec::new())
}
