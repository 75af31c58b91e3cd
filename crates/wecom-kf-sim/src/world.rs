//! Owns the state of a corp, its clock, its journal, its faults and what was found.

pub(crate) mod body;
pub(crate) mod carrier;
pub(crate) mod clock;
pub(crate) mod corps;
pub(crate) mod delivery_problem;
pub(crate) mod entry;
pub(crate) mod export;
pub(crate) mod fault;
pub(crate) mod finding;
pub(crate) mod hosts;
pub(crate) mod hub;
pub(crate) mod input;
pub(crate) mod journal;
pub(crate) mod masking;
pub(crate) mod outbox;
pub(crate) mod point;
pub(crate) mod report;
pub(crate) mod rules;
mod script;
pub(crate) mod setup;
mod state;
mod update;
pub(crate) mod view;

pub(crate) use state::{Holds, Listeners, World};
