//! In: a sample of length-prefixed NAL units. Out: the units, or the place where their lengths stop making sense.

use super::super::fault::Fault;

/// The units of a sample whose lengths take `prefix` bytes.
///
/// # Errors
/// [`Fault::Malformed`] where a length reaches beyond the sample.
pub(super) fn units(sample: &[u8], prefix: usize) -> Result<Vec<&[u8]>, Fault> {
    let mut units = Vec::new();
    let mut rest = sample;
    while !rest.is_empty() {
        let at = sample.len() - rest.len();
        let cut = || {
            Fault::malformed(
                format_args!("byte {at} of a sample of {}", sample.len()),
                "a NAL unit reaches beyond the sample",
            )
        };
        let (length, after) = rest.split_at_checked(prefix).ok_or_else(cut)?;
        let length = length
            .iter()
            .fold(0usize, |length, byte| length << 8 | usize::from(*byte));
        let (unit, after) = after.split_at_checked(length).ok_or_else(cut)?;
        if !unit.is_empty() {
            units.push(unit);
        }
        rest = after;
    }
    Ok(units)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_cut_at_their_lengths() {
        assert_eq!(
            units(&[0, 2, 7, 8, 0, 0, 0, 1, 9], 2).unwrap(),
            [&[7, 8][..], &[9]]
        );
        let fault = units(&[0, 2, 7, 8, 0, 9, 1], 2).unwrap_err();
        assert_eq!(
            fault.to_string(),
            "is damaged at byte 4 of a sample of 7: a NAL unit reaches beyond the sample"
        );
    }
}
