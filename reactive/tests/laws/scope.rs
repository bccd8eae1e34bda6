//! Laws of scopes and of destroying (group I, as far as it is the graph's).

use std::sync::Arc;

use reactive::{Counts, Cx, Graph, Interrupt, Scope, Value};

use crate::support::{Log, Runs, counted, named, outcomes, settle};

/// Logs a name when the scope of the view is destroyed.
fn on_destroy(cx: &Cx<'_>, log: &Log, name: &'static str) {
    let log = log.clone();
    cx.on_destroy(move |_| {
        log.push(name);
        Ok(())
    });
}

fn inside<'g>(cx: &Cx<'g>) -> Cx<'g> {
    cx.in_scope(cx.child_scope()).unwrap()
}

// spec: I1
#[test]
fn callbacks_run_in_the_order_of_their_registration() {
    let graph = Graph::new(());
    let cx = inside(&graph.cx());
    let log = Log::default();
    for name in ["a", "b", "c"] {
        on_destroy(&cx, &log, name);
    }
    assert!(cx.scope().destroy(&cx).is_empty());
    assert_eq!(log.take(), "a b c");
}

// spec: I2
#[test]
fn a_second_destroy_does_nothing() {
    let graph = Graph::new(());
    let cx = inside(&graph.cx());
    let log = Log::default();
    on_destroy(&cx, &log, "once");
    cx.scope().destroy(&cx);
    cx.scope().destroy(&cx);
    assert_eq!(log.take(), "once");
    assert!(!cx.scope().is_alive(&cx));
}

// spec: I3
#[test]
fn a_callback_registered_on_the_root_after_its_destroy_fires_at_the_next() {
    let graph = Graph::new(());
    let cx = graph.cx();
    let log = Log::default();
    cx.scope().destroy(&cx);
    on_destroy(&cx, &log, "next");
    cx.scope().destroy(&cx);
    cx.scope().destroy(&cx);
    assert_eq!(log.take(), "next");
}

// spec: I4
#[test]
fn a_callback_that_fails_or_panics_is_reported_and_the_rest_goes_on() {
    let graph = Graph::new(());
    let root = graph.cx();
    let cx = inside(&root);
    let v = cx.value(1);
    let log = Log::default();
    cx.on_destroy(|_| Err(std::io::Error::other("disk").into()));
    cx.on_destroy(|_| panic!("oh"));
    on_destroy(&cx, &log, "last");
    let failures = cx.scope().destroy(&root);
    let failures: Vec<_> = failures.iter().map(ToString::to_string).collect();
    assert_eq!(failures, ["disk", "oh"]);
    assert_eq!(log.take(), "last");
    assert!(v.get(&root).is_err());
}

// spec: I5, I6
#[test]
fn deeper_scopes_go_before_shallower_ones_across_branches_and_the_destroyed_one_last() {
    let graph = Graph::new(());
    let log = Log::default();
    let p = inside(&graph.cx());
    let a = inside(&p);
    let b = inside(&p);
    let b_c = inside(&b);
    let b_c_d = inside(&b_c);
    let a_e = inside(&a);
    for (cx, name) in [(p, "p"), (a, "a"), (b, "b"), (b_c, "bc"), (b_c_d, "bcd"), (a_e, "ae")] {
        on_destroy(&cx, &log, name);
    }
    p.scope().destroy(&p);
    let order = log.take();
    assert!(order.starts_with("bcd "), "{order}");
    assert!(order.ends_with(" a b p"), "{order}");
    assert_eq!(order.split(' ').count(), 6);
}

// spec: I7
#[test]
fn the_root_goes_after_all_that_is_in_it() {
    let graph = Graph::new(());
    let cx = graph.cx();
    let log = Log::default();
    on_destroy(&cx, &log, "root");
    on_destroy(&inside(&cx), &log, "module");
    cx.scope().destroy(&cx);
    assert_eq!(log.take(), "module root");
}

