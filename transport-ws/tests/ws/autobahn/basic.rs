use super::Case;
use super::case::fragments as cut;
use crate::support::{BINARY, LAST_PART, PART, PING, PONG, TEXT, TEXT_PART, frame};

const HELLO: &[u8] = b"Hello, world!";
const NOT_TEXT: &[u8] = b"\x00\xff\xfe\xfd\xfc\xfb\x00\xff";

/// Group 1.
pub(super) fn framing() -> Vec<Case> {
    let kinds = [(1, TEXT, b'*'), (2, BINARY, 0xfe)];
    let rows = [
        (1, 0, None),
        (2, 125, None),
        (3, 126, None),
        (4, 127, None),
        (5, 128, None),
        (6, 65_535, None),
        (7, 65_536, None),
        (8, 65_536, Some(997)),
    ];
    let case = |(kind, first, byte): (u32, u8, u8),
                (row, length, chop): (u32, usize, Option<usize>)| {
        let payload = vec![byte; length];
        let case = Case::new(format!("1.{kind}.{row}"));
        let bytes = frame(first, &payload);
        case.chopped(chop.unwrap_or(bytes.len()), &bytes).read(first, payload)
    };
    kinds.iter().flat_map(|&kind| rows.map(|row| case(kind, row))).collect()
}

/// Group 2.
pub(super) fn pings() -> Vec<Case> {
    let unsolicited = frame(PONG, b"unsolicited pong payload");
    let payloads: Vec<_> = (0..10).map(|n| format!("payload-{n}")).collect();
    let burst: Vec<u8> = payloads.iter().flat_map(|text| frame(PING, text.as_bytes())).collect();
    // The standard asks for an answer to the last of a burst only; a burst of ten gets all of them.
    let answered = |case| payloads.iter().fold(case, |case: Case, text| case.read(PONG, &**text));
    vec![
        Case::new("2.1").send(frame(PING, b"")).read(PONG, b""),
        Case::new("2.2").send(frame(PING, HELLO)).read(PONG, HELLO),
        Case::new("2.3").send(frame(PING, NOT_TEXT)).read(PONG, NOT_TEXT),
        Case::new("2.4").send(frame(PING, &[0xfe; 125])).read(PONG, [0xfe; 125]),
        Case::new("2.5").send(frame(PING, &[0xfe; 126])).ends(1002),
        Case::new("2.6").chopped(1, &frame(PING, &[0xfe; 125])).read(PONG, [0xfe; 125]),
        Case::new("2.7").send(frame(PONG, b"")),
        Case::new("2.8").send(unsolicited.clone()),
        Case::new("2.9")
            .send(unsolicited)
            .send(frame(PING, b"ping payload"))
            .read(PONG, b"ping payload"),
        answered(Case::new("2.10").send(burst.clone())),
        answered(Case::new("2.11").chopped(1, &burst)),
    ]
}

/// Group 3: the row's number is that of the three bits.
pub(super) fn reserved_bits() -> Vec<Case> {
    let text = |bits: u8| frame(TEXT | bits, HELLO);
    let ping = || frame(PING, b"");
    let all = |bits| [text(0), text(bits), ping()].concat();
    vec![
        Case::new("3.1").send(text(0x10)).ends(1002),
        Case::new("3.2").send(all(0x20)).read(TEXT, HELLO).ends(1002),
        Case::new("3.3").send(text(0)).send(text(0x30)).send(ping()).read(TEXT, HELLO).ends(1002),
        Case::new("3.4").chopped(1, &all(0x40)).read(TEXT, HELLO).ends(1002),
        Case::new("3.5").send(frame(BINARY | 0x50, NOT_TEXT)).ends(1002),
        Case::new("3.6").send(frame(BINARY | 0x60, HELLO)).ends(1002),
        Case::new("3.7").send(frame(0x88 | 0x70, b"")).ends(1002),
    ]
}

