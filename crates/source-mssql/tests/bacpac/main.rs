//! `.bacpac` files through the public interface: real ones, generated ones, and damaged ones.

mod all_types;
mod faults;
mod plans;
mod reading;
mod real_files;
mod schema;
