//! The decision and what surrounds it, in one binary.

mod freshness;
mod modes;
mod rules;
mod table;
mod usage;