/// Group 4.
pub(super) fn opcodes() -> Vec<Case> {
    let behind = |opcode: u8, payload| {
        [frame(TEXT, HELLO), frame(0x80 | opcode, payload), frame(PING, b"")].concat()
    };
    let group = |kind: &str, opcodes: [u8; 5]| {
        let [first, second, third, fourth, fifth] = opcodes;
        let case = |row: u32| Case::new(format!("4.{kind}.{row}"));
        [
            case(1).send(frame(0x80 | first, b"")).ends(1002),
            case(2).send(frame(0x80 | second, b"reserved opcode payload")).ends(1002),
            case(3).send(behind(third, b"")).read(TEXT, HELLO).ends(1002),
            case(4).send(behind(fourth, HELLO)).read(TEXT, HELLO).ends(1002),
            case(5).chopped(1, &behind(fifth, HELLO)).read(TEXT, HELLO).ends(1002),
        ]
    };
    group("1", [3, 4, 5, 6, 7]).into_iter().chain(group("2", [11, 12, 13, 14, 15])).collect()
}

/// How the octets of some frames are spread over writes.
#[derive(Clone, Copy)]
enum Spread {
    AtOnce,
    Frames,
    Octets,
}

fn spread(case: Case, how: Spread, frames: &[Vec<u8>]) -> Case {
    match how {
        Spread::AtOnce => case.send(frames.concat()),
        Spread::Frames => frames.iter().cloned().fold(case, Case::send),
        Spread::Octets => case.chopped(1, &frames.concat()),
    }
}

/// Group 5.
pub(super) fn fragments() -> Vec<Case> {
    use Spread::{AtOnce, Frames, Octets};

    let one = || frame(TEXT_PART, b"fragment1");
    let two = || frame(LAST_PART, b"fragment2");
    let ping = || frame(PING, b"ping payload");
    let stray = |first| frame(first, b"non-continuation payload");
    let hello = || frame(TEXT, HELLO);
    let twice = |first| {
        [frame(first, b"fragment1"), frame(TEXT_PART, b"fragment2"), two()].concat().repeat(2)
    };
    let case = |row: u32| Case::new(format!("5.{row}"));

    let mut cases = vec![
        case(1).send([frame(PING & 0x0f, b"fragment1"), two()].concat()).ends(1002),
        case(2).send([frame(PONG & 0x0f, b"fragment1"), two()].concat()).ends(1002),
        case(15)
            .send([one(), two(), frame(PART, b"fragment3"), frame(TEXT, b"fragment4")].concat())
            .read(TEXT, b"fragment1fragment2")
            .ends(1002),
        case(16).send(twice(PART)).ends(1002),
        case(17).send(twice(LAST_PART)).ends(1002),
        case(18).send([one(), frame(TEXT, b"fragment2")].concat()).ends(1002),
        between_pings(case(19), AtOnce),
        between_pings(case(20), Frames),
    ];
    for (row, how) in (3..).zip([AtOnce, Frames, Octets]) {
        let plain = spread(case(row), how, &[one(), two()]);
        cases.push(plain.read(TEXT, b"fragment1fragment2"));
        let with_ping = spread(case(row + 3), how, &[one(), ping(), two()]);
        cases.push(with_ping.read(PONG, b"ping payload").read(TEXT, b"fragment1fragment2"));
        cases.push(spread(case(row + 6), how, &[stray(LAST_PART), hello()]).ends(1002));
        cases.push(spread(case(row + 9), how, &[stray(PART), hello()]).ends(1002));
    }
    cases
}

/// The first ping is answered before the message is whole.
fn between_pings(case: Case, how: Spread) -> Case {
    let before =
        [frame(TEXT_PART, b"fragment1"), frame(PART, b"fragment2"), frame(PING, b"pongme 1!")];
    let after = [
        frame(PART, b"fragment3"),
        frame(PART, b"fragment4"),
        frame(PING, b"pongme 2!"),
        frame(LAST_PART, b"fragment5"),
    ];
    let case = spread(case, how, &before).read(PONG, b"pongme 1!");
    let case = spread(case, how, &after).read(PONG, b"pongme 2!");
    case.read(TEXT, b"fragment1fragment2fragment3fragment4fragment5")
}

/// Group 10.
pub(super) fn automatic_fragments() -> Vec<Case> {
    let payload = [b'*'; 65_536];
    vec![Case::new("10.1.1").send(cut(TEXT, &payload, 1300).concat()).read(TEXT, payload)]
}
