//! How errors travel, and what becomes of them.

use std::error::Error;

use reactive::{Failure, Graph, Interrupt, safe};

#[derive(Debug, thiserror::Error)]
#[error("cannot load")]
struct Load(#[source] std::num::ParseIntError);

#[test]
fn an_error_is_carried_up_through_calcs_as_itself() {
    let graph = Graph::new(());
    let cx = graph.cx();
    let low = cx.calc(|_| Ok("x".parse::<i32>().map_err(Load)?));
    let high = cx.calc(move |cx| Ok(low.get(cx)? + 1));
    let error = high.get(&cx).unwrap_err();
    let failure = error.failure().unwrap();
    assert_eq!(failure.to_string(), "cannot load");
    assert!(failure.downcast_ref::<Load>().is_some());
    assert!(failure.source().unwrap().to_string().contains("invalid digit"));
    assert!(!failure.is_panic() && !failure.is_safe());
}

#[test]
fn a_safe_error_stays_safe_on_its_way() {
    let graph = Graph::new(());
    let cx = graph.cx();
    let low = cx.calc(|_| Err::<(), _>(safe("no such table").into()));
    let high = cx.calc(move |cx| low.get(cx));
    assert!(high.get(&cx).unwrap_err().failure().unwrap().is_safe());
}

#[test]
fn a_clone_of_a_failure_is_the_same_error() {
    let failure = Failure::new(Load("x".parse::<i32>().unwrap_err()));
    let clone = failure.clone();
    let (a, b) = (failure.downcast_ref::<Load>().unwrap(), clone.downcast_ref::<Load>().unwrap());
    assert!(std::ptr::eq(a, b));
    assert!(a.source().is_some());
}

#[test]
fn interrupts_read_as_plain_words() {
    let said = |interrupt: Interrupt| interrupt.to_string();
    assert_eq!(said(Interrupt::Silent), "nothing to show yet");
    assert_eq!(said(Interrupt::Cancel), "cancelled");
    assert_eq!(said(Interrupt::InProgress), "in progress");
    assert_eq!(said(Failure::msg("odd").into()), "odd");
}
