use session_core::link::CloseReason;

use super::{Opcode, mask};

/// Appends the head of a final frame.
pub(crate) fn put_head(out: &mut Vec<u8>, opcode: Opcode, length: usize, key: Option<[u8; 4]>) {
    let masked = if key.is_some() { 0x80 } else { 0 };
    let mut head = [0; 14];
    head[0] = 0x80 | opcode.bits();
    let mut end = match (u8::try_from(length), u16::try_from(length)) {
        (Ok(short @ 0..=125), _) => {
            head[1] = masked | short;
            2
        }
        (_, Ok(medium)) => {
            head[1] = masked | 126;
            head[2..4].copy_from_slice(&medium.to_be_bytes());
            4
        }
        _ => {
            head[1] = masked | 127;
            head[2..10].copy_from_slice(&(length as u64).to_be_bytes());
            10
        }
    };
    if let Some(key) = key {
        head[end..end + 4].copy_from_slice(&key);
        end += 4;
    }
    out.extend_from_slice(&head[..end]);
}

/// Appends a whole final frame.
pub(crate) fn put_frame(out: &mut Vec<u8>, opcode: Opcode, payload: &[u8], key: Option<[u8; 4]>) {
    put_head(out, opcode, payload.len(), key);
    let start = out.len();
    out.extend_from_slice(payload);
    if let Some(key) = key {
        mask::apply(&mut out[start..], key, 0);
    }
}

/// Appends a close frame; without a reason its body is empty.
pub(crate) fn put_close(out: &mut Vec<u8>, reason: Option<&CloseReason>, key: Option<[u8; 4]>) {
    let mut body = Vec::new();
    if let Some(reason) = reason {
        body.extend_from_slice(&reason.code().get().to_be_bytes());
        body.extend_from_slice(reason.text().as_bytes());
    }
    put_frame(out, Opcode::Close, &body, key);
}
