//! A package for the tests that no single crate owns. Those of `e2e/` are targets of the command line's package, because
//! only tests of a package know where its binary is.

#[cfg(test)]
mod tidy;