// spec: I8, I9
#[test]
fn parents_and_siblings_stay() {
    let graph = Graph::new(());
    let log = Log::default();
    let p = inside(&graph.cx());
    let (a, b) = (inside(&p), inside(&p));
    let b_child = inside(&b);
    let (in_p, in_a, in_b) = (p.value(1), a.value(1), b_child.value(1));
    for (cx, name) in [(p, "p"), (a, "a"), (b, "b"), (b_child, "bc")] {
        on_destroy(&cx, &log, name);
    }
    a.scope().destroy(&p);
    assert_eq!(log.take(), "a");
    assert!(in_a.get(&p).is_err());
    assert!(in_p.get(&p).is_ok() && in_b.get(&p).is_ok());
    b.scope().destroy(&p);
    assert_eq!(log.take(), "bc b");
}

// spec: I15
#[test]
fn callbacks_find_everything_still_readable_descendants_included() {
    let graph = Graph::new(());
    let log = Log::default();
    let p = inside(&graph.cx());
    let child = inside(&p);
    let (v, calc) = (child.value(3), child.calc(|_| Ok(4)));
    let told = log.clone();
    p.on_destroy(move |cx| {
        told.push(v.get(cx)? + calc.get(cx)?);
        assert!(!cx.is_tracking());
        Ok(())
    });
    assert!(p.scope().destroy(&p).is_empty());
    assert_eq!(log.take(), "7");
}

// spec: I18, I19, A19
#[test]
fn a_value_belongs_to_the_scope_it_was_made_in_not_to_those_who_write_it() {
    let graph = Graph::new(());
    let root = graph.cx();
    let module = inside(&root);
    let callers = root.value(0);
    let own = module.value(1);
    module.effect(move |cx| callers.set(cx, 7).map(|_| ()));
    settle(&graph);
    module.scope().destroy(&root);
    assert_eq!(callers.get(&root).unwrap(), 7);
    assert!(!own.is_set(&root));
    assert!(matches!(own.get(&root), Err(Interrupt::Destroyed(_))));
}

// spec: I26
#[test]
fn what_is_queued_of_a_scope_destroyed_during_a_flush_does_not_run_and_the_rest_does() {
    let graph = Graph::new(());
    let root = graph.cx();
    let module = inside(&root);
    let log = Log::default();
    let scope = module.scope();
    named(&root, &log, "destroyer", move |cx| {
        scope.destroy(cx);
        Ok(())
    });
    named(&module, &log, "module", |_| Ok(()));
    named(&root, &log, "parent", |_| Ok(()));
    settle(&graph);
    assert_eq!(log.take(), "destroyer parent");
}

// spec: I27, I28
#[test]
fn readers_outside_run_again_in_the_same_flush_and_find_it_destroyed() {
    let graph = Graph::new(());
    let root = graph.cx();
    let module = inside(&root);
    let v = module.value(1);
    let calc = module.calc(move |cx| v.get(cx));
    let outside = root.calc(move |cx| calc.get(cx));
    let scope = module.scope();
    let go = root.value(false);
    root.effect(move |cx| {
        if go.get(cx)? {
            scope.destroy(cx);
        }
        Ok(())
    });
    root.effect(move |cx| v.get(cx).map(|_| ()));
    root.effect(move |cx| outside.get(cx).map(|_| ()));
    assert_eq!(outcomes(&graph), "ok, ok, ok");
    go.set(&root, true).unwrap();
    let outcomes = outcomes(&graph);
    let told: Vec<_> = outcomes.split(", ").collect();
    assert_eq!(told.len(), 3);
    assert!(told[1].starts_with("value made at") && told[2].starts_with("calc made at"));
    assert_eq!(graph.counts().edges, 2, "what is left is how the outer ones depend");
}

// spec: I30
#[test]
fn a_scope_made_anew_shares_nothing_with_the_one_before() {
    let graph = Graph::new(());
    let root = graph.cx();
    let log = Log::default();
    let before = inside(&root);
    let old = before.value(1);
    on_destroy(&before, &log, "old");
    before.scope().destroy(&root);
    let after = inside(&root);
    let new = after.value(2);
    assert_ne!(before.scope(), after.scope());
    assert_ne!(old, new);
    assert!(old.get(&root).is_err());
    assert_eq!(new.get(&root).unwrap(), 2);
    after.scope().destroy(&root);
    assert_eq!(log.take(), "old");
}

