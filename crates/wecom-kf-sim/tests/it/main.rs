//! The simulator as a stranger meets it: over HTTP, by reqwest, by the raw client, and on the bare socket.

#[cfg(test)]
mod accounts;
#[cfg(test)]
mod assumptions;
#[cfg(test)]
mod bot;
#[cfg(test)]
mod callbacks;
mod clock;
#[cfg(test)]
mod console_api;
#[cfg(test)]
mod contact_ways;
#[cfg(test)]
mod control;
#[cfg(test)]
mod control_names;
#[cfg(test)]
mod control_waits;
#[cfg(test)]
mod corps;
#[cfg(test)]
mod customers;
#[cfg(test)]
mod determinism;
#[cfg(test)]
mod docs;
#[cfg(test)]
mod documented;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod findings;
mod guard;
#[cfg(test)]
mod knowledge;
#[cfg(test)]
mod main_path;
#[cfg(test)]
mod media;
#[cfg(test)]
mod operations;
#[cfg(test)]
mod people;
#[cfg(test)]
mod play;
#[cfg(test)]
mod privacy;
#[cfg(test)]
mod program;
#[cfg(test)]
mod reading;
#[cfg(test)]
mod recall;
#[cfg(test)]
mod receiver;
#[cfg(test)]
mod sending;
#[cfg(test)]
mod servicers;
#[cfg(test)]
mod sessions;
#[cfg(test)]
mod state;
#[cfg(test)]
mod statistics;
#[cfg(test)]
mod strictness;
#[cfg(test)]
mod tokens;
#[cfg(test)]
mod upgrade;
#[cfg(test)]
mod waits;
#[cfg(test)]
mod wakes;
