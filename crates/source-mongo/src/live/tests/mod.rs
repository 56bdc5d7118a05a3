//! Reading from real servers, which each test starts for itself.

mod catalog;
mod connecting;
mod fixture;
mod interrupted;
mod moment;
mod proxy;
mod reading;
mod without_key;
