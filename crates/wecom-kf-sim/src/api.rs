//! The Rust handles: the simulator and its builder, customers, servicers, faults, files, upgrades.

pub(crate) mod builder;
pub(crate) mod customer;
pub(crate) mod fault;
pub(crate) mod media;
pub(crate) mod profile;
pub(crate) mod routes;
pub(crate) mod running;
pub(crate) mod servicer;
pub(crate) mod simulator;
pub(crate) mod statistics;
pub(crate) mod upgrade;
pub(crate) mod wait;
