//! The frame layer of RFC 6455: bytes in, messages out, and the other way round.
//!
//! | file | what |
//! |---|---|
//! | `decode` | pushes bytes through a state machine; gives messages and control frames |
//! | `encode` | heads and close bodies |
//! | `mask` | the XOR of section 5.3 |
//!
//! No I/O and no clock here. Why a frame layer of our own: see `link`.

mod decode;
mod encode;
mod mask;

pub(crate) use decode::{Decoder, Event};
pub(crate) use encode::{put_close, put_frame, put_head};
pub(crate) use mask::Masks;

/// The longest payload of a control frame (RFC 6455, 5.5).
pub(crate) const MAX_CONTROL: usize = 125;

/// Which end of a connection this is: a client masks what it sends, a server does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Client,
    Server,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Opcode {
    Continuation,
    Text,
    Binary,
    Close,
    Ping,
    Pong,
}

impl Opcode {
    const fn new(bits: u8) -> Option<Self> {
        Some(match bits {
            0 => Self::Continuation,
            1 => Self::Text,
            2 => Self::Binary,
            8 => Self::Close,
            9 => Self::Ping,
            10 => Self::Pong,
            _ => return None,
        })
    }

    const fn bits(self) -> u8 {
        match self {
            Self::Continuation => 0,
            Self::Text => 1,
            Self::Binary => 2,
            Self::Close => 8,
            Self::Ping => 9,
            Self::Pong => 10,
        }
    }

    const fn is_control(self) -> bool {
        self.bits() >= 8
    }
}
