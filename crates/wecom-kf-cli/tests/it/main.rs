//! The program `wecom-kf` as a person and a shell see it: output, errors and exit codes, against the simulator.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod accounts;
mod bot;
mod call;
mod callback;
mod customers;
mod doctor;
mod doctor_callback;
mod doctor_network;
mod doctor_store;
mod doctor_tls;
mod errcode;
mod export;
mod guide;
mod hostile;
mod inbox;
mod knowledge;
mod media;
mod pages;
mod redis;
mod send;
mod servicers;
mod sessions;
mod settings;
mod sim;
mod stage;
mod statistics;
mod tail;
mod terminal;
mod token;
mod upgrades;
