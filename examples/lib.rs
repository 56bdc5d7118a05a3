//! Nothing: the examples of this package are programs. `cargo run -p migrate-examples --example bacpac` runs one.
