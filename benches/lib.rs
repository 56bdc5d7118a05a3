//! Nothing: the benches of this package are programs. `cargo bench -p migrate-benches` runs them.