// spec: I33
#[test]
fn destroy_called_from_an_own_callback_runs_nothing_twice_and_the_outer_one_goes_on() {
    let graph = Graph::new(());
    let root = graph.cx();
    let cx = inside(&root);
    let log = Log::default();
    on_destroy(&cx, &log, "first");
    let told = log.clone();
    cx.on_destroy(move |cx| {
        told.push("again");
        assert!(cx.scope().destroy(cx).is_empty());
        assert!(cx.scope().is_alive(cx));
        Ok(())
    });
    on_destroy(&cx, &log, "last");
    assert!(cx.scope().destroy(&root).is_empty());
    assert_eq!(log.take(), "first again last");
    assert!(!cx.scope().is_alive(&root));
}

// spec: I33
#[test]
fn destroying_the_parent_from_a_childs_callback_runs_every_callback_once() {
    let graph = Graph::new(());
    let root = graph.cx();
    let parent = inside(&root);
    let child = inside(&parent);
    let log = Log::default();
    let outer = parent.scope();
    let v = child.value(1);
    child.on_destroy(move |cx| {
        outer.destroy(cx);
        Ok(())
    });
    let told = log.clone();
    child.on_destroy(move |cx| {
        told.push(format!("child{}", v.get(cx)?));
        Ok(())
    });
    on_destroy(&parent, &log, "parent");
    assert!(child.scope().destroy(&root).is_empty());
    assert_eq!(log.take(), "child1 parent");
    assert_eq!(graph.counts(), Graph::new(()).counts());
}

// spec: I34
#[test]
fn a_callback_registered_during_destroy_still_runs_unless_its_scope_has_had_its_turn() {
    let graph = Graph::new(());
    let root = graph.cx();
    let parent = inside(&root);
    let child = inside(&parent);
    let log = Log::default();
    let (outer, inner) = (parent.scope(), child.scope());
    let told = log.clone();
    child.on_destroy(move |cx| {
        for scope in [outer, inner] {
            let told = told.clone();
            scope.on_destroy(cx, move |cx| {
                told.push(if cx.scope() == outer { "on parent" } else { "on child" });
                Ok(())
            });
        }
        Ok(())
    });
    parent.scope().destroy(&root);
    assert_eq!(log.take(), "on parent");
    assert_eq!(graph.counts().callbacks, 0);
}

#[test]
fn what_a_callback_makes_in_a_scope_that_is_being_destroyed_goes_with_it() {
    let graph = Graph::new(());
    let root = graph.cx();
    let scope = root.child_scope();
    let log = Log::default();
    let told = log.clone();
    scope.on_destroy(&root, move |cx| {
        let late = inside(cx);
        late.value(1);
        on_destroy(&late, &told, "late");
        late.effect(|_| panic!("it never runs"));
        Ok(())
    });
    assert!(scope.destroy(&root).is_empty());
    assert_eq!(log.take(), "late");
    assert_eq!(graph.counts(), Graph::new(()).counts());
    assert_eq!(settle(&graph), 0);
}

// spec: I38
#[test]
fn destroying_the_root_empties_it_and_it_can_be_used_again() {
    let graph = Graph::new(());
    let cx = graph.cx();
    let v = cx.value(1);
    let (runs, _) = counted(&inside(&cx), move |cx| v.get(cx).map(|_| ()));
    settle(&graph);
    cx.scope().destroy(&cx);
    assert_eq!(graph.counts(), Graph::new(()).counts());
    assert!(matches!(v.get(&cx), Err(Interrupt::Destroyed(_))));
    assert!(cx.scope().is_alive(&cx));
    let again = cx.value(2);
    assert_eq!(again.get(&cx).unwrap(), 2);
    assert_eq!(settle(&graph), 0);
    assert_eq!(runs.count(), 1);
}

