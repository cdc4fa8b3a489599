//! Characters that a person types into a command, or that come over standard input.

use std::io::Read as _;

use crate::host::output::Failure;

/// Bytes that are read, at most.
const TYPED_BYTES_MAX: u64 = 4_096;

/// The words given, or standard input for a hyphen alone.
///
/// # Errors
/// Standard input cannot be read as text.
pub fn text(words: &[String]) -> Result<String, Failure> {
    if words != ["-"] {
        return Ok(words.join(" "));
    }
    let mut typed = String::new();
    let read = std::io::stdin().take(TYPED_BYTES_MAX).read_to_string(&mut typed);
    read.map_err(|error| {
        Failure::new(format!("standard input cannot be read: {error}")).next("give the characters themselves")
    })?;
    Ok(typed)
}
