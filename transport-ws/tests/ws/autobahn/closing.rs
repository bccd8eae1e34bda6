use super::Case;
use super::case::close;
use crate::support::{CLOSE, LAST_PART, PING, TEXT, TEXT_PART, frame};

const HELLO: &[u8] = b"Hello World!";

/// Text, a surrogate, text.
const NOT_UTF_8: &[u8] = b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited";

/// Group 7.
pub(super) fn closing() -> Vec<Case> {
    let with_reason = |reason: &[u8]| frame(CLOSE, &[&1000_u16.to_be_bytes(), reason].concat());
    let long = b"BAsd7&jh23".iter().copied().cycle().take(256 << 10).collect::<Vec<_>>();
    let mut cases = vec![
        Case::new("7.1.1").send(frame(TEXT, HELLO)).read(TEXT, HELLO),
        Case::new("7.1.2").send([close(1000), frame(CLOSE, b"")].concat()).ends(1000),
        Case::new("7.1.3").send([close(1000), frame(PING, b"")].concat()).ends(1000),
        Case::new("7.1.4").send([close(1000), frame(TEXT, HELLO)].concat()).ends(1000),
        Case::new("7.1.5")
            .send(
                [frame(TEXT_PART, b"fragment1"), close(1000), frame(LAST_PART, b"fragment2")]
                    .concat(),
            )
            .ends(1000),
        // The original takes any answer; here what came before the close is answered before it.
        Case::new("7.1.6")
            .send([frame(TEXT, &long), frame(TEXT, HELLO), close(1000), frame(PING, b"")].concat())
            .read(TEXT, long)
            .read(TEXT, HELLO)
            .ends(1000),
        Case::new("7.3.1").send(frame(CLOSE, b"")).ends(None),
        Case::new("7.3.2").send(frame(CLOSE, b"a")).ends(1002),
        Case::new("7.3.3").send(close(1000)).ends(1000),
        Case::new("7.3.4").send(with_reason(HELLO)).ends(1000),
        Case::new("7.3.5").send(with_reason(&[b'*'; 123])).ends(1000),
        Case::new("7.3.6").send(with_reason(&[b'*'; 124])).ends(1002),
        // 1002 would be as good to the original.
        Case::new("7.5.1").send(with_reason(NOT_UTF_8)).ends(1007),
        // Undefined by the standard.
        Case::new("7.13.1").send(close(5000)).ends(1002),
        Case::new("7.13.2").send(close(65_535)).ends(1002),
    ];
    let valid = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999];
    for (row, code) in (1..).zip(valid) {
        cases.push(Case::new(format!("7.7.{row}")).send(close(code)).ends(code));
    }
    let invalid = [0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999];
    for (row, code) in (1..).zip(invalid) {
        cases.push(Case::new(format!("7.9.{row}")).send(close(code)).ends(1002));
    }
    cases
}