// spec: I41, H12
#[test]
fn counts_return_to_what_they_were_and_nothing_of_a_scope_stays_in_memory() {
    let graph = Graph::new(());
    let root = graph.cx();
    let outer = root.value(1);
    root.effect(move |cx| outer.get(cx).map(|_| ()));
    settle(&graph);
    let before = graph.counts();
    let held = Arc::new(());
    for _ in 0..100 {
        let cx = inside(&root);
        let v = cx.value(Arc::clone(&held));
        let calc = cx.calc(move |cx| {
            outer.get(cx)?;
            v.get(cx)
        });
        let effect = cx.effect(move |cx| calc.with(cx, |_| ()));
        let in_hook = Arc::clone(&held);
        effect.on_invalidate(&cx, move |_| {
            let _ = &in_hook;
            Ok(())
        });
        let in_callback = Arc::clone(&held);
        cx.on_destroy(move |_| {
            drop(in_callback);
            Ok(())
        });
        inside(&cx).value(Arc::clone(&held));
        settle(&graph);
        cx.scope().destroy(&root);
    }
    assert_eq!(graph.counts(), before);
    assert_eq!(Arc::strong_count(&held), 1);
    assert_eq!(settle(&graph), 0);
}

// spec: I42
#[test]
fn an_effect_of_a_destroyed_scope_stands_still_while_that_of_a_sibling_goes_on() {
    let graph = Graph::new(());
    let root = graph.cx();
    let tick = root.value(0);
    let (a, b) = (inside(&root), inside(&root));
    let (a_runs, _) = counted(&a, move |cx| tick.get(cx).map(|_| ()));
    let (b_runs, _) = counted(&b, move |cx| tick.get(cx).map(|_| ()));
    settle(&graph);
    tick.set(&root, 1).unwrap();
    settle(&graph);
    a.scope().destroy(&root);
    tick.set(&root, 2).unwrap();
    settle(&graph);
    assert_eq!((a_runs.count(), b_runs.count()), (2, 3));
}

#[test]
fn a_slot_is_used_again_and_its_old_keys_stay_dead() {
    let graph = Graph::new(());
    let root = graph.cx();
    let mut old: Vec<(Scope, Value<i32>)> = Vec::new();
    for n in 0..1000 {
        let cx = inside(&root);
        let v = cx.value(n);
        for (scope, v) in &old {
            assert!(!scope.is_alive(&cx));
            assert!(v.get(&cx).is_err());
        }
        assert_eq!(v.get(&cx).unwrap(), n);
        if n % 100 == 0 {
            old.push((cx.scope(), v));
        }
        cx.scope().destroy(&root);
    }
    assert!(matches!(root.in_scope(old[0].0), Err(Interrupt::Destroyed(_))));
}

#[test]
fn what_is_made_in_a_scope_that_is_no_more_is_destroyed_from_the_start() {
    let graph = Graph::new(());
    let root = graph.cx();
    let cx = inside(&root);
    cx.scope().destroy(&root);
    let before: Counts = graph.counts();
    let held = Arc::new(());
    let v = cx.value(Arc::clone(&held));
    let calc = cx.calc(|_| Ok(1));
    let (runs, effect) = counted(&cx, |_| Ok(()));
    effect.on_invalidate(&cx, |_| Ok(()));
    effect.suspend(&cx);
    effect.resume(&cx);
    let callback = cx.on_destroy(|_| Ok(()));
    let child = cx.child_scope();
    assert!(matches!(v.get(&cx), Err(Interrupt::Destroyed(_))));
    assert!(matches!(calc.get(&cx), Err(Interrupt::Destroyed(_))));
    assert!(!effect.is_alive(&cx) && !child.is_alive(&cx) && !callback.cancel(&cx));
    assert_eq!((settle(&graph), runs.count()), (0, 0));
    assert_eq!(graph.counts(), before);
    assert_eq!(Arc::strong_count(&held), 1);
}

#[test]
fn a_callback_called_off_does_not_run() {
    let graph = Graph::new(());
    let root = graph.cx();
    let cx = inside(&root);
    let log = Log::default();
    on_destroy(&cx, &log, "a");
    let told = log.clone();
    let called_off = cx.on_destroy(move |_| {
        told.push("b");
        Ok(())
    });
    on_destroy(&cx, &log, "c");
    assert!(called_off.cancel(&root));
    assert!(!called_off.cancel(&root));
    cx.scope().destroy(&root);
    assert_eq!(log.take(), "a c");
}

