//! Secrets and nonces.

/// `BYTES` random bytes as hexadecimal digits.
///
/// # Errors
///
/// When the system has no randomness to give.
pub(crate) fn hex<const BYTES: usize>() -> Result<String, NoRandomness> {
    let mut bytes = [0; BYTES];
    getrandom::fill(&mut bytes).map_err(|_| NoRandomness)?;
    let mut text = String::with_capacity(2 * BYTES);
    for byte in bytes {
        for digit in [byte >> 4, byte & 15] {
            text.push(char::from_digit(u32::from(digit), 16).unwrap_or('0'));
        }
    }
    Ok(text)
}

/// The system has no randomness to give.
#[derive(Debug, thiserror::Error)]
#[error("the system has no randomness to give")]
pub(crate) struct NoRandomness;
