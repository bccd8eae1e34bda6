use std::path::Path;

/// What the workspace resolved a crate to: every version of it.
fn resolved(name: &str) -> Vec<(u64, u64, u64)> {
    let lock = Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.lock");
    let lock: toml::Table = std::fs::read_to_string(lock).unwrap().parse().unwrap();
    let versions = lock["package"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|package| package["name"].as_str() == Some(name))
        .map(|package| {
            let mut parts = package["version"].as_str().unwrap().splitn(3, '.');
            let mut next = || parts.next().unwrap().parse().unwrap();
            (next(), next(), next())
        })
        .collect::<Vec<_>>();
    assert!(!versions.is_empty(), "{name} is not among the dependencies");
    versions
}

#[test]
fn quinn_is_not_older_than_its_last_known_hole() {
    // Before 0.11.14 one packet could panic an endpoint (CVE-2026-31812); before .15 streams with gaps had no bound
    // (RUSTSEC-2026-0185); before .17 memory could be exhausted in three ways (GHSA-qfwj-vfxf-92j2,
    // GHSA-hmxj-32vh-65vr, GHSA-2hv7-gw8g-gpq5); .17 itself broke slow readers.
    for version in resolved("quinn-proto") {
        assert!(version >= (0, 11, 18), "quinn-proto {version:?}");
    }
}
