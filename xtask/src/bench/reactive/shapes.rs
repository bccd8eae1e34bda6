//! The graphs that are timed.

use super::libraries::{Built, Library};

pub(super) struct Shape {
    pub(super) name: &'static str,
    /// How many calcs an update computes.
    pub(super) calcs: usize,
    kind: Kind,
    /// What the sink shows after an update, where one effect alone writes to it.
    pub(super) expected: Option<fn(u64) -> u64>,
}

enum Kind {
    /// From one source this many chains, each of this many calcs and an effect.
    Chains(usize, usize),
    /// From one source this many calcs, of which one sums up, and an effect.
    Diamond(usize),
    /// From this many sources one sum, and from that as many calcs, each with an effect.
    Mux(usize),
}

pub(super) const SHAPES: &[Shape] = &[
    Shape { name: "1x1", calcs: 1, kind: Kind::Chains(1, 1), expected: Some(|n| n + 1) },
    Shape { name: "10x10", calcs: 100, kind: Kind::Chains(10, 10), expected: Some(|n| n + 10) },
    Shape {
        name: "100x100",
        calcs: 10_000,
        kind: Kind::Chains(100, 100),
        expected: Some(|n| n + 100),
    },
    Shape { name: "deep", calcs: 1000, kind: Kind::Chains(1, 1000), expected: Some(|n| n + 1000) },
    Shape { name: "broad", calcs: 1000, kind: Kind::Chains(1000, 1), expected: Some(|n| n + 1) },
    Shape {
        name: "diamond",
        calcs: 101,
        kind: Kind::Diamond(100),
        expected: Some(|n| 100 * (n + 1)),
    },
    Shape { name: "mux", calcs: 101, kind: Kind::Mux(100), expected: None },
];

impl Shape {
    pub(super) fn build<L: Library>(&self, library: &L) -> Built<L> {
        let sink = L::sink();
        let mut sources = vec![library.source(0)];
        match self.kind {
            Kind::Chains(width, height) => {
                for _ in 0..width {
                    let mut calc = library.calc_of_source(&sources[0]);
                    for _ in 1..height {
                        calc = library.calc_of(&calc);
                    }
                    library.effect_of(&calc, &sink);
                }
            }
            Kind::Diamond(width) => {
                let calcs = (0..width).map(|_| library.calc_of_source(&sources[0])).collect();
                let sum = library.sum_of(calcs);
                library.effect_of(&sum, &sink);
            }
            Kind::Mux(width) => {
                sources.extend((1..width).map(|_| library.source(0)));
                let sum = library.sum_of_sources(sources.clone());
                for _ in 0..width {
                    let calc = library.calc_of(&sum);
                    library.effect_of(&calc, &sink);
                }
            }
        }
        library.settle();
        Built { sources, sink }
    }
}
