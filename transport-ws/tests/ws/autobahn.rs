//! The core cases of the Autobahn test suite, under its own numbers: frames in, answers and close code out.
//!
//! | module | groups |
//! |---|---|
//! | `case` | what a case is, and how it is played |
//! | `basic` | 1 framing, 2 pings and pongs, 3 reserved bits, 4 opcodes, 5 and 10 fragments |
//! | `utf8` | 6 text |
//! | `closing` | 7 close frames |
//! | `limits` | 9 long messages, and many of them |
//!
//! The original waits where nothing may come and is lenient where it allows two answers; here an answer is
//! awaited wherever one must come, and of two allowed ones the row names ours. Groups 12 and 13 are about
//! compression, which is declined.

mod basic;
mod case;
mod closing;
mod limits;
mod utf8;

use case::{Case, play};

#[tokio::test]
async fn payloads_of_every_kind_of_length_come_back() {
    play(basic::framing(), 16).await;
}

#[tokio::test]
async fn pings_are_answered_and_pongs_are_not() {
    play(basic::pings(), 11).await;
}

#[tokio::test]
async fn a_reserved_bit_fails_the_link_after_what_came_before_it() {
    play(basic::reserved_bits(), 7).await;
}

#[tokio::test]
async fn a_reserved_opcode_fails_the_link_after_what_came_before_it() {
    play(basic::opcodes(), 10).await;
}

#[tokio::test]
async fn fragments_make_a_message_and_nothing_else_does() {
    play(basic::fragments(), 20).await;
}

#[tokio::test]
async fn a_text_that_is_not_one_fails_the_link_at_once() {
    play(utf8::fragmented(), 13).await;
}

#[tokio::test]
async fn every_sequence_of_the_utf_8_stress_test_is_told_right_from_wrong() {
    play(utf8::sequences(), 132).await;
}

#[tokio::test]
async fn a_close_is_answered_once_and_a_wrong_one_is_refused() {
    play(closing::closing(), 37).await;
}

#[tokio::test]
async fn a_long_message_comes_back_however_it_is_cut() {
    play(limits::sizes(), 38).await;
}

#[tokio::test]
async fn a_thousand_messages_come_back_one_after_the_other() {
    play(limits::round_trips(), 12).await;
}

#[tokio::test]
async fn a_message_in_automatic_fragments_comes_back() {
    play(basic::automatic_fragments(), 1).await;
}