#[test]
fn a_scope_knows_the_one_around_it() {
    let graph = Graph::new(());
    let root = graph.cx();
    let cx = inside(&root);
    assert_eq!(cx.scope().parent(&root), Some(root.scope()));
    assert_eq!(root.scope().parent(&root), None);
}

#[test]
fn destroying_what_a_running_calc_has_read_and_is_made_in_ends_well() {
    let graph = Graph::new(());
    let root = graph.cx();
    let module = inside(&root);
    let v = module.value(1);
    let calc = module.calc(move |cx| {
        v.get(cx)?;
        cx.scope().destroy(cx);
        Ok(Arc::new(5))
    });
    let runs = Runs::default();
    let counter = runs.clone();
    root.effect(move |cx| {
        counter.add();
        calc.get(cx).map(|_| ())
    });
    let outcomes = outcomes(&graph);
    assert!(outcomes.contains("was destroyed"), "{outcomes}");
    assert_eq!(graph.counts().calcs, 0);
    assert!(runs.count() <= 2);
}

#[test]
fn what_is_alive_is_counted_by_scope() {
    let graph = Graph::new(());
    let root = graph.cx();
    let of_root = root.value(1);
    let outer = inside(&root);
    let inner = inside(&outer);
    let double = outer.calc(move |cx| Ok(of_root.get(cx)? * 2));
    let log = Log::default();
    on_destroy(&outer, &log, "outer");
    let effect = inner.effect(move |cx| double.get(cx).map(drop));
    effect.on_invalidate(&inner, |_| Ok(()));
    settle(&graph);

    let counts = |scope: Scope| {
        let Counts { values, calcs, effects, scopes, edges, callbacks, .. } =
            graph.counts_in(scope);
        [values, calcs, effects, scopes, edges, callbacks]
    };
    let (outer, inner) = (outer.scope(), inner.scope());
    assert_eq!(counts(root.scope()), [1, 0, 0, 1, 0, 0]);
    assert_eq!(counts(outer), [0, 1, 0, 1, 1, 1]);
    assert_eq!(counts(inner), [0, 0, 1, 1, 1, 1]);

    inner.destroy(&root);
    assert_eq!(counts(inner), [0; 6]);
    assert_eq!(counts(outer), [0, 1, 0, 1, 1, 1]);
    outer.destroy(&root);
    assert_eq!(counts(outer), [0; 6]);
    assert_eq!(counts(root.scope()), [1, 0, 0, 1, 0, 0]);
}

#[test]
fn a_destroy_that_was_overtaken_by_that_of_the_parent_leaves_alone_what_took_its_place() {
    let graph = Graph::new(());
    let root = graph.cx();
    let parent = inside(&root);
    let child = inside(&parent);
    let outer = parent.scope();
    let made = root.value_unset();
    child.on_destroy(move |cx| {
        outer.destroy(cx);
        let root = cx.graph().cx();
        let tenants = [inside(&root), inside(&root)].map(|tenant| tenant.value(7));
        made.replace(&root, tenants)?;
        Ok(())
    });
    assert!(child.scope().destroy(&root).is_empty());
    for tenant in made.get(&root).unwrap() {
        assert_eq!(tenant.get(&root).unwrap(), 7);
    }
    assert_eq!(graph.counts().scopes, 3);
}

#[test]
fn a_scope_that_is_gone_counts_nothing_whoever_has_its_place() {
    let graph = Graph::new(());
    let root = graph.cx();
    let before = root.child_scope();
    before.destroy(&root);
    let tenant = inside(&root);
    tenant.value(1);
    tenant.effect(|_| Ok(()));
    assert_eq!(graph.counts_in(before), Counts::default());
    let counts = graph.counts_in(tenant.scope());
    assert_eq!((counts.scopes, counts.values, counts.effects), (1, 1, 1));
}
