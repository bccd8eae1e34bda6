use super::Case;
use super::case::fragments;
use crate::support::{BINARY, TEXT, frame};

/// Groups 9.1 to 9.6, without the fifth and sixth rows of the first two, 8 and 16 MiB: those are the fourth
/// once more, and take their time in a build that is not optimised.
pub(super) fn sizes() -> Vec<Case> {
    let mut cases = Vec::new();
    let kinds: [(u32, u8, &[u8]); 2] =
        [(1, TEXT, b"BAsd7&jh23"), (2, BINARY, b"\x00\xfe\x23\xfa\xf0")];
    for (kind, first, unit) in kinds {
        let payload = |length| unit.iter().copied().cycle().take(length).collect::<Vec<_>>();
        for (row, length) in (1..).zip([64 << 10, 256 << 10, 1 << 20, 4 << 20]) {
            let case = Case::new(format!("9.{kind}.{row}"));
            cases.push(case.send(frame(first, &payload(length))).read(first, payload(length)));
        }
        let chops: [usize; 6] = [64, 128, 256, 512, 1024, 2048];
        for (row, chop) in (1_u32..).zip(chops) {
            let case = Case::new(format!("9.{}.{row}", kind + 4));
            let bytes = frame(first, &payload(1 << 20));
            cases.push(case.chopped(chop, &bytes).read(first, payload(1 << 20)));
        }
        let stars = vec![b'*'; 4 << 20];
        let sizes = [64, 256, 1 << 10, 4 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20, 4 << 20];
        for (row, size) in (1..).zip(sizes) {
            let case = Case::new(format!("9.{}.{row}", kind + 2));
            let bytes = fragments(first, &stars, size).concat();
            cases.push(case.send(bytes).read(first, stars.clone()));
        }
    }
    cases
}

/// Groups 9.7 and 9.8.
pub(super) fn round_trips() -> Vec<Case> {
    let mut cases = Vec::new();
    for (kind, first, byte) in [(7, TEXT, b'*'), (8, BINARY, 0xfe)] {
        for (row, length) in (1..).zip([0, 16, 64, 256, 1024, 4096]) {
            let payload = vec![byte; length];
            let case = Case::new(format!("9.{kind}.{row}"));
            cases.push((0..1000).fold(case, |case, _| {
                case.send(frame(first, &payload)).read(first, payload.clone())
            }));
        }
    }
    cases
}
