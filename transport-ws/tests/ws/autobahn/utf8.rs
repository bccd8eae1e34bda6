use super::Case;
use super::case::fragments;
use crate::support::{LAST_PART, PART, TEXT, TEXT_PART, frame};

/// A Greek word.
const WORD: &[u8] = b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5";

/// Groups 6.1 to 6.4.
pub(super) fn fragmented() -> Vec<Case> {
    let (first, second) = ("Hello-µ@ßöä".as_bytes(), "üàá-UTF-8!!".as_bytes());
    let mixed = &[first, second].concat();
    let surrogate = &[WORD, b"\xed\xa0\x80", b"edited"].concat();
    let empty =
        |middle| [frame(TEXT_PART, b""), frame(PART, middle), frame(LAST_PART, b"")].concat();
    // Over U+10FFFF: wrong from the second byte behind the word on. The rest of the message never comes.
    let too_high = &[WORD, b"\xf4\x90\x80\x80"].concat();
    let whole = &frame(TEXT, &[too_high, &b"edited"[..]].concat());
    let head = whole.len() - too_high.len() - b"edited".len();
    vec![
        Case::new("6.1.1").send(frame(TEXT, b"")).read(TEXT, b""),
        Case::new("6.1.2").send(empty(b"")).read(TEXT, b""),
        Case::new("6.1.3").send(empty(b"middle frame payload")).read(TEXT, b"middle frame payload"),
        Case::new("6.2.1").send(frame(TEXT, mixed)).read(TEXT, &**mixed),
        Case::new("6.2.2")
            .send([frame(TEXT_PART, first), frame(LAST_PART, second)].concat())
            .read(TEXT, &**mixed),
        Case::new("6.2.3").send(fragments(TEXT, mixed, 1).concat()).read(TEXT, &**mixed),
        Case::new("6.2.4").send(fragments(TEXT, WORD, 1).concat()).read(TEXT, WORD),
        Case::new("6.3.1").send(frame(TEXT, surrogate)).ends(1007),
        Case::new("6.3.2").send(fragments(TEXT, surrogate, 1).concat()).ends(1007),
        Case::new("6.4.1")
            .send(frame(TEXT_PART, WORD))
            .send(frame(PART, &too_high[WORD.len()..]))
            .ends(1007),
        Case::new("6.4.2")
            .send(frame(TEXT_PART, &too_high[..=WORD.len()]))
            .send(frame(PART, b"\x90"))
            .ends(1007),
        Case::new("6.4.3")
            .send(&whole[..head + WORD.len()])
            .send(&whole[head + WORD.len()..head + too_high.len()])
            .ends(1007),
        Case::new("6.4.4")
            .send(&whole[..=head + WORD.len()])
            .send(&whole[head + WORD.len() + 1..][..1])
            .ends(1007),
    ]
}

/// Groups 6.5 to 6.23: the sequences of Markus Kuhn's stress test for decoders, one a message.
pub(super) fn sequences() -> Vec<Case> {
    let mut cases = Vec::new();
    for (number, rows) in (5..).zip(groups()) {
        for (row, (is, bytes)) in (1..).zip(rows) {
            let case = Case::new(format!("6.{number}.{row}")).send(frame(TEXT, &bytes));
            cases.push(match is {
                Is::Text => case.read(TEXT, bytes),
                Is::Wrong => case.ends(1007),
            });
        }
    }
    cases
}

/// Whether a sequence is text.
#[derive(Clone, Copy)]
enum Is {
    Text,
    Wrong,
}

type Rows = Vec<(Is, Vec<u8>)>;

fn text(rows: &[&[u8]]) -> Rows {
    rows.iter().map(|bytes| (Is::Text, bytes.to_vec())).collect()
}

fn wrong(rows: &[&[u8]]) -> Rows {
    rows.iter().map(|bytes| (Is::Wrong, bytes.to_vec())).collect()
}

