//! The sink against real servers: every PostgreSQL that is installed here.

mod careful;
mod clean;
mod complete;
mod conflict;
mod database;
mod faults;
mod fixture;
mod lifecycle;
mod refusal;