fn groups() -> [Rows; 19] {
    let cut_off: [&[u8]; 10] = [
        b"\xc0",
        b"\xe0\x80",
        b"\xf0\x80\x80",
        b"\xf8\x80\x80\x80",
        b"\xfc\x80\x80\x80\x80",
        b"\xdf",
        b"\xef\xbf",
        b"\xf7\xbf\xbf",
        b"\xfb\xbf\xbf\xbf",
        b"\xfd\xbf\xbf\xbf\xbf",
    ];
    [
        // Text.
        text(&[
            b"hello\x24world",
            b"hello\xc2\xa2world",
            b"hello\xe2\x82\xacworld",
            b"hello\xf0\xa4\xad\xa2world",
            WORD,
        ]),
        // Every prefix of a word.
        prefixes(),
        // The first of each length, and of lengths that are none.
        text(&[b"\x00", b"\xc2\x80", b"\xe0\xa0\x80", b"\xf0\x90\x80\x80"]),
        wrong(&[b"\xf8\x88\x80\x80\x80", b"\xfc\x84\x80\x80\x80\x80"]),
        // The last of each length, and beyond.
        text(&[b"\x7f", b"\xdf\xbf", b"\xef\xbf\xbf", b"\xf4\x8f\xbf\xbf"]),
        wrong(&[b"\xf7\xbf\xbf\xbf", b"\xfb\xbf\xbf\xbf\xbf", b"\xfd\xbf\xbf\xbf\xbf\xbf"]),
        // Around the surrogates, and the end.
        [
            text(&[b"\xed\x9f\xbf", b"\xee\x80\x80", b"\xef\xbf\xbd", b"\xf4\x8f\xbf\xbf"]),
            wrong(&[b"\xf4\x90\x80\x80"]),
        ]
        .concat(),
        // Continuations of nothing.
        wrong(&[
            b"\x80",
            b"\xbf",
            b"\x80\xbf",
            b"\x80\xbf\x80",
            b"\x80\xbf\x80\xbf",
            b"\x80\xbf\x80\xbf\x80",
            b"\x80\xbf\x80\xbf\x80\xbf",
            &(0x80..0xbf).collect::<Vec<u8>>(),
        ]),
        // First bytes, each before a space.
        [0xc0..0xdf, 0xe0..0xef, 0xf0..0xf7, 0xf8..0xfb, 0xfc..0xfd_u8]
            .map(|first| (Is::Wrong, first.flat_map(|byte| [byte, b' ']).collect()))
            .to_vec(),
        // The last byte is missing, in each alone and in all of them in a row.
        wrong(&cut_off),
        wrong(&[&cut_off.concat()]),
        // Bytes that occur nowhere.
        wrong(&[b"\xfe", b"\xff", b"\xfe\xfe\xff\xff"]),
        // Overlong: a slash, the longest of each length, and NUL.
        wrong(&[
            b"\xc0\xaf",
            b"\xe0\x80\xaf",
            b"\xf0\x80\x80\xaf",
            b"\xf8\x80\x80\x80\xaf",
            b"\xfc\x80\x80\x80\x80\xaf",
        ]),
        wrong(&[
            b"\xc1\xbf",
            b"\xe0\x9f\xbf",
            b"\xf0\x8f\xbf\xbf",
            b"\xf8\x87\xbf\xbf\xbf",
            b"\xfc\x83\xbf\xbf\xbf\xbf",
        ]),
        wrong(&[
            b"\xc0\x80",
            b"\xe0\x80\x80",
            b"\xf0\x80\x80\x80",
            b"\xf8\x80\x80\x80\x80",
            b"\xfc\x80\x80\x80\x80\x80",
        ]),
        // Surrogates, alone and in pairs.
        wrong(&[
            b"\xed\xa0\x80",
            b"\xed\xad\xbf",
            b"\xed\xae\x80",
            b"\xed\xaf\xbf",
            b"\xed\xb0\x80",
            b"\xed\xbe\x80",
            b"\xed\xbf\xbf",
        ]),
        wrong(&[
            b"\xed\xa0\x80\xed\xb0\x80",
            b"\xed\xa0\x80\xed\xbf\xbf",
            b"\xed\xad\xbf\xed\xb0\x80",
            b"\xed\xad\xbf\xed\xbf\xbf",
            b"\xed\xae\x80\xed\xb0\x80",
            b"\xed\xae\x80\xed\xbf\xbf",
            b"\xed\xaf\xbf\xed\xb0\x80",
            b"\xed\xaf\xbf\xed\xbf\xbf",
        ]),
        no_characters(),
        // Specials.
        text(&[
            b"\xef\xbf\xb9",
            b"\xef\xbf\xba",
            b"\xef\xbf\xbb",
            b"\xef\xbf\xbc",
            b"\xef\xbf\xbd",
            b"\xef\xbf\xbe",
            b"\xef\xbf\xbf",
        ]),
    ]
}

fn prefixes() -> Rows {
    let whole = [2, 5, 7, 9, 11];
    let is = |length| if whole.contains(&length) { Is::Text } else { Is::Wrong };
    (1..=WORD.len()).map(|length| (is(length), WORD[..length].to_vec())).collect()
}

/// The last two code points of every plane: no characters, but text.
fn no_characters() -> Rows {
    let mut rows = text(&[b"\xef\xbf\xbe", b"\xef\xbf\xbf"]);
    for plane in 1_u32..=16 {
        for last in [0xfffe, 0xffff] {
            let code_point = char::from_u32(plane << 16 | last).unwrap();
            rows.push((Is::Text, code_point.to_string().into_bytes()));
        }
    }
    rows
}
